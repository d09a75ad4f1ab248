package servers

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// This file starts servers of Debian that do not speak HTTP. Each listens with
// TLS on a free port of the loopback, wants a client certificate, and ends with
// the test.

// Login is a user name and a password that a server knows.
type Login struct{ User, Password string }

// Daemon is a server that runs.
type Daemon struct {
	Address string // "localhost:port"
	Second  string // of a second listener, where the server has one

	dir  string
	cmd  *exec.Cmd
	text func(ports []int) string // its configuration; nil: it has none that can be read again
	list []int                    // its ports
}

// daemonConfig is how to start a server.
type daemonConfig struct {
	dir     string
	ports   int
	text    func(ports []int) string // of the file "conf" in dir
	command func() *exec.Cmd
	stop    syscall.Signal
	ready   string // what the server says once it can be used; empty: it listens then
}

// startDaemon starts a server and waits until it listens on its ports.
func startDaemon(t testing.TB, c daemonConfig) *Daemon {
	t.Helper()
	for attempt := 1; ; attempt++ {
		d, log, ok := tryDaemon(t, c)
		if ok {
			return d
		}
		require.Less(t, attempt, 4, "the server did not start: %s", log)
	}
}

func tryDaemon(t testing.TB, c daemonConfig) (*Daemon, string, bool) {
	t.Helper()
	d := &Daemon{dir: c.dir, text: c.text}
	for range c.ports {
		d.list = append(d.list, freePort(t))
	}
	d.configure(t)
	var log notes
	d.cmd = c.command()
	d.cmd.Stdout, d.cmd.Stderr = &log, &log
	require.NoError(t, d.cmd.Start())
	ended := endWith(t, d.cmd, func() { _ = d.cmd.Process.Signal(c.stop) })
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		select {
		case <-ended:
			return nil, log.String(), false
		case <-time.After(20 * time.Millisecond):
		}
		deaf := func(port int) bool { return !listens(d.cmd.Process.Pid, port) }
		if !slices.ContainsFunc(d.list, deaf) && strings.Contains(log.String(), c.ready) {
			d.Address = fmt.Sprintf("localhost:%d", d.list[0])
			d.Second = fmt.Sprintf("localhost:%d", d.list[len(d.list)-1])
			return d, "", true
		}
	}
	return nil, log.String(), false
}

// configure writes the configuration.
func (d *Daemon) configure(t testing.TB) {
	t.Helper()
	file := filepath.Join(d.dir, "conf")
	require.NoError(t, os.WriteFile(file, []byte(d.text(d.list)), 0o644))
}

// Reload makes the server read its configuration again.
func (d *Daemon) Reload(t testing.TB) {
	t.Helper()
	d.configure(t)
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGHUP))
}

// listens reports whether a process listens on a port of 127.0.0.1.
func listens(pid, port int) bool {
	table, err := os.Open("/proc/net/tcp")
	if err != nil {
		return false
	}
	defer table.Close()
	const listening = "0A"
	local, inode := fmt.Sprintf("0100007F:%04X", port), ""
	for lines := bufio.NewScanner(table); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) > 9 && f[1] == local && f[3] == listening {
			inode = f[9]
		}
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return inode != "" && slices.ContainsFunc(files, func(file string) bool {
		target, err := os.Readlink(file)
		return err == nil && target == "socket:["+inode+"]"
	})
}

// TrustFile is the file in which a server finds whose client certificates it takes.
func (d *Daemon) TrustFile() string { return filepath.Join(d.dir, "clients.pem") }

// Trust writes whose client certificates the server takes. It reads that again only
// when it is told to.
func (d *Daemon) Trust(t testing.TB, clients ...*CA) {
	t.Helper()
	trust(t, d.TrustFile(), clients...)
}

func trust(t testing.TB, file string, clients ...*CA) {
	t.Helper()
	var text string
	for _, ca := range clients {
		text += ca.PEM
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
}

// daemonDir makes the folder of a server, with its certificate and whose client
// certificates it takes.
func daemonDir(t testing.TB, ca *CA, clients []*CA) string {
	t.Helper()
	dir := t.TempDir()
	ca.Issue(t, "localhost").Write(t, dir, "server")
	trust(t, filepath.Join(dir, "clients.pem"), clients...)
	return dir
}

// StartRedis starts Redis. CONFIG SET tls-ca-cert-file makes it read its TrustFile.
func StartRedis(t testing.TB, ca *CA, login Login, clients ...*CA) *Daemon {
	t.Helper()
	program, dir := need(t, "redis-server"), daemonDir(t, ca, clients)
	return startDaemon(t, daemonConfig{
		dir: dir, ports: 1, stop: syscall.SIGTERM,
		text: func(ports []int) string {
			return fmt.Sprintf(`bind 127.0.0.1
port 0
tls-port %[1]d
tls-cert-file %[2]s/server.pem
tls-key-file %[2]s/server.key
tls-ca-cert-file %[2]s/clients.pem
tls-auth-clients yes
dir %[2]s
save ""
user default off
user %[3]s on #%[4]x ~* &* +@all
`, ports[0], dir, login.User, sha256.Sum256([]byte(login.Password)))
		},
		command: func() *exec.Cmd { return exec.Command(program, filepath.Join(dir, "conf")) },
	})
}

// StartMosquitto starts the MQTT broker mosquitto. Its second listener takes the
// certificates of the last of clients only.
func StartMosquitto(t testing.TB, ca *CA, login Login, clients ...*CA) *Daemon {
	t.Helper()
	program := need(t, "mosquitto", "/usr/sbin/mosquitto")
	dir := daemonDir(t, ca, clients)
	trust(t, filepath.Join(dir, "last.pem"), clients[len(clients)-1])
	me, err := user.Current()
	require.NoError(t, err)
	passwords := filepath.Join(dir, "passwords")
	out, err := exec.Command(need(t, "mosquitto_passwd"), "-c", "-b", passwords,
		login.User, login.Password).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return startDaemon(t, daemonConfig{
		dir: dir, ports: 2, stop: syscall.SIGTERM,
		text: func(ports []int) string {
			text := fmt.Sprintf("user %s\nallow_anonymous false\npassword_file %s\n",
				me.Username, passwords)
			for i, trusted := range []string{"clients.pem", "last.pem"} {
				text += fmt.Sprintf(`listener %[1]d 127.0.0.1
certfile %[2]s/server.pem
keyfile %[2]s/server.key
cafile %[2]s/%[3]s
require_certificate true
`, ports[i], dir, trusted)
			}
			return text
		},
		command: func() *exec.Cmd {
			return exec.Command(program, "-c", filepath.Join(dir, "conf"))
		},
	})
}

// StartNATS starts a NATS server that takes a token. Reload makes it read its
// TrustFile and what token returns.
func StartNATS(t testing.TB, ca *CA, token func() string, clients ...*CA) *Daemon {
	t.Helper()
	program := need(t, "nats-server", "/usr/sbin/nats-server")
	dir := daemonDir(t, ca, clients)
	return startDaemon(t, daemonConfig{
		dir: dir, ports: 1, stop: syscall.SIGTERM,
		text: func(ports []int) string {
			return fmt.Sprintf(`listen: "127.0.0.1:%[1]d"
tls {
  cert_file: "%[2]s/server.pem"
  key_file: "%[2]s/server.key"
  ca_file: "%[2]s/clients.pem"
  verify: true
  timeout: 5
}
authorization { token: %[3]q }
`, ports[0], dir, token())
		},
		command: func() *exec.Cmd {
			return exec.Command(program, "-c", filepath.Join(dir, "conf"))
		},
	})
}

// StartPostgres starts PostgreSQL with one user, who owns it, and wants a client
// certificate and the password.
func StartPostgres(t testing.TB, ca *CA, login Login, clients ...*CA) *Daemon {
	t.Helper()
	program, initdb := needPostgres(t, "postgres"), needPostgres(t, "initdb")
	dir := daemonDir(t, ca, clients)
	data := filepath.Join(dir, "data")
	password := filepath.Join(dir, "password")
	require.NoError(t, os.WriteFile(password, []byte(login.Password+"\n"), 0o600))
	as := ownedByPostgres(t, dir)
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.SysProcAttr = dir, as
		return cmd
	}
	out, err := run(initdb, "-D", data, "-U", login.User, "--pwfile", password,
		"-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync").CombinedOutput()
	require.NoError(t, err, "%s", out)
	hba := "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "hba"), []byte(hba), 0o644))
	return startDaemon(t, daemonConfig{
		dir: dir, ports: 1, stop: syscall.SIGINT,
		ready: "database system is ready to accept connections",
		text: func(ports []int) string {
			return fmt.Sprintf(`listen_addresses = '127.0.0.1'
port = %[1]d
unix_socket_directories = ''
data_directory = '%[2]s/data'
hba_file = '%[2]s/hba'
ssl = on
ssl_cert_file = '%[2]s/server.pem'
ssl_key_file = '%[2]s/server.key'
ssl_ca_file = '%[2]s/clients.pem'
fsync = off
`, ports[0], dir)
		},
		command: func() *exec.Cmd {
			return run(program, "-D", data, "-c", "config_file="+filepath.Join(dir, "conf"))
		},
	})
}

// needPostgres returns the path of a program of PostgreSQL, which Debian keeps out
// of PATH.
func needPostgres(t testing.TB, name string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	return need(t, name, found...)
}

// ownedByPostgres returns how to run a program as somebody who is not root, as
// PostgreSQL wants it, and gives that user a folder.
func ownedByPostgres(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	require.NoError(t, err)
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(u.Gid)
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	// A test's folder lies in one that its owner alone can enter.
	for _, file := range append(files, dir, filepath.Dir(dir)) {
		require.NoError(t, os.Chown(file, uid, gid))
	}
	return runAs(uid, gid)
}
