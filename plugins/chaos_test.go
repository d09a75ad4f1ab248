//go:build unix

package plugins

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

var (
	chaosFor = flag.Duration("chaos", 6*time.Second,
		"how long the chaos test runs; by hand: 1m and more")
	chaosSeed = flag.Uint64("seed", 0, "of the chaos test; zero: another one each time")
)

const (
	chaosPlugins  = 5
	chaosSessions = 200
	chaosPatience = 300 * time.Millisecond // of a caller
	chaosGrace    = 250 * time.Millisecond // of the scheduler of a busy machine
)

// chaos is a run: sessions over plugins under load, and what disturbs the plugins.
type chaos struct {
	rand     *rand.Rand
	orders   []string // a file for each plugin: what its providers do wrong
	sessions []*core.Session
	chaosBin []Binary

	requests, failed, renewals atomic.Int64
	longest, lateness          atomic.Int64 // of a caller's wait, and of timers on this machine
	wrong                      atomic.Pointer[error]
}

// Plugins are killed, stopped, made slow and made to answer garbage while
// sessions are used. No request fails whose credential is still valid, no
// caller waits past its context, and in the end all is well and nothing is
// left.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (go test -run TestChaos -seed %d -chaos %v)", seed, seed, *chaosFor)
	t.Setenv("TMPDIR", t.TempDir())
	goroutines := runtime.NumGoroutine()
	h, log := newHost(t)
	h.HangTimeout = time.Second
	c := &chaos{rand: rand.New(rand.NewPCG(seed, 1))}
	c.open(t, h)

	ctx, stop := context.WithTimeout(t.Context(), *chaosFor)
	defer stop()
	var wait sync.WaitGroup
	for i := range c.sessions {
		wait.Go(func() { c.use(ctx, i) })
	}
	wait.Go(func() { c.control(ctx) })
	c.disturb(ctx, h)
	wait.Wait()
	t.Logf("%d requests, %d renewals, %d callers without a valid credential", c.requests.Load(),
		c.renewals.Load(), c.failed.Load())
	if err := c.wrong.Load(); err != nil {
		require.NoError(t, *err)
	}
	require.Positive(t, c.renewals.Load())
	late := time.Duration(c.lateness.Load())
	require.Less(t, time.Duration(c.longest.Load()), chaosPatience+chaosGrace+2*late,
		"a caller waited past its context; timers were up to %v late", late)

	for _, path := range c.orders {
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	for pid := range pidsOf(h) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	deadline, done := context.WithTimeout(t.Context(), 90*time.Second)
	defer done()
	for i, s := range c.sessions {
		wait.Go(func() {
			for s.Init(deadline) != nil && deadline.Err() == nil {
				<-time.After(10 * time.Millisecond)
			}
			_, err := s.Credential(deadline)
			c.blame(err, "session %d does not recover", i)
		})
	}
	wait.Wait()
	if err := c.wrong.Load(); err != nil {
		t.Log(log.String())
		require.NoError(t, *err)
	}
	for _, s := range c.sessions {
		require.NoError(t, s.Close(t.Context()))
	}
	require.NoError(t, h.Close(t.Context()))
	eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 },
		"no goroutine is left")
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "plugin-dir*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

// open makes the plugins, which differ in an argument, and their sessions.
func (c *chaos) open(t *testing.T, h *Host) {
	dir := t.TempDir()
	for i := range chaosPlugins {
		b := testBinary("chaos-" + strconv.Itoa(i))
		b.Name = "chaos" + strconv.Itoa(i)
		c.chaosBin = append(c.chaosBin, b)
		c.orders = append(c.orders, filepath.Join(dir, strconv.Itoa(i)))
		require.NoError(t, os.WriteFile(c.orders[i], nil, 0o600))
	}
	for i := range chaosSessions {
		n := i % chaosPlugins
		f := factoryOf(t, h, c.chaosBin[n], "test")
		p, err := f.Open(t.Context(), "",
			map[string]any{"key": "k", "orders": c.orders[n], "nope": "revoke"})
		require.NoError(t, err)
		s := core.New("s"+strconv.Itoa(i), p,
			&core.Options{Timeout: 3 * time.Second, Observe: func(ev core.Event) {
				if ev.Type == core.EventAuthenticated {
					c.renewals.Add(1)
				}
			}})
		require.NoError(t, s.Init(t.Context()))
		c.sessions = append(c.sessions, s)
	}
}

// use asks for a session's credential all the time.
func (c *chaos) use(ctx context.Context, i int) {
	s := c.sessions[i]
	r := rand.New(rand.NewPCG(uint64(i), 2))
	for ctx.Err() == nil {
		before := s.Status()
		late := time.Duration(c.lateness.Load())
		valid := time.Until(before.Expiry) > 2*chaosGrace+late && before.State.Ready()
		call, cancel := context.WithTimeout(ctx, chaosPatience)
		began := time.Now()
		_, err := s.Credential(call)
		took := time.Since(began)
		cancel()
		c.requests.Add(1)
		atLeast(&c.longest, took)
		switch {
		case ctx.Err() != nil:
			return
		// A busy machine can stop this goroutine until the credential has expired.
		case err != nil && valid && time.Until(before.Expiry) > chaosGrace:
			c.blame(err, "session %d had a valid credential", i)
		case err != nil:
			c.failed.Add(1)
		}
		pause := time.Duration(1+r.IntN(20)) * time.Millisecond
		began = time.Now()
		select {
		case <-time.After(pause):
			atLeast(&c.lateness, time.Since(began)-pause)
		case <-ctx.Done():
		}
	}
}

// control measures how late timers are on this machine meanwhile.
func (c *chaos) control(ctx context.Context) {
	const pause = 10 * time.Millisecond
	for ctx.Err() == nil {
		began := time.Now()
		<-time.After(pause)
		atLeast(&c.lateness, time.Since(began)-pause)
	}
}

func atLeast(to *atomic.Int64, d time.Duration) {
	for {
		now := to.Load()
		if now >= int64(d) || to.CompareAndSwap(now, int64(d)) {
			return
		}
	}
}

func (c *chaos) blame(err error, format string, args ...any) {
	if err != nil {
		err = fmt.Errorf(format+": %w", append(args, err)...)
		c.wrong.CompareAndSwap(nil, &err)
	}
}

// disturb does something to a plugin every now and then.
func (c *chaos) disturb(ctx context.Context, h *Host) {
	for ctx.Err() == nil {
		n := c.rand.IntN(chaosPlugins)
		order := ""
		var signal syscall.Signal
		switch c.rand.IntN(8) {
		case 0, 1:
			signal = syscall.SIGKILL
		case 2:
			signal = syscall.SIGSTOP
		case 3:
			order = "sleep 500ms"
		case 4:
			order = "garbage"
		case 5:
			order = "latin"
		case 6:
			order = "crash"
		}
		for pid, name := range pidsOf(h) {
			if signal != 0 && name == c.chaosBin[n].Name {
				_ = syscall.Kill(pid, signal)
			}
		}
		_ = os.WriteFile(c.orders[n], []byte(order), 0o600)
		select {
		case <-time.After(time.Duration(100+c.rand.IntN(400)) * time.Millisecond):
		case <-ctx.Done():
		}
		_ = os.WriteFile(c.orders[n], nil, 0o600)
	}
}

// pidsOf lists the processes of a host that are in use.
func pidsOf(h *Host) map[int]string {
	out := map[int]string{}
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, key := range h.keys {
		if pid := h.supervisors[key].PID(); pid != 0 {
			out[pid] = name
		}
	}
	return out
}
