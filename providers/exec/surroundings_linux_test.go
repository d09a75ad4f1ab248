package exec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/exec"
)

// hostRoles are what this binary does as a program of its own that has sessions.
func init() {
	extraRoles = map[string]func(string) int{
		"reap": reapAll, "host": hostInTerminal, "descriptors": printDescriptors,
	}
}

// printDescriptors prints the open descriptors as a token.
func printDescriptors(string) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 1
	}
	var names []string
	for _, entry := range entries {
		// Those of the runtime, such as an epoll, are not files of another process.
		target, _ := os.Readlink("/proc/self/fd/" + entry.Name())
		if target == os.Getenv("AUTHSESSION_INHERITED") {
			names = append(names, entry.Name())
		}
	}
	fmt.Print("open-", strings.Join(names, "-"))
	return 0
}

// TestInheritedDescriptors checks that a descriptor which this process got from its own parent, and
// which has no close-on-exec flag, does not reach the command.
func TestInheritedDescriptors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	for _, at := range []int{77, 200} {
		require.NoError(t, unix.Dup2(int(file.Fd()), at))
		defer unix.Close(at)
	}
	cfg := command(t, "descriptors", "")
	cfg.Env["AUTHSESSION_INHERITED"] = core.NewSecret(path)
	c, err := run(t, cfg)
	require.NoError(t, err)
	require.Equal(t, "open-", bearer(t, c))
	flags, err := unix.FcntlInt(77, unix.F_GETFD, 0)
	require.NoError(t, err)
	require.Zero(t, flags, "what this process passes on itself is as before")
}

// reapAll collects all children, as PID 1 of a container does, while it runs commands.
func reapAll(self string) int {
	go func() {
		for {
			if _, err := syscall.Wait4(-1, nil, 0, nil); errors.Is(err, syscall.ECHILD) {
				time.Sleep(100 * time.Microsecond)
			}
		}
	}()
	const least, most = 80, 2000 // runs: until one was collected elsewhere
	lost, unknown := 0, 0
	for i := 0; i < least || i < most && unknown == 0; i++ {
		text := `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",` +
			`"status":{"token":"tok"}}`
		if i%2 == 1 {
			text = "" // prints nothing
		}
		p, err := exec.New(exec.Config{Command: self, Env: map[string]core.Secret{
			roleVar: core.NewSecret("print"), textVar: core.NewSecret(text),
			raceVar: core.NewSecret(raceText),
		}})
		if err != nil {
			return 1
		}
		_, err = p.Authenticate(context.Background(), core.Request{})
		switch {
		case text != "" && err != nil:
			lost++
		case text == "" && !strings.Contains(fmt.Sprint(err), "prints nothing"):
			lost++
		case strings.Contains(fmt.Sprint(err), "exit status is not known"):
			unknown++
		}
	}
	fmt.Printf("lost=%d unknown=%t", lost, unknown > 0)
	return 0
}

// TestReaper checks that a whole output counts although another part of the process collects the
// command.
func TestReaper(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := osexec.Command(self)
	cmd.Env = append(os.Environ(), roleVar+"=reap", textVar+"="+self, raceVar+"="+raceText)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "lost=0 unknown=true", string(out))
}

// terminalPair opens a terminal, and returns its keyboard and screen, and its other side.
func terminalPair(t *testing.T) (keys, tty *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0))
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = keys.Close(), tty.Close() })
	return keys, tty
}

// askScript asks at the terminal and prints the answer as a token.
const askScript = `printf 'MFA code: ' >/dev/tty && read -r code </dev/tty && echo "tok-$code"`

// hostInTerminal is a program with a session whose command asks. settings says what it has.
func hostInTerminal(settings string) int {
	script := askScript
	if strings.Contains(settings, "careless") { // does not look whether it can ask
		script = `printf 'MFA code: ' >/dev/tty; read -r code </dev/tty; echo "$code"`
	}
	if strings.Contains(settings, "hang") {
		script = "stty -echo </dev/tty && read -r code </dev/tty && sleep 60"
	}
	p, err := exec.New(exec.Config{
		Command: "/bin/sh", Args: []string{"-c", script},
		Interactive: strings.Contains(settings, "interactive"),
	})
	if err != nil {
		return 1
	}
	opts := &core.Options{Timeout: 20 * time.Second}
	if strings.Contains(settings, "ui") {
		opts.UI = &core.UI{Show: func(_ context.Context, text string) error {
			_, err := fmt.Fprintln(os.Stderr, text)
			return err
		}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if strings.Contains(settings, "hang") {
		ctx, cancel = context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err = p.(core.InteractiveProvider).SignIn(ctx, core.Request{}, core.UI{})
		fmt.Println("error:", err)
		return 0
	}
	s := core.New("prices", p, opts)
	began := time.Now()
	err = s.Init(ctx)
	if err != nil {
		fmt.Println("error:", core.CodeOf(err), err, time.Since(began) < 15*time.Second)
		return 0
	}
	c, _ := s.Credential(ctx)
	fmt.Println("credential:", c.Attach.Header["Authorization"].Reveal())
	return 0
}

// startHost starts this binary as the host, in the foreground of a terminal.
func startHost(t *testing.T, tty *os.File, settings string) (wait func() string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := osexec.Command(self)
	cmd.Env = append(os.Environ(), roleVar+"=host", textVar+"="+settings, raceVar+"="+raceText)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, &out, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	require.NoError(t, cmd.Start())
	return func() string {
		require.NoError(t, cmd.Wait())
		return out.String()
	}
}

// TestNoTerminal checks that a command which asks at the terminal of this process fails at once.
func TestNoTerminal(t *testing.T) {
	for _, settings := range []string{"", "ui", "careless", "careless ui"} {
		_, tty := terminalPair(t)
		out := startHost(t, tty, settings)()
		require.Contains(t, out, "error: interactive", settings)
		require.Contains(t, out,
			"it asks a person at a terminal, and has none: set interactive: true", settings)
		require.Contains(t, out, "true\n", "it fails at once")
	}
	_, tty := terminalPair(t)
	out := startHost(t, tty, "interactive")()
	require.Contains(t, out, "error: interactive", "there is no UI")
	require.NotContains(t, out, "set interactive: true")
}

// TestAskInTerminal checks that a command may ask during a sign-in if the settings say so.
func TestAskInTerminal(t *testing.T) {
	for _, settings := range []string{"interactive ui", "interactive careless ui"} {
		keys, tty := terminalPair(t)
		wait := startHost(t, tty, settings)
		var screen bytes.Buffer
		buffer := make([]byte, 1024)
		_ = keys.SetReadDeadline(time.Now().Add(30 * time.Second))
		for !strings.Contains(screen.String(), "MFA code: ") {
			n, err := keys.Read(buffer)
			require.NoError(t, err)
			screen.Write(buffer[:n])
		}
		require.Contains(t, screen.String(), `The program "/bin/sh" may ask you here.`)
		_, err := keys.WriteString("4711\n")
		require.NoError(t, err)
		require.Contains(t, wait(), "4711")
	}
}

// TestEndOfSignIn checks that a command which asks ends with the sign-in, and that the echo of the
// terminal is as before.
func TestEndOfSignIn(t *testing.T) {
	keys, tty := terminalPair(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	wait := startHost(t, tty, "interactive hang")
	go func() {
		buffer := make([]byte, 1024)
		for {
			if _, err := keys.Read(buffer); err != nil {
				return
			}
		}
	}()
	require.Contains(t, wait(), "was ended, its time was up")
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	require.NoError(t, err)
	require.Equal(t, before.Lflag, after.Lflag)
}

// TestNoTerminalForSignIn checks the error of a program that has no terminal itself.
func TestNoTerminalForSignIn(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := osexec.Command(self)
	cmd.Env = append(os.Environ(), roleVar+"=host", textVar+"=interactive ui", raceVar+"="+raceText)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "error: interactive")
	require.Contains(t, string(out),
		"may ask a person, and this process has no terminal: run it by hand")
}

// TestWaitsForPerson checks that a command which waits for a person in another way, such as in a
// browser, is ended early enough for a sign-in.
func TestWaitsForPerson(t *testing.T) {
	const limit = 4 * time.Second // a fifth of it is for the end of the command
	p, err := exec.New(exec.Config{Command: "/bin/sh", Args: []string{"-c", "exec sleep 60"},
		Interactive: true})
	require.NoError(t, err)
	t.Run("provider", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := p.Authenticate(ctx, core.Request{})
		require.ErrorIs(t, err, core.CodeInteractive)
		require.ErrorContains(t, err, "did not end in time, and may wait for a person")
		require.NoError(t, ctx.Err())
	})
	t.Run("session", func(t *testing.T) {
		t.Parallel()
		signedIn := false
		s := core.New("prices", p, &core.Options{Timeout: limit, UI: &core.UI{
			Show: func(context.Context, string) error {
				signedIn = true
				return core.Errorf(core.CodeInteractive, "nobody is there")
			},
		}})
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeInteractive)
		want := "may ask a person, and this process" // has no terminal, or is in the background
		if signedIn {
			want = "nobody is there"
		}
		require.ErrorContains(t, err, want)
	})
}
