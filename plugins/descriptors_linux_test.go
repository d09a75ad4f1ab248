package plugins

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestInheritedDescriptors proves that a plugin, and what it starts, gets none of the descriptors
// that the host has itself inherited: here a pipe as 77, a file as 78 and a socket as 79.
func TestInheritedDescriptors(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "secrets"))
	require.NoError(t, err)
	defer file.Close()
	from, to, err := os.Pipe()
	require.NoError(t, err)
	defer from.Close()
	defer to.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	require.NoError(t, err)
	socket := os.NewFile(uintptr(pair[0]), "socket")
	defer socket.Close()
	defer unix.Close(pair[1])

	path, _ := self()
	cmd := exec.CommandContext(t.Context(), path, "-test.run=^$")
	cmd.Env = append(os.Environ(), hostVariable+"=wait")
	cmd.ExtraFiles = make([]*os.File, 80-3)
	cmd.ExtraFiles[77-3], cmd.ExtraFiles[78-3], cmd.ExtraFiles[79-3] = from, file, socket
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)

	hosts := linksOf(t, strconv.Itoa(cmd.Process.Pid))
	for _, pid := range strings.Fields(line) {
		theirs := linksOf(t, pid)
		for _, fd := range []string{"77", "78", "79"} {
			require.NotEmpty(t, hosts[fd], "the host has it")
			for theirFD, link := range theirs {
				require.NotEqual(t, hosts[fd], link, "descriptor %s of %s", theirFD, pid)
			}
		}
	}
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

// linksOf returns what the descriptors of a process refer to.
func linksOf(t *testing.T, pid string) map[string]string {
	t.Helper()
	dir := "/proc/" + pid + "/fd"
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	links := map[string]string{}
	for _, e := range entries {
		if link, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && link != os.DevNull {
			links[e.Name()] = link
		}
	}
	return links
}
