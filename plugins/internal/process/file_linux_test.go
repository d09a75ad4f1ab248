package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestExchangedAfterCheck proves that a file that is exchanged after its check is not executed.
func TestExchangedAfterCheck(t *testing.T) {
	echo, err := exec.LookPath("echo")
	require.NoError(t, err)
	program, err := os.ReadFile(echo)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"program": string(program), "script": "#!/bin/sh\necho \"$@\"\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
		p := Program{Name: "x", Path: path, SHA256: sum([]byte(text))}
		file, err := p.open()
		require.NoError(t, err)
		defer file.Close()
		isScript, err := p.verify(file)
		require.NoError(t, err)
		require.Equal(t, name == "script", isScript)

		require.NoError(t, os.WriteFile(path+".evil", []byte("#!/bin/sh\necho evil\n"), 0o700))
		require.NoError(t, os.Rename(path+".evil", path))
		in, err := os.Open(os.DevNull)
		require.NoError(t, err)
		var out strings.Builder
		cmd := &exec.Cmd{Path: path, Args: []string{path, "good"}, Stdin: in, Stdout: &out}
		require.NoError(t, executeOpened(cmd, file, isScript))
		require.NoError(t, cmd.Run())
		require.NoError(t, cmd.Stdin.(*os.File).Close())
		require.Equal(t, "good\n", out.String())
	}
}
