//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

const oneToken = `
sessions:
  key: {provider: bearer, origins: ["https://a.example.com"], settings: {token: t}}
`

// shell returns a shell command that runs in a folder with a configuration.
func shell(t *testing.T, text string) *exec.Cmd {
	cmd := exec.Command("sh", "-c", text)
	cmd.Dir = folder(t, oneToken)
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "GORACE=atexit_sleep_ms=0", "XDG_CONFIG_HOME=",
		"EXEC=exec authsession exec key --as env:T=token --")
	return cmd
}

// ended waits for a command, which it ends after a while.
func ended(t *testing.T, cmd *exec.Cmd) int {
	timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// pidIn waits for a number in a file.
func pidIn(t *testing.T, name string) (pid int) {
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(name)
		pid, _ = strconv.Atoi(string(text))
		return err == nil && pid > 0
	}, 20*time.Second, 10*time.Millisecond)
	return pid
}

// TestExecCtrlC: the command has a Ctrl-C once, also if stdin is no terminal.
func TestExecCtrlC(t *testing.T) {
	for name, line := range map[string]string{
		"stdin is the terminal": "$EXEC child count pid",
		"stdin is a pipe":       "sleep 3 | $EXEC child count pid",
	} {
		t.Run(name, func(t *testing.T) {
			cmd := shell(t, line)
			tty, err := pty.Start(cmd)
			require.NoError(t, err)
			defer tty.Close()
			shown := make(chan string)
			go func() {
				s := bufio.NewScanner(tty)
				var b strings.Builder
				for s.Scan() {
					b.WriteString(s.Text() + "\n")
				}
				shown <- b.String()
			}()
			pidIn(t, filepath.Join(cmd.Dir, "pid"))
			_, err = tty.WriteString("\x03")
			require.NoError(t, err)
			ended(t, cmd)
			require.Contains(t, <-shown, "got 1")
		})
	}
}

// TestExecInBackground: a signal to exec goes to the command if the terminal does not send
// it, although stdin is one.
func TestExecInBackground(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		ptmx, tty, err := pty.Open()
		require.NoError(t, err)
		cmd := shell(t, "$EXEC child count pid")
		var out bytes.Buffer
		cmd.Stdin, cmd.Stdout = tty, &out
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal of its own
		require.NoError(t, cmd.Start())
		require.NoError(t, syscall.Kill(pidIn(t, filepath.Join(cmd.Dir, "pid")), s))
		require.Equal(t, 7, ended(t, cmd))
		require.Contains(t, out.String(), "got 1", s)
		require.NoError(t, ptmx.Close())
		require.NoError(t, tty.Close())
	}
}

// TestExecIgnores: what exec was started to ignore, its command ignores, too.
func TestExecIgnores(t *testing.T) {
	for _, name := range []string{"HUP", "INT"} {
		cmd := shell(t, "trap '' "+name+"; $EXEC sh -c 'kill -"+name+" $$; echo alive'")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		require.Equal(t, "alive\n", string(out))
		cmd = shell(t, "trap '' "+name+"; $EXEC sh -c 'kill -"+name+" $PPID; sleep 0.2; echo alive'")
		out, err = cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		require.Equal(t, "alive\n", string(out))
	}
}

// TestExecEndedBefore: exec that a signal ends before the command starts has the status of
// shells.
func TestExecEndedBefore(t *testing.T) {
	s, err := startServer()
	require.NoError(t, err)
	t.Cleanup(s.close)
	require.NoError(t, s.control("delay", []string{"60000"}))
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		dir := folder(t, `
sessions:
  job: {provider: oauth2, origins: ["https://a.example.com"], settings: {client_id: c, client_secret: s, token_url: "`+s.url+`/token"}}
`)
		cmd := exec.Command("authsession", "exec", "job", "--as", "env:T=token", "--", "true")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "GORACE=atexit_sleep_ms=0")
		stderr, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(stderr).ReadString('\n') // the notice of the wait
		require.NoError(t, err)
		require.Contains(t, line, "waiting for")
		require.NoError(t, cmd.Process.Signal(sig))
		require.Equal(t, want, ended(t, cmd))
	}
}
