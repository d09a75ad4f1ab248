package process

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

// settled waits until nothing is more than limit.
func settled(t *testing.T, limit tally, looks int) (now tally, ok bool) {
	t.Helper()
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

// forgetFailures makes the next start possible now.
func (s *Supervisor) forgetFailures() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails, s.notBefore = 0, time.Time{}
}

// TestRestartsLeaveNothing proves that restarts leave nothing behind: no process, goroutine,
// descriptor, socket or memory.
func TestRestartsLeaveNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, _ := newTestSupervisor(t, Config{})
	restart := func(n int) {
		for range n {
			p := acquire(t, s)
			require.NoError(t, syscall.Kill(s.PID(), syscall.SIGKILL))
			<-p.child.done()
			eventually(t, func() bool { return !s.IsCurrent(p) }, "the end is noticed")
			p.Release()
			s.forgetFailures() // or the wait before each start would make this last
		}
		acquire(t, s).Release()
	}
	restart(3)
	before, _ := settled(t, tally{}, 30)
	restart(*restarts)
	after, ok := settled(t, before, 500)
	require.True(t, ok, "before %+v, after %+v", before, after)
	require.Less(t, after.heap, before.heap+4<<20, "before %+v, after %+v", before, after)
	t.Logf("%d restarts: before %+v, after %+v", *restarts, before, after)

	failing, _ := newTestSupervisor(t, Config{}, "exit")
	for range 5 {
		_, err := failing.Acquire(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
		failing.forgetFailures()
	}
	_, ok = settled(t, before, 500)
	require.True(t, ok, "failed starts leave nothing either")
}
