//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// screen runs the command in a terminal and answers what it asks. It returns what
// the terminal shows, and the exit status.
func screen(
	t *testing.T,
	width uint16,
	dir string,
	environ []string,
	answers []string,
	args ...string,
) (string, int) {
	t.Helper()
	cmd := exec.Command("authsession", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME=", "NO_COLOR=", "TERM=xterm",
		"GORACE=atexit_sleep_ms=0", "DISPLAY="), environ...)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: width})
	require.NoError(t, err)
	defer tty.Close()
	var shown bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf) // EIO at the end
			shown.Write(buf[:n])
			if err != nil {
				return
			}
			if len(answers) > 0 && strings.HasSuffix(shown.String(), ": ") {
				_, _ = tty.WriteString(answers[0] + "\n")
				answers = answers[1:]
			}
		}
	}()
	timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	defer timer.Stop()
	_ = cmd.Wait()
	<-read
	return strings.ReplaceAll(shown.String(), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

const twoSessions = `
sessions:
  prices: {provider: bearer, origins: ["https://prices.example.com"], settings: {token: t, subject: ada}}
  reports: {provider: bearer, origins: ["https://reports.example.com"], settings: {token: t}}
`

// TestStatusOnTerminals looks at wide and narrow terminals, with and without colour.
func TestStatusOnTerminals(t *testing.T) {
	dir := folder(t, twoSessions)
	wide, _ := screen(t, 120, dir, nil, nil, "-q", "status")
	require.Contains(t, wide, "\x1b[32mfresh\x1b[0m")
	require.Regexp(t, `(?m)^prices   bearer    -    `, wide)
	for _, environ := range []string{"NO_COLOR=1", "TERM=dumb"} {
		plain, _ := screen(t, 120, dir, []string{environ}, nil, "-q", "status")
		require.NotContains(t, plain, "\x1b")
		color := regexp.MustCompile(`\x1b\[[0-9]*m`)
		require.Equal(t, plain, color.ReplaceAllString(wide, ""), "colours do not move columns")
	}
	never, _ := screen(t, 120, dir, nil, nil, "-q", "--color", "never", "status")
	require.NotContains(t, never, "\x1b")

	narrow, _ := screen(t, 40, dir, []string{"NO_COLOR=1"}, nil, "-q", "status")
	require.Contains(t, narrow, "name         prices\n")
	require.Contains(t, narrow, "origin       https://prices.example.com\n")
	for _, line := range strings.Split(narrow, "\n") {
		require.LessOrEqual(t, len(line), 40, line)
	}

	narrow, _ = screen(t, 40, dir, nil, nil, "config", "explain", "prices", "settings.token")
	require.Equal(
		t,
		"settings.token\n  value  REDACTED\n  from   authsession.yaml:3:82\n  what   The token.\n",
		narrow,
	)
	narrow, _ = screen(t, 40, dir, nil, nil, "kinds")
	require.Contains(t, narrow, "\nbasic\n  what  A user name")
	wide, _ = screen(t, 200, dir, nil, nil, "kinds")
	require.Contains(t, wide, "KIND    WHAT\n")
}

// TestInitAsks: a person answers the questions of init.
func TestInitAsks(t *testing.T) {
	dir := t.TempDir()
	shown, code := screen(t, 100, dir, nil, []string{
		"oauth2", "reports", "https://reports.example.com", "authorization_code", "me", "https://login.example.com",
	}, "-c", "mine.yaml", "init")
	require.Zero(t, code, shown)
	require.Contains(t, shown, "Kind of the provider: ")
	require.Contains(t, shown, "Name of the session [oauth2]: ")
	text, err := os.ReadFile(filepath.Join(dir, "mine.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(text), "grant: authorization_code\n")
	require.Contains(t, string(text), "client_id: me\n")
	shown, code = screen(t, 100, dir, nil, nil, "config", "check", "mine.yaml")
	require.Zero(t, code, shown)
}

// TestInitAsksAgain: each answer is checked at once, and a wrong one is asked for again.
func TestInitAsksAgain(t *testing.T) {
	dir := t.TempDir()
	shown, code := screen(t, 100, dir, nil, []string{
		"", "oauth3", "oauth2", "reports", "nowhere", "https://reports.example.com/v1",
		"https://reports.example.com", "nonsense", "authorization_code", "", "me", "nowhere",
		"https://login.example.com",
	}, "-c", "mine.yaml", "init")
	require.Zero(t, code, shown)
	for _, text := range []string{
		"want the kind of the provider\n", "unknown kind \"oauth3\"", "origins.0: want an origin", "grant: want one of",
	} {
		require.Contains(t, shown, text)
	}
	require.Equal(t, 3, strings.Count(shown, "Where the credential may go"), shown)
	shown, code = screen(t, 100, dir, nil, nil, "config", "check", "mine.yaml")
	require.Zero(t, code, shown)
}

// TestInterrupted: Ctrl-C ends a wait at once, with the status of shells.
func TestInterrupted(t *testing.T) {
	s, err := startServer()
	require.NoError(t, err)
	t.Cleanup(s.close)
	require.NoError(t, s.control("delay", []string{"60000"}))
	dir := folder(t, `
sessions:
  job: {provider: oauth2, origins: ["https://a.example.com"], settings: {client_id: c, client_secret: s, token_url: "`+s.url+`/token"}}
`)
	cmd := exec.Command("authsession", "token", "job")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "GORACE=atexit_sleep_ms=0")
	tty, err := pty.Start(cmd)
	require.NoError(t, err)
	defer tty.Close()
	buf, shown := make([]byte, 1024), ""
	two := regexp.MustCompile(`[2-9]s of at most 30s`)
	for !two.MatchString(shown) { // the notice is updated in place
		n, err := tty.Read(buf)
		require.NoError(t, err, shown)
		shown += string(buf[:n])
	}
	require.Contains(t, shown, "\rauthsession: waiting for the credential of session \"job\"")
	began := time.Now()
	_, err = tty.WriteString("\x03")
	require.NoError(t, err)
	_ = cmd.Wait()
	require.Less(t, time.Since(began), 15*time.Second)
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
}

// TestWaitOnTerminals: the line of a wait is not wider than the terminal, and a terminal that
// cannot move gets a plain line.
func TestWaitOnTerminals(t *testing.T) {
	s, err := startServer()
	require.NoError(t, err)
	t.Cleanup(s.close)
	require.NoError(t, s.control("delay", []string{"2300"}))
	dir := folder(t, `
sessions:
  job: {provider: oauth2, origins: ["https://a.example.com"], settings: {client_id: c, client_secret: s, token_url: "`+s.url+`/token"}}
`)
	narrow, code := screen(t, 40, dir, nil, nil, "token", "job")
	require.Zero(t, code, narrow)
	require.Contains(t, narrow, "\rauthsession: waiting for the credentia…")
	for _, line := range regexp.MustCompile(`[\r\n]`).Split(narrow, -1) {
		text := strings.ReplaceAll(line, "\x1b[K", "")
		require.Less(t, utf8.RuneCountInString(text), 40, line)
	}
	dumb, code := screen(t, 80, dir, []string{"TERM=dumb"}, nil, "token", "job")
	require.Zero(t, code, dumb)
	require.NotContains(t, dumb, "\x1b")
	require.NotContains(t, strings.ReplaceAll(dumb, "\r\n", "\n"), "\r")
	require.Equal(t, 1, strings.Count(dumb, "waiting for"), dumb)
}
