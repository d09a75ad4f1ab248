package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
)

// fakeChild is a process without a program.
type fakeChild struct {
	pid     int
	killFor time.Duration // from the kill to the exit
	once    sync.Once
	exited  chan struct{}
	isEnded atomic.Bool // end was called
}

func (c *fakeChild) exit() { c.once.Do(func() { close(c.exited) }) }

func (c *fakeChild) runs() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
}

func (c *fakeChild) done() <-chan struct{} { return c.exited }
func (c *fakeChild) endState() string      { return "exit status 3" }
func (c *fakeChild) runningPID() int       { return c.pid }

// end takes half of the grace. It does not wait for the exit after a kill.
func (c *fakeChild) end(grace time.Duration) {
	c.isEnded.Store(true)
	if grace == 0 && c.killFor > 0 {
		time.AfterFunc(c.killFor, c.exit)
		return
	}
	select {
	case <-c.exited:
	case <-time.After(grace / 2):
		c.exit()
	}
}

// fakeConn is a connection that is never used: Ping is a function of the test.
type fakeConn struct {
	grpc.ClientConnInterface
	onClose func()
}

func (c *fakeConn) Close() error {
	c.onClose()
	return nil
}

// world has the processes of one supervisor in a bubble of synctest.
type world struct {
	*Supervisor
	closedInUse atomic.Bool // a connection was closed while its process was in use

	mu       sync.Mutex // guards all below
	startErr error      // of the next starts
	startFor time.Duration
	killFor  time.Duration
	hangs    bool // no process answers
	children []*fakeChild
	began    []time.Time // of all starts
}

func newWorld() *world {
	w := &world{startFor: time.Second}
	w.Supervisor = NewSupervisor(Program{Name: "fake"}, Config{
		StartTimeout: 10 * time.Second, IdleTimeout: time.Minute, HangTimeout: 8 * time.Second,
		Ping: func(ctx context.Context, _ grpc.ClientConnInterface) error {
			w.mu.Lock()
			hangs := w.hangs
			w.mu.Unlock()
			if !hangs {
				return status.Error(codes.Unimplemented, "an error is a sign of life")
			}
			<-ctx.Done()
			return status.FromContextError(ctx.Err()).Err()
		},
	}, nil)
	w.start = w.startFake
	return w
}

func (w *world) startFake(ctx context.Context) (*Process, Description, error) {
	w.mu.Lock()
	w.began = append(w.began, time.Now())
	took, err := w.startFor, w.startErr
	w.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, Description{}, core.Errorf(core.CodeUnavailable, "cancelled")
	}
	if err != nil {
		return nil, Description{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	child := &fakeChild{
		pid: len(w.children) + 1, killFor: w.killFor, exited: make(chan struct{}),
	}
	w.children = append(w.children, child)
	conn := &fakeConn{}
	p := newProcess(child, conn, time.Now())
	conn.onClose = func() {
		if w.IsCurrent(p) {
			w.closedInUse.Store(true)
		}
	}
	return p, Description{Value: "described"}, nil
}

// set changes the world.
func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// alive returns how many processes run.
func (w *world) alive() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.children {
		if c.runs() {
			n++
		}
	}
	return n
}

// check returns the statement of Supervisor that does not hold, or an empty text.
func (w *world) check() string {
	s := w.Supervisor
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current != nil && s.starting != nil:
		return "1: there is a process and a start"
	case s.fails < 2 && s.notBefore.After(time.Now()):
		return "5: a first failure costs a wait"
	case s.closed && s.current != nil:
		return "6: a process is in use after Close"
	case w.closedInUse.Load():
		return "8: the connection of a process in use is closed"
	case s.current != nil && s.description == nil:
		return "7: a process is not described"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, child := range w.children {
		isCurrent := s.current != nil && s.current.child == child
		if !isCurrent && !child.isEnded.Load() && child.runs() {
			return "3: a process that is not in use is not being ended"
		}
	}
	if s.current == nil {
		return ""
	}
	s.current.mu.Lock()
	defer s.current.mu.Unlock()
	if s.current.calls < 0 {
		return "more releases than calls"
	}
	return ""
}

// TestStatements walks at random through what can happen to a supervisor, and proves after each
// step what is written at its declaration, and at the end that nothing runs.
func TestStatements(t *testing.T) {
	states := map[string]int{}
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			w, r := newWorld(), rand.New(rand.NewPCG(seed, 1))
			w.killFor = time.Duration(seed%2) * 3 * time.Second
			var held []*Process
			var group sync.WaitGroup
			ctx, cancel := context.WithCancel(t.Context())
			for range 40 {
				walk(w, r, ctx, &held, &group)
				synctest.Wait()
				require.Empty(t, w.check(), "seed %d", seed)
				w.Supervisor.mu.Lock()
				states[fmt.Sprint(w.current != nil, w.starting != nil, min(w.fails, 3), w.replaced,
					w.users > 0, w.closed, len(held) > 0)]++
				w.Supervisor.mu.Unlock()
			}
			cancel()
			group.Wait()
			require.NoError(t, w.Close(t.Context()))
			require.Zero(t, w.alive(), "seed %d", seed)
			require.Empty(t, w.check())
		})
	}
	require.Greater(t, len(states), 60)
	t.Logf("%d states", len(states))
}

// walk makes one step.
func walk(w *world, r *rand.Rand, ctx context.Context, held *[]*Process, group *sync.WaitGroup) {
	var last *Process
	if len(*held) > 0 {
		last = (*held)[len(*held)-1]
	}
	switch n := r.IntN(20); {
	case n < 6:
		group.Go(func() { // a caller that makes a call of some length
			d := time.Duration(1+(n*7)%3) * time.Second
			ctx, cancel := context.WithTimeout(ctx, 10*d)
			defer cancel()
			if p, err := w.Acquire(ctx); err == nil {
				time.Sleep(d)
				p.Release()
			}
		})
	case n == 6:
		if p := w.Supervisor.currentForTest(); p != nil && w.Borrow(p) {
			*held = append(*held, p)
		}
	case n < 9 && last != nil:
		last.Release()
		*held = (*held)[:len(*held)-1]
	case n == 9 && last != nil:
		for _, code := range []codes.Code{codes.Unavailable, codes.Canceled, codes.NotFound} {
			_, _ = w.CallError(ctx, last, status.Error(code, ""))
		}
	case n == 10:
		w.set(func() { w.hangs = !w.hangs })
	case n == 11:
		w.set(func() {
			w.startErr = []error{nil, core.Errorf(core.CodeUnavailable, "no"), core.CodeBadConfig}[r.IntN(3)]
		})
	case n == 12:
		w.SetReplaced(r.IntN(2) == 0)
	case n == 13:
		w.AddUsers(1 - 2*r.IntN(2))
	case n < 16:
		w.set(func() {
			if len(w.children) > 0 {
				w.children[len(w.children)-1].exit()
			}
		})
	case n == 16 && r.IntN(8) == 0:
		group.Go(func() { _ = w.Close(ctx) })
	default:
		time.Sleep([]time.Duration{time.Millisecond, time.Second, time.Minute}[r.IntN(3)])
	}
}

func (s *Supervisor) currentForTest() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// TestBackoff proves when a program that fails is started again, and what callers are told.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.startErr, w.startFor = core.Errorf(core.CodeUnavailable, "no"), 0
		starts := 0
		for range 2 { // the second start is made at once
			_, err := w.Acquire(t.Context())
			require.EqualError(t, err, "unavailable: no")
			starts++
			require.Len(t, w.began, starts)
		}
		for wait := restartBase; ; wait = min(2*wait, restartMax) {
			began := time.Now()
			_, err := w.Acquire(t.Context())
			if took := time.Since(began); took > 0 {
				starts++
				require.GreaterOrEqual(t, took, wait/2)
				require.LessOrEqual(t, took, min(wait, maxStartWait))
				require.Len(t, w.began, starts)
				continue
			}
			var e *core.Error
			require.ErrorAs(t, err, &e)
			require.Greater(t, e.RetryAfter, maxStartWait, "a later start is an error that says when")
			require.LessOrEqual(t, e.RetryAfter, wait)
			require.Equal(t, "no", e.Err.Error())
			require.Len(t, w.began, starts)
			time.Sleep(e.RetryAfter)
			_, err = w.Acquire(t.Context())
			require.EqualError(t, err, "unavailable: no")
			if starts++; wait == restartMax {
				break
			}
		}

		w.startErr = nil
		time.Sleep(restartMax)
		p, err := w.Acquire(t.Context())
		require.NoError(t, err)
		p.Release()
		time.Sleep(stableAfter)
		w.children[0].exit()
		synctest.Wait()
		starts = len(w.began)
		_, err = w.Acquire(t.Context())
		require.NoError(t, err, "after a stable process, the first failure costs no wait")
		require.Len(t, w.began, starts+1)
		require.Equal(t, time.Now(), w.began[starts])
		require.NoError(t, w.Close(t.Context()))
	})
}

// TestFailureCountsOnce proves that a process fails once, however many calls notice it, and that
// these calls may be repeated in another one, which is started at once.
func TestFailureCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		p, err := w.Acquire(t.Context())
		require.NoError(t, err)
		for range 3 {
			isFault, err := w.CallError(t.Context(), p, status.Error(codes.Unavailable, ""))
			require.True(t, isFault)
			require.ErrorIs(t, err, core.CodeUnavailable)
		}
		p.Release()
		_, err = w.Acquire(t.Context())
		require.NoError(t, err)
		require.Equal(t, time.Now(), w.began[1].Add(w.startFor))
		require.Equal(t, w.began[0].Add(w.startFor), w.began[1])
		require.NoError(t, w.Close(t.Context()))
	})
}

// TestLateWatcher proves that the watcher of a process that is out of use, but takes long to exit,
// does not stop its successor, and that no watcher stops a process in which a call has just begun.
func TestLateWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.killFor, w.startFor = time.Minute, 0
		w.AddUsers(1)
		w.SetReplaced(true)
		p, err := w.Acquire(t.Context())
		require.NoError(t, err)
		_, _ = w.CallError(t.Context(), p, status.Error(codes.Unavailable, ""))
		p.Release()
		successor, err := w.Acquire(t.Context())
		require.NoError(t, err)
		w.AddUsers(-1)
		time.Sleep(30 * time.Second)
		require.Equal(t, 2, w.alive())
		require.True(t, w.IsCurrent(successor))
		require.False(t, w.stopIfIdle(successor), "it has a call")
		successor.Release()
		require.NoError(t, w.Close(t.Context()))
	})
}

// TestFaultOfTheFileIsNotWaitedFor proves that callers do not wait for a start that cannot succeed.
func TestFaultOfTheFileIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.startErr, w.startFor = core.Errorf(core.CodeBadConfig, "the wrong file"), 0
		began := time.Now()
		for range 3 {
			_, err := w.Acquire(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig)
		}
		require.Equal(t, began, time.Now())
		require.Len(t, w.began, 2)
		require.NoError(t, w.Close(t.Context()))
	})
}

// TestLimits proves when a process is ended: one that hangs while it has calls within HangTimeout,
// one without calls after IdleTimeout, one of a replaced program when it has no users and no calls.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(*world, *Process) // the process has a call
		after  time.Duration          // the process is in use until then
		most   time.Duration          // and not any more then
	}{
		{"hangs", func(w *world, _ *Process) { w.set(func() { w.hangs = true }) }, 6 * time.Second,
			8 * time.Second},
		{"hangs without calls", func(w *world, p *Process) {
			w.set(func() { w.hangs = true })
			p.Release()
		}, time.Minute, time.Minute + 2*time.Second},
		{"left a call without an answer", func(w *world, p *Process) {
			w.set(func() { w.hangs = true })
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			isFault, err := w.CallError(ctx, p, status.Error(codes.Canceled, ""))
			require.False(t, isFault)
			require.ErrorIs(t, err, context.Canceled)
			p.Release()
		}, 6 * time.Second, 6 * time.Second},
		{"is idle", func(_ *world, p *Process) { p.Release() }, time.Minute, time.Minute + 2*time.Second},
		{"is replaced", func(w *world, p *Process) {
			p.Release()
			w.SetReplaced(true)
		}, 0, 0},
		{"loses its last user", func(w *world, p *Process) {
			p.Release()
			w.AddUsers(1)
			w.SetReplaced(true)
			time.Sleep(time.Second)
			require.Equal(t, 1, w.alive())
			w.AddUsers(-1)
		}, 0, 0},
		{"is replaced during a call", func(w *world, p *Process) {
			w.SetReplaced(true)
			time.AfterFunc(time.Hour, p.Release)
		}, time.Hour, time.Hour + 2*time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				p, err := w.Acquire(t.Context())
				require.NoError(t, err)
				test.before(w, p)
				if test.after > 0 {
					time.Sleep(test.after - time.Millisecond)
					require.True(t, w.IsCurrent(p))
					time.Sleep(time.Millisecond)
				}
				time.Sleep(test.most - test.after)
				synctest.Wait()
				require.False(t, w.IsCurrent(p))
				time.Sleep(EndGrace)
				synctest.Wait()
				require.Zero(t, w.alive())
				require.NoError(t, w.Close(t.Context()))
			})
		})
	}
}

// TestCallersKeepTheirTime proves that a caller waits until its own context ends, and that the
// start goes on without it.
func TestCallersKeepTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.startFor = 5 * time.Second
		reason := errors.New("a reason")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
		defer cancel()
		began := time.Now()
		_, err := w.Acquire(ctx)
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorIs(t, err, reason)
		require.Equal(t, time.Second, time.Since(began))
		p, err := w.Acquire(t.Context())
		require.NoError(t, err)
		require.Equal(t, 5*time.Second, time.Since(began), "the first caller's start")
		p.Release()
		require.Len(t, w.began, 1)
		require.NoError(t, w.Close(t.Context()))
	})
}

// TestCloseDuringStart proves that Close ends a start, and a process that started all the same.
func TestCloseDuringStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.startFor = 5 * time.Second
		result := make(chan error, 1)
		go func() {
			_, err := w.Acquire(t.Context())
			result <- err
		}()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, w.Close(t.Context()))
		require.Equal(t, began, time.Now())
		require.Error(t, <-result)
		require.Zero(t, w.alive())
		_, err := w.Acquire(t.Context())
		require.ErrorIs(t, err, core.CodeClosed)
		require.Len(t, w.began, 1, "nothing is started after Close")
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		start := w.start
		w.start = func(context.Context) (*Process, Description, error) {
			return start(context.WithoutCancel(t.Context())) // one that notices nothing
		}
		go func() { _, _ = w.Acquire(t.Context()) }()
		synctest.Wait()
		require.NoError(t, w.Close(t.Context()))
		require.Equal(t, w.began[0].Add(w.startFor), time.Now())
		require.Len(t, w.children, 1)
		require.Zero(t, w.alive())
		require.Empty(t, w.check())
	})
}

// TestKilledInStart proves that a process that somebody kills while it starts costs no call: it is
// started once more. One that is killed each time is unavailable, as it is no fault of its file.
func TestKilledInStart(t *testing.T) {
	for _, how := range []string{"killed-once", "killed-in-describe"} {
		file := filepath.Join(t.TempDir(), "once")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		s, log := newTestSupervisor(t, Config{}, how, file)
		acquire(t, s).Release()
		require.NoFileExists(t, file)
		require.Contains(t, log.String(), "it was killed before it was ready")
	}
	s, _ := newTestSupervisor(t, Config{}, "killed")
	_, err := s.Acquire(t.Context())
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, "it was killed before it was ready")
}
