package servers

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Squid is a forward proxy, Debian's squid, that wants credentials.
type Squid struct {
	Addr string // host:port
	log  string
}

// SquidOptions say what [StartSquid] wants.
type SquidOptions struct {
	Login  Login    // the one user
	Digest bool     // want Digest (RFC 7616) and not Basic
	Hosts  []string // names that the proxy takes for this machine
}

// StartSquid starts a proxy, or skips the test if squid is not installed.
func StartSquid(t testing.TB, opts SquidOptions) *Squid {
	t.Helper()
	program, err := exec.LookPath("/usr/sbin/squid")
	if err != nil {
		t.Skip("squid is not installed")
	}
	// Squid drops root's rights, so that its folder is open to other users.
	dir, err := os.MkdirTemp("", "squid")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o777)) //nolint:gosec // it has a test's proxy and no more
	s := &Squid{Addr: fmt.Sprintf("127.0.0.1:%d", freePort(t)), log: filepath.Join(dir, "access.log")}
	scheme, helper := "basic", "/usr/lib/squid/basic_ncsa_auth "
	user := opts.Login.User + ":" + hashOf(opts.Login.Password)
	if opts.Digest {
		scheme, helper = "digest", "/usr/lib/squid/digest_file_auth "
		user = opts.Login.User + ":" + opts.Login.Password
	}
	for name, text := range map[string]string{
		"users": user + "\n",
		"hosts": "127.0.0.1 " + strings.Join(opts.Hosts, " ") + "\n",
		"conf": fmt.Sprintf(`http_port %[1]s
hosts_file %[2]s/hosts
pid_filename none
access_log stdio:%[3]s
cache_log %[2]s/cache.log
cache deny all
shutdown_lifetime 0 seconds
max_filedescriptors 1024
auth_param %[4]s program %[5]s%[2]s/users
auth_param %[4]s realm proxy
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
`, s.Addr, dir, s.log, scheme, helper),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)) //nolint:gosec // as above
	}
	var log notes
	cmd := exec.Command(program, "-N", "-f", filepath.Join(dir, "conf"))
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	ended := endWith(t, cmd, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			t.Fatalf("squid has ended: %s", log.String())
		default:
		}
		conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)
	return s
}

// URL returns the proxy's URL with a user name and a password; without, if user is empty.
func (s *Squid) URL(user, password string) *url.URL {
	u := &url.URL{Scheme: "http", Host: s.Addr}
	if user != "" {
		u.User = url.UserPassword(user, password)
	}
	return u
}

// Log returns the lines of the access log.
func (s *Squid) Log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(s.log)
	require.NoError(t, err)
	return string(text)
}

// hashOf returns a password in the oldest form that squid's file of users has.
func hashOf(password string) string {
	sum := md5.Sum([]byte(password)) //nolint:gosec // squid's form
	return hex.EncodeToString(sum[:])
}
