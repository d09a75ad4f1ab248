//go:build acceptance && linux

package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/authsession/authsession/store/storetest"
)

// keyringRole makes the test binary the program that uses a keyring, below a
// session bus of its own.
const keyringRole = "AUTHSESSION_ACCEPTANCE_KEYRING"

// TestKeyringProgram is that program, not a test.
func TestKeyringProgram(t *testing.T) {
	dir := os.Getenv("XDG_DATA_HOME")
	ring := store.Keyring(store.KeyringOptions{Timeout: 2 * time.Second})
	file := store.File(store.FileOptions{Dir: filepath.Join(dir, "credentials"), Timeout: 2 * time.Second})
	ctx := context.Background()
	switch os.Getenv(keyringRole) {
	case "":
		t.Skip("started by TestKeyring alone")
	case "conformance":
		storetest.Run(t, func() core.Store { return ring })
		storetest.Run(t, func() core.Store { return file })
		large := strings.Repeat("x", 100<<10)
		require.NoError(t, ring.Save(ctx, "large", core.NewSecret(large)))
		got, err := ring.Load(ctx, "large")
		require.NoError(t, err)
		require.Equal(t, large, got.Reveal())
		require.NoError(t, ring.Delete(ctx, "large"))
	case "save":
		require.NoError(t, ring.Save(ctx, "drive", core.NewSecret("token")))
		require.NoError(t, file.Save(ctx, "drive", core.NewSecret("in a file")))
	case "load":
		for s, want := range map[core.Store]string{ring: "token", file: "in a file"} {
			got, err := s.Load(ctx, "drive")
			require.NoError(t, err)
			require.Equal(t, want, got.Reveal())
		}
	case "fail":
		began := time.Now()
		for _, s := range []core.Store{ring, file} {
			_, err := s.Lock(ctx, "drive")
			fmt.Println("CODE", core.CodeOf(err), err)
			fmt.Println("CODE", core.CodeOf(s.Save(ctx, "drive", core.NewSecret("next"))))
		}
		fmt.Println("TOOK", int(time.Since(began).Seconds()))
	}
}

// How a keyring is started below a bus: unlocked with a password from standard
// input, or locked; and how it is stopped, so that calls hang. The daemon goes into the
// background before it owns its name. A call before that would start a second one.
const (
	unlocked = `gnome-keyring-daemon --unlock ` + ofTheTest + ownsName
	locked   = `gnome-keyring-daemon --start ` + ofTheTest + ownsName
	stopped  = `kill -STOP "$pid" && trap 'kill -KILL "$pid"' EXIT && `

	ofTheTest = `--components=secrets --control-directory="$XDG_RUNTIME_DIR/k" >/dev/null 2>&1 && `
	ownsName  = `for i in $(seq 200); do pid=$(dbus-send --session --print-reply ` +
		`--dest=org.freedesktop.DBus / org.freedesktop.DBus.GetConnectionUnixProcessID ` +
		`string:org.freedesktop.secrets 2>/dev/null | awk '/uint32/ {print $2}'); ` +
		`[ -z "$pid" ] || break; sleep 0.05; done; [ -n "$pid" ] && `
)

// underBus runs TestKeyringProgram in a role below a session bus of its own,
// in the folders of home.
func underBus(t *testing.T, home, daemon, role string) string {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(
		"dbus-run-session",
		"--",
		"sh",
		"-c",
		daemon+`"$0" -test.run '^TestKeyringProgram$' -test.timeout 2m`,
		binary,
	)
	return runKeyring(t, cmd, home, role)
}

func runKeyring(t *testing.T, cmd *exec.Cmd, home, role string) string {
	t.Helper()
	for _, name := range []string{"data", "run", "config", "cache"} {
		require.NoError(t, os.MkdirAll(filepath.Join(home, name), 0o700))
	}
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, keyringRole + "=" + role,
		"XDG_DATA_HOME=" + filepath.Join(home, "data"), "XDG_RUNTIME_DIR=" + filepath.Join(home, "run"),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_CACHE_HOME=" + filepath.Join(home, "cache"),
	}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second // the daemon may have the pipe
	require.NoError(t, cmd.Start())
	_, _ = io.WriteString(in, "password of the keyring")
	require.NoError(t, in.Close())
	err = cmd.Wait()
	require.NoError(t, err, out)
	return out.String()
}

func TestKeyring(t *testing.T) {
	for _, name := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		_, err := exec.LookPath(name)
		require.NoError(t, err, "make servers installs it")
	}
	t.Run("conformance", func(t *testing.T) { underBus(t, t.TempDir(), unlocked, "conformance") })
	t.Run("next start", func(t *testing.T) {
		home := t.TempDir()
		underBus(t, home, unlocked, "save")
		underBus(t, home, unlocked, "load")
	})
	t.Run("locked, and nobody there to be asked", func(t *testing.T) {
		home := t.TempDir()
		underBus(t, home, unlocked, "save")
		out := underBus(t, home, locked, "fail")
		require.Equal(t, 4, strings.Count(out, "CODE unavailable"), out)
		require.Contains(t, out, "the system's keyring is locked, or has no default collection: unlock it")
	})
	t.Run("stuck", func(t *testing.T) {
		out := underBus(t, t.TempDir(), unlocked+stopped, "fail")
		require.Equal(t, 4, strings.Count(out, "CODE unavailable"), out)
		require.Contains(t, out, "it is locked or does not answer: unlock it")
		require.Contains(t, out, "TOOK 2", "one call waits, the others fail at once")
	})
	t.Run("new keyring that nobody can make", func(t *testing.T) {
		out := underBus(t, t.TempDir(), "", "fail")
		require.Equal(t, 4, strings.Count(out, "CODE unavailable"), out)
	})
	t.Run("no bus", func(t *testing.T) {
		binary, err := os.Executable()
		require.NoError(t, err)
		out := runKeyring(t, exec.Command(binary, "-test.run", "^TestKeyringProgram$"), t.TempDir(), "fail")
		require.Equal(t, 4, strings.Count(out, "CODE bad config"), out)
		require.Contains(t, out, "use a store of files with a key file instead")
	})
}
