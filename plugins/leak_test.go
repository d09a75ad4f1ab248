//go:build linux

package plugins

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

var restarts = flag.Int("restarts", 10, "how often the leak test restarts its plugin; by hand: 1000")

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

// Restarts leave nothing behind: no process, goroutine, descriptor, socket or
// memory.
func TestRestartsLeaveNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	h, _ := newHost(t)
	p := openTest(t, h, testBinary(), map[string]any{"key": "k"})
	var s *supervisor
	for _, s = range h.sups {
	}
	restart := func(n int) {
		for range n {
			cred := authenticate(t, p)
			pid := pidOf(t, cred)
			proc := p.(*remote).opened.Load().proc
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			<-proc.exited
			eventually(t, func() bool { return !proc.current() }, "the end is noticed")
			s.mu.Lock()
			s.fails, s.until = 0, time.Time{} // or the breaker would make this last
			s.mu.Unlock()
		}
		authenticate(t, p)
	}
	restart(3)
	settle := func(limit tally, looks int) (now tally, ok bool) {
		for range looks {
			now = take(t)
			if now.goroutines <= limit.goroutines && now.files <= limit.files && now.children <= limit.children && now.sockets <= limit.sockets {
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

	// Failed starts leave nothing either.
	b := testBinary("bad-exit")
	for range 5 {
		_, err := h.Describe(t.Context(), b)
		require.ErrorIs(t, err, core.BadConfig)
		for _, other := range h.sups {
			other.mu.Lock()
			other.fails, other.until = 0, time.Time{}
			other.mu.Unlock()
		}
	}
	_, ok = settle(before, 500)
	require.True(t, ok)
}
