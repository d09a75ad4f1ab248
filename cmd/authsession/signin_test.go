//go:build unix

package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// console is a command in a terminal whose text a test reads while it runs.
type console struct {
	cmd  *exec.Cmd
	tty  *os.File
	done chan struct{} // closed at the end of the text

	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func startConsole(t *testing.T, width uint16, dir string, environ []string, args ...string) *console {
	t.Helper()
	c := &console{cmd: exec.Command("authsession", args...), done: make(chan struct{})}
	c.cmd.Dir = dir
	c.cmd.Env = append(append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME=", "TERM=xterm", "NO_COLOR=1",
		"GORACE=atexit_sleep_ms=0", "DISPLAY=", "WAYLAND_DISPLAY=", "BROWSER=", "SSH_CONNECTION=", "USER=ada"),
		environ...)
	tty, err := pty.StartWithSize(c.cmd, &pty.Winsize{Rows: 24, Cols: width})
	require.NoError(t, err)
	c.tty = tty
	go func() {
		defer close(c.done)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			c.mu.Lock()
			c.text.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.done
		_ = tty.Close()
	})
	return c
}

func (c *console) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.ReplaceAll(c.text.String(), "\r\n", "\n")
}

func (c *console) shows(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	require.Eventually(t, func() bool { return re.MatchString(c.shown()) }, 20*time.Second,
		10*time.Millisecond, "%s", pattern)
	return re.FindStringSubmatch(c.shown())
}

func (c *console) press(t *testing.T, keys string) {
	t.Helper()
	_, err := c.tty.WriteString(keys)
	require.NoError(t, err)
}

// ends waits for the command and returns what it showed after the keys, and its status.
func (c *console) ends(t *testing.T) (string, int) {
	t.Helper()
	_ = c.cmd.Wait()
	<-c.done
	return c.shown(), c.cmd.ProcessState.ExitCode()
}

func peopleFolder(t *testing.T) (*server, string) {
	t.Helper()
	s, err := startServer()
	require.NoError(t, err)
	t.Cleanup(s.close)
	return s, folder(t, `
sessions:
  reports:
    provider: oauth2
    origins: ["https://reports.example.com"]
    settings: {grant: authorization_code, client_id: c, token_url: "`+s.url+`/token", authorization_url: "`+
		s.url+`/authorize", device_authorization_url: "`+s.url+`/device"}
`)
}

// TestLoginOverSSH: the text says how to use a browser on another machine, and takes the address.
func TestLoginOverSSH(t *testing.T) {
	for _, width := range []uint16{40, 120} {
		_, dir := peopleFolder(t)
		c := startConsole(t, width, dir, []string{"SSH_CONNECTION=192.0.2.7 50022 192.0.2.9 22"}, "login")
		c.shows(t, `Address after the sign-in: $`)
		link := c.shows(t, `Session "reports": Sign in in your browser.*\n(http\S+)\n`)[1]
		require.Regexp(t, `ssh -L (\d+):127\.0\.0\.1:\d+ ada@192\.0\.2\.9\n`, c.shown())
		require.Contains(t, c.shown(), "far end of an SSH connection")
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
		resp, err := client.Get(link)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		c.press(t, "what is this\n")
		c.shows(t, `That is not the address`)
		c.press(t, resp.Header.Get("Location")+"\n")
		text, code := c.ends(t)
		require.Zero(t, code, text)
		require.Regexp(t, `(?m)^reports: signed in, until`, text)
	}
}

// TestLoginOnADevice: a code is shown, with the session and the true end.
func TestLoginOnADevice(t *testing.T) {
	_, dir := peopleFolder(t)
	c := startConsole(t, 80, dir, nil, "login", "--device")
	text, code := c.ends(t)
	require.Zero(t, code, text)
	require.Contains(t, text, `To sign in to session "reports", open this page on any device:`)
	require.Contains(t, text, "WDJB-MJHT")
	require.Regexp(t, `There is time until \d\d:\d\d \(15 minutes\)`, text)
	require.Regexp(t, `(?m)^reports: signed in, until`, text)
}

// TestLoginInterrupted: Ctrl-C ends every wait of a sign-in at once, with one line and the status
// of shells.
func TestLoginInterrupted(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(s *server) error
		args    []string
		until   string
	}{
		"at the question": {nil, []string{"login"}, `Address after the sign-in: $`},
		"at the code": {func(s *server) error { return s.control("pending", []string{"1"}) },
			[]string{"login", "--device"}, `There is time until .*\n\n$`},
		"while the server is down": {func(s *server) error { return s.control("delay", []string{"60000"}) },
			[]string{"login", "--device"}, `There is time until .*\n\n$`},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := peopleFolder(t)
			if tt.prepare != nil {
				require.NoError(t, tt.prepare(s))
			}
			c := startConsole(t, 80, dir, nil, tt.args...)
			c.shows(t, tt.until)
			before, began := len(c.shown()), time.Now()
			c.press(t, "\x03")
			text, code := c.ends(t)
			require.Less(t, time.Since(began), 15*time.Second)
			require.Equal(t, 130, code, text)
			after := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text[before:]), "^C"))
			require.Equal(t, "authsession: interrupted", after)
		})
	}
}
