//go:build acceptance && linux

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// registered waits until the daemon has its name on the bus: a call before that would
// start another daemon, which is locked.
const registered = `for i in $(seq 200); do dbus-send --session --print-reply --dest=org.freedesktop.DBus / ` +
	`org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q true && break; ` +
	`sleep 0.05; done; `

// TestCommandAndTheKeyring: the command keeps a credential in the keyring; while that
// is locked it says so at once, and does not ask for another token.
func TestCommandAndTheKeyring(t *testing.T) {
	i := newIssuer(t)
	h := newHome(t, i, "store: {kind: keyring}\nsessions:\n  job:"+oauthSession+
		"    origins: [https://api.example.com]\n")
	for _, name := range []string{"DATA_HOME", "RUNTIME_DIR"} {
		dir := filepath.Join(h.dir, name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		h.environ = append(h.environ, "XDG_"+name+"="+dir)
	}
	underBus := func(daemon, script string) string {
		cmd := exec.Command("dbus-run-session", "--", "sh", "-c", daemon+registered+script)
		cmd.Dir, cmd.Env, cmd.Stdin = h.dir, h.environ, strings.NewReader("password")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	out := underBus(unlocked, "authsession -q login job && authsession token job && authsession token job")
	require.Contains(t, out, "kept in the store of the kind keyring")
	require.Equal(t, 2, strings.Count(out, "\ntoken-1"))
	require.Equal(t, 1, i.count())

	out = underBus(locked, "authsession -q token job; echo status $?")
	require.Contains(t, out, "status 75")
	require.Contains(t, out, "keyring")
	require.NotContains(t, out, "token-")
	require.Equal(t, 1, i.count())
}
