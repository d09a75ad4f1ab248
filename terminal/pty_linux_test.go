package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

// pty is a terminal with the test at its keyboard and screen.
type pty struct {
	keys *os.File
	tty  *os.File

	mu     sync.Mutex
	screen bytes.Buffer // guarded by mu
}

func newPTY(t *testing.T, columns, rows uint16) *pty {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0))
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}))
	p := &pty{keys: keys, tty: tty}
	read := make(chan struct{})
	go func() {
		defer close(read)
		var b [1024]byte
		for {
			n, err := keys.Read(b[:])
			p.mu.Lock()
			p.screen.Write(b[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_, _ = keys.WriteString("\n") // for a read that a question left behind
		require.NoError(t, tty.Close())
		<-read
		require.NoError(t, keys.Close())
	})
	return p
}

// text returns what the screen shows, with the line ends of a file.
func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.ReplaceAll(p.screen.String(), "\r\n", "\n")
}

func (p *pty) shows(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.text(), text) }, 20*time.Second, time.Millisecond)
}

func (p *pty) state(t *testing.T) unix.Termios {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return *state
}

// silent waits until nothing is echoed.
func (p *pty) silent(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return p.state(t).Lflag&unix.ECHO == 0 }, 20*time.Second, time.Millisecond)
}

func (p *pty) ui() *core.UI { return terminal.New(&terminal.Options{In: p.tty, Out: p.tty}) }

// outcome is what Ask returns.
type outcome struct {
	answer core.Secret
	err    error
}

func ask(ctx context.Context, ui *core.UI, prompt string, hidden bool) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		answer, err := ui.Ask(ctx, prompt, hidden)
		done <- outcome{answer, err}
	}()
	return done
}

func TestTerminalAsk(t *testing.T) {
	p := newPTY(t, 80, 24)
	before := p.state(t)
	ui := p.ui()
	name := ask(t.Context(), ui, "Name", false)
	p.shows(t, "Name: ")
	_, err := p.keys.WriteString("adx\x7fa\n")
	require.NoError(t, err)
	got := <-name
	require.NoError(t, got.err)
	require.Equal(t, "ada", got.answer.Reveal())
	p.shows(t, "Name: adx")

	password := ask(t.Context(), ui, "Password", true)
	p.shows(t, "Password: ")
	p.silent(t)
	_, err = p.keys.WriteString("hunter3\x7f2\r")
	require.NoError(t, err)
	got = <-password
	require.NoError(t, got.err)
	require.Equal(t, "hunter2", got.answer.Reveal())
	require.Equal(t, before, p.state(t))
	require.NoError(t, ui.Show(t.Context(), "the end"))
	p.shows(t, "Password: \nthe end\n")
	require.NotContains(t, p.text(), "hunter")
}

// However a hidden question ends, the terminal is as before and says so soon.
func TestTerminalIsRestored(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *pty, context.CancelFunc){
		"context": func(_ *testing.T, _ *pty, cancel context.CancelFunc) { cancel() },
		"Ctrl-C":  func(t *testing.T, p *pty, _ context.CancelFunc) { p.press(t, "half\x03") },
		"Ctrl-D":  func(t *testing.T, p *pty, _ context.CancelFunc) { p.press(t, "\x04") },
		"SIGTERM": func(t *testing.T, _ *pty, _ context.CancelFunc) {
			require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		},
		"SIGINT": func(t *testing.T, _ *pty, _ context.CancelFunc) {
			require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGINT))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPTY(t, 80, 24)
			before := p.state(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := ask(ctx, p.ui(), "Password", true)
			p.silent(t)
			end(t, p, cancel)
			got := <-done
			require.ErrorIs(t, got.err, core.CodeInteractive)
			require.ErrorContains(t, got.err, `nobody answered "Password"`)
			require.Equal(t, name == "Ctrl-C", errors.Is(got.err, terminal.ErrInterrupted))
			require.Equal(t, name == "context", got.err != nil && ctx.Err() != nil)
			require.Empty(t, got.answer.Reveal())
			require.Equal(t, before, p.state(t))
			p.shows(t, "Password: \n")
		})
	}
}

func (p *pty) press(t *testing.T, keys string) {
	t.Helper()
	_, err := p.keys.WriteString(keys)
	require.NoError(t, err)
}

func TestTerminalVisit(t *testing.T) {
	visit := core.DevicePrompt{
		VerificationURI:         "https://login.example.com/device",
		UserCode:                "WDJB-MJHT",
		VerificationURIComplete: "https://login.example.com/device?user_code=WDJB-MJHT",
	}
	for _, tt := range []struct {
		name          string
		columns, rows uint16
		noQR          bool
		noColor, term string
		qr, color     bool
	}{
		{"wide", 80, 30, false, "", "xterm", true, true},
		{"no color", 80, 30, false, "1", "xterm", true, false},
		{"narrow", 30, 30, false, "", "xterm", false, false},
		{"low", 80, 10, false, "", "xterm", false, false},
		{"dumb", 80, 30, false, "", "dumb", false, false},
		{"not wanted", 80, 30, true, "", "xterm", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("NO_COLOR", tt.noColor)
			t.Setenv("TERM", tt.term)
			p := newPTY(t, tt.columns, tt.rows)
			ui := terminal.New(&terminal.Options{In: p.tty, Out: p.tty, NoQR: tt.noQR})
			require.NoError(t, ui.ShowDevicePrompt(t.Context(), visit))
			require.NoError(t, ui.Show(t.Context(), "shown"))
			p.shows(t, "shown\n")
			text := p.text()
			require.Contains(t, text, visit.VerificationURI+"\n")
			require.Contains(t, text, visit.UserCode+"\n")
			require.Equal(t, tt.qr, strings.Contains(text, "Or scan:") && strings.Contains(text,
				"█ ▄▄▄▄▄ █"),
				text)
			require.Equal(t, tt.color, strings.Contains(text, "\x1b["))
		})
	}
}
