//go:build linux

package plugins

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var restarts = flag.Int("restarts", 10,
	"how often the leak test restarts its plugin; by hand: 1000")

// tally is what must not grow.
type tally struct {
	goroutines, files, children, sockets int
	heap                                 uint64
}

func take(t *testing.T) tally {
	t.Helper()
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), "plugin-dir*"))
	require.NoError(t, err)
	return tally{runtime.NumGoroutine(), len(files), children(t), len(folders), mem.HeapAlloc}
}

// children counts the processes that this one has started, zombies included.
func children(t *testing.T) (n int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(data), ") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			n++
		}
	}
	return n
}

// TestIdleStopsLeaveNothing proves that a provider that is opened again in one
// process after another leaves nothing behind. Its counterpart for processes that
// fail is in plugins/internal/process.
func TestIdleStopsLeaveNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	h, _ := newHost(t)
	h.IdleTimeout = time.Millisecond
	p := openTest(t, h, testBinary(), map[string]any{"key": "k"})
	restart := func(n int) {
		for range n {
			authenticate(t, p)
			in := p.(*remote).instance.Load()
			stopped := func() bool { return !p.(*remote).processes.IsCurrent(in.process) }
			eventually(t, stopped, "the stop")
		}
	}
	restart(3)
	settle := func(limit tally, looks int) (now tally, ok bool) {
		for range looks {
			now = take(t)
			if now.goroutines <= limit.goroutines && now.files <= limit.files &&
				now.children <= limit.children && now.sockets <= limit.sockets {
				return now, true
			}
			<-time.After(10 * time.Millisecond)
		}
		return now, false
	}
	before, _ := settle(tally{}, 30)
	restart(*restarts)
	after, ok := settle(before, 500)
	require.True(t, ok, "before %+v, after %+v", before, after)
	require.Less(t, after.heap, before.heap+4<<20, "before %+v, after %+v", before, after)
	t.Logf("%d restarts: before %+v, after %+v", *restarts, before, after)
}
