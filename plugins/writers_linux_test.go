package plugins

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestFilesThatOthersMayWrite proves that a plugin in an emptyDir, in a volume with an fsGroup or
// of an owner that a user namespace does not map works, and that its private copy is executed;
// with another checksum none of them is.
func TestFilesThatOthersMayWrite(t *testing.T) {
	program, _ := self()
	data, err := os.ReadFile(program)
	require.NoError(t, err)
	const nobody = 65534
	isRoot := os.Geteuid() == 0
	type file struct {
		folder, mode os.FileMode
		owner, group int // of file and folder; -1: this user
		isPrivate    bool
	}
	for name, c := range map[string]file{
		"private":        {0o700, 0o700, -1, -1, true},
		"emptyDir":       {0o777, 0o755, -1, -1, false},
		"sticky folder":  {0o777 | os.ModeSticky, 0o755, -1, -1, false},
		"fsGroup":        {0o775 | os.ModeSetgid, 0o770, -1, 2000, false},
		"file of all":    {0o755, 0o777, -1, -1, false},
		"unmapped owner": {0o755, 0o755, nobody, nobody, false},
		"another user":   {0o700, 0o700, 1001, 1001, false},
	} {
		t.Run(name, func(t *testing.T) {
			if !isRoot && (c.owner > 0 || c.group > 0) {
				t.Skip("only root can give files to other users")
			}
			dir := filepath.Join(t.TempDir(), "bin")
			require.NoError(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "plugin")
			require.NoError(t, os.WriteFile(path, data, 0o700))
			for name, mode := range map[string]os.FileMode{path: c.mode, dir: c.folder} {
				require.NoError(t, os.Chown(name, c.owner, c.group))
				require.NoError(t, os.Chmod(name, mode))
			}
			h, _ := newHost(t)
			b := Binary{Name: "tester", Path: path, SHA256: sum(data), Kinds: []string{"test"}}
			pid := pidOf(t, authenticate(t, openTest(t, h, b, nil)))
			runs, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
			require.NoError(t, err)
			require.Equal(t, c.isPrivate, strings.HasSuffix(runs, "bin/plugin"), runs)

			b.SHA256 = sum([]byte("another"))
			_, err = h.Describe(t.Context(), b)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, "sha256")
		})
	}
}

// TestScriptThatOthersMayWrite proves the same for a script.
func TestScriptThatOthersMayWrite(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	path, mark := filepath.Join(dir, "plugin"), filepath.Join(dir, "executed")
	script := []byte("#!/bin/sh\nreadlink $0 > " + mark + "\nexit 1\n")
	require.NoError(t, os.WriteFile(path, script, 0o700))
	h, _ := newHost(t)
	_, err := h.Describe(t.Context(), Binary{Name: "script", Path: path, SHA256: sum(script)})
	require.ErrorContains(t, err, "without the handshake")
	runs, err := os.ReadFile(mark)
	require.NoError(t, err)
	require.Contains(t, string(runs), "memfd:plugin script")
}
