package plugins

import (
	"bytes"
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var kills = flag.Int("kills", 8,
	"how often TestHostKilledAtAnyMoment kills a host; by hand: 100")

// TestHostKilledAtAnyMoment proves that a host that is ended or killed at any moment of its life,
// before, while and after its plugin starts, leaves no process, no socket, no folder and no lock.
func TestHostKilledAtAnyMoment(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (go test -run %s -seed %d -kills %d)", seed, t.Name(), seed, *kills)
	random := rand.New(rand.NewPCG(seed, 1))
	path, _ := self()
	longest := lifeOf(t, path)
	for i := range *kills {
		moment := longest * time.Duration(i) / time.Duration(*kills)
		moment += rand.N(longest / 10)
		signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[random.IntN(2)]
		cmd, dir := startHost(t, path, "again")
		<-time.After(moment)
		require.NoError(t, cmd.Process.Signal(signal))
		_ = cmd.Wait()
		// A process that is about to execute its program shows no variables.
		isClean := func() bool { return len(processesOf(dir)) == 0 && len(filesBelow(t, dir)) == 0 }
		for end := time.Now().Add(20 * time.Second); !isClean() && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		require.Empty(t, processesOf(dir), "%v after %v", signal, moment)
		left := filesBelow(t, dir)
		if len(left) == 1 && !wasStarted(left[0]) {
			// The host ended between the making of the folder and the start of the plugin.
			require.NoError(t, os.Remove(left[0]), "it is not empty")
			continue
		}
		require.Empty(t, left, "%v after %v", signal, moment)
	}
}

// wasStarted reports whether a plugin was started whose socket's folder is dir.
func wasStarted(dir string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(dir), startedPrefix+filepath.Base(dir)))
	return err == nil
}

// startHost starts a host with a TMPDIR of its own, and returns that, too.
func startHost(t *testing.T, path, how string) (*exec.Cmd, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "host")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	cmd := exec.CommandContext(t.Context(), path, "-test.run=^$")
	cmd.Env = append(os.Environ(), hostVariable+"="+how, "TMPDIR="+dir)
	require.NoError(t, cmd.Start())
	return cmd, dir
}

// lifeOf returns how long a host takes until its plugin has answered and has ended.
func lifeOf(t *testing.T, path string) time.Duration {
	t.Helper()
	began := time.Now()
	cmd, dir := startHost(t, path, "close")
	require.NoError(t, cmd.Wait())
	require.Empty(t, filesBelow(t, dir))
	return time.Since(began)
}

// processesOf returns the ids of the processes that have a variable with dir in it.
func processesOf(dir string) (ids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && bytes.Contains(data, []byte("="+dir)) {
			ids = append(ids, strings.Split(file, "/")[2])
		}
	}
	return ids
}

func filesBelow(t *testing.T, dir string) (paths []string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir && !strings.HasPrefix(filepath.Base(path), startedPrefix) {
			paths = append(paths, path) // also one that is removed meanwhile
		}
		return nil
	})
	return paths
}
