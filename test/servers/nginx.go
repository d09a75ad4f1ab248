package servers

import (
	"crypto/sha1"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed nginx.conf.tmpl
var nginxConf string

// Nginx is an API behind nginx. Below URL are /certificate, /basic/whoami,
// /header, /query, /cookie, /bearer, /busy (429) and /elsewhere (307); they
// answer with the caller's name. MandatoryURL wants a client certificate for
// the handshake already.
type Nginx struct {
	URL, MandatoryURL string
}

// NginxOptions say whom [StartNginx] lets in.
type NginxOptions struct {
	APIKey    string
	Users     map[string]string // password by name
	Bearers   map[string]string // name by token
	Elsewhere string            // where /elsewhere redirects to
}

// StartNginx starts nginx. Its server certificate and the client certificates
// that it accepts are of ca.
func StartNginx(t testing.TB, ca *CA, opts NginxOptions) *Nginx {
	t.Helper()
	program := need(t, "nginx", "/usr/sbin/nginx")
	dir := t.TempDir()
	writeNginxFiles(t, ca, dir, opts)

	// nginx cannot choose a port itself; another process may be faster.
	for attempt := 1; ; attempt++ {
		n, log, ok := tryNginx(t, program, dir, opts)
		if ok {
			return n
		}
		require.Less(t, attempt, 4, "nginx did not start: %s", log)
	}
}

func writeNginxFiles(t testing.TB, ca *CA, dir string, opts NginxOptions) {
	t.Helper()
	ca.Issue(t, "localhost").Write(t, dir, "server")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(ca.PEM), 0o600))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "www", "basic"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "www", "basic", "whoami"),
		[]byte("see X-Caller"), 0o600))
	var users string
	for name, password := range opts.Users {
		sum := sha1.Sum([]byte(password)) // what nginx understands on every platform
		users += name + ":{SHA}" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "users"), []byte(users), 0o600))
}

func tryNginx(t testing.TB, program, dir string, opts NginxOptions) (*Nginx, string, bool) {
	t.Helper()
	port, mandatory := freePort(t), freePort(t)
	conf, err := os.Create(filepath.Join(dir, "nginx.conf"))
	require.NoError(t, err)
	defer conf.Close()
	if opts.Elsewhere == "" {
		opts.Elsewhere = "https://localhost:1/"
	}
	require.NoError(t, template.Must(template.New("nginx").Parse(nginxConf)).Execute(conf, struct {
		NginxOptions
		Dir                 string
		Port, MandatoryPort int
	}{opts, dir, port, mandatory}))

	var log notes
	cmd := exec.Command(program, "-p", dir, "-e", "stderr", "-c", conf.Name())
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	ended := endWith(t, cmd, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	address := fmt.Sprintf("127.0.0.1:%d", mandatory)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		select {
		case <-ended:
			return nil, log.String(), false
		case <-time.After(10 * time.Millisecond):
		}
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = conn.Close()
			return &Nginx{
				URL:          fmt.Sprintf("https://127.0.0.1:%d", port),
				MandatoryURL: "https://" + address,
			}, "", true
		}
	}
	return nil, log.String(), false
}
