//go:build linux

package plugins

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that is exchanged after its check is not what is executed.
func TestExchangedAfterCheck(t *testing.T) {
	echo, err := exec.LookPath("echo")
	require.NoError(t, err)
	program, err := os.ReadFile(echo)
	require.NoError(t, err)
	for name, text := range map[string]string{"program": string(program), "script": "#!/bin/sh\necho \"$@\"\n"} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
		b := Binary{Name: "x", Path: path, SHA256: sum([]byte(text))}
		file, err := b.open()
		require.NoError(t, err)
		defer file.Close()
		script, err := b.verify(file)
		require.NoError(t, err)
		require.Equal(t, name == "script", script)

		require.NoError(t, os.WriteFile(path+".evil", []byte("#!/bin/sh\necho evil\n"), 0o700))
		require.NoError(t, os.Rename(path+".evil", path))
		in, err := os.Open(os.DevNull)
		require.NoError(t, err)
		var out strings.Builder
		cmd := &exec.Cmd{Path: path, Args: []string{path, "good"}, Stdin: in, Stdout: &out}
		require.NoError(t, executeOpened(cmd, file, script))
		require.NoError(t, cmd.Run())
		require.NoError(t, cmd.Stdin.(*os.File).Close())
		require.Equal(t, "good\n", out.String())
	}
}

// A script may be a plugin, also one that only puts another program in its
// place, as wrappers and sandboxes do.
func TestScript(t *testing.T) {
	h, _ := newHost(t)
	path, _ := self()
	text := "#!/bin/sh\nexec '" + path + "'\n"
	at := filepath.Join(t.TempDir(), "wrapper")
	require.NoError(t, os.WriteFile(at, []byte(text), 0o700))
	b := testBinary()
	b.Path, b.SHA256 = at, sum([]byte(text))
	authenticate(t, openTest(t, h, b, nil))
}
