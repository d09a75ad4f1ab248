package core_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
)

// The random test runs several sessions side by side. Many goroutines use them at random, while
// their providers, stores, persons and APIs misbehave at random. It checks what must hold whatever
// happens (chaosact_test.go has the checks, chaosfaults_test.go the faults). Each round runs in a
// synctest bubble with a seed of its own, so that hours of a session's life take milliseconds and
// every deadline is exact. A seed repeats the decisions of the test, but neither the scheduler's
// nor the sessions' own, so that it may take several rounds to see a fault again:
//
//	go test -race -run TestChaos ./core -args -chaos=10s -chaos.seed=123 -chaos.same -chaos.trace
//
// The environment variables AUTHSESSION_CHAOS and AUTHSESSION_CHAOS_SEED do the same for
// "go test ./..."; AUTHSESSION_CHAOS=0 skips the test.
var (
	chaosFor = flag.String("chaos", os.Getenv("AUTHSESSION_CHAOS"),
		"how long TestChaos runs; empty: a minute, or 3s with -short; 0: not at all")
	chaosSeed = flag.Uint64("chaos.seed", 0,
		"the seed of TestChaos's first round; 0: AUTHSESSION_CHAOS_SEED, or a random one")
	chaosSame = flag.Bool("chaos.same", false,
		"give all rounds of TestChaos the first one's seed")
	chaosOnly = flag.String("chaos.only", "",
		"report only findings of TestChaos that contain this text")
	chaosTrace = flag.Bool("chaos.trace", false,
		"stop TestChaos after the first round that fails, and log its steps")
)

// chaosLength is the real time for which rounds are started.
func chaosLength(t *testing.T) time.Duration {
	if *chaosFor == "0" {
		t.Skip("AUTHSESSION_CHAOS is 0")
	}
	if *chaosFor == "" {
		if testing.Short() {
			return 3 * time.Second
		}
		return time.Minute
	}
	d, err := time.ParseDuration(*chaosFor)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func firstSeed(t *testing.T) uint64 {
	seed := *chaosSeed
	if text := os.Getenv("AUTHSESSION_CHAOS_SEED"); seed == 0 && text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	if seed == 0 {
		seed = uint64(rand.Uint32())
	}
	return seed
}

func TestChaos(t *testing.T) {
	length, seed := chaosLength(t), firstSeed(t)
	t.Logf("the seed is %d, the length %v", seed, length)
	report := &chaosReport{found: map[string]*chaosFinding{}}
	rounds, began := uint64(0), time.Now()
	for first := true; first || time.Since(began) < length; first = false {
		stuck := time.AfterFunc(time.Minute, func() {
			debug.SetTraceback("all")
			panic(fmt.Sprintf("-chaos.seed=%d is stuck: is a mutex held across a wait?", seed))
		})
		synctest.Test(t, func(t *testing.T) {
			w := &chaosWorld{t: t, report: report, seed: seed}
			w.round()
		})
		stuck.Stop()
		rounds++
		if !*chaosSame {
			seed++
		}
		if *chaosTrace && len(report.found) > 0 {
			break
		}
	}
	t.Logf("%d rounds in %v\n%s", rounds, time.Since(began).Round(time.Millisecond), report.table())
	for _, what := range report.kinds() {
		f := report.found[what]
		t.Errorf("%s: %d times, first with -chaos.seed=%d: %s", what, f.times, f.seed, f.detail)
	}
}

// chaosWorld is one round.
type chaosWorld struct {
	t        *testing.T
	report   *chaosReport
	seed     uint64
	began    time.Time
	scope    core.Scope
	sessions []*chaosSession
	calm     float64 // the share of calls that go well

	mu    sync.Mutex
	steps []string // for chaosTrace
	ended bool     // all sessions are closed: no provider may be called
}

// violate notes a promise that was broken.
func (w *chaosWorld) violate(what, format string, args ...any) {
	if !strings.Contains(what, *chaosOnly) {
		return
	}
	detail := fmt.Sprintf(format, args...)
	w.trace("VIOLATION %s: %s", what, detail)
	w.report.mu.Lock()
	defer w.report.mu.Unlock()
	f := w.report.found[what]
	if f == nil {
		f = &chaosFinding{seed: w.seed, detail: detail}
		w.report.found[what] = f
	}
	f.times++
}

func (w *chaosWorld) trace(format string, args ...any) {
	if *chaosTrace {
		w.mu.Lock()
		at := fmt.Sprintf("%12v ", time.Since(w.began))
		w.steps = append(w.steps, at+fmt.Sprintf(format, args...))
		w.mu.Unlock()
	}
}

// round makes the sessions, lets the workers use them, and looks at what remains.
func (w *chaosWorld) round() {
	w.began = time.Now()
	before := len(bubbleGoroutines())
	dice := newDice(w.seed, 0)
	w.calm = 0.2 + 0.6*dice.float()
	for i := range 2 + dice.n(2) {
		id := newChaosIdentity(w, i, dice)
		for range 1 + dice.n(2) { // two sessions of one identity are as two processes
			w.sessions = append(w.sessions, newChaosSession(w, id, dice))
		}
	}
	var workers sync.WaitGroup
	for i := range 6 * len(w.sessions) {
		workers.Go(func() {
			dice := newDice(w.seed, uint64(i+1))
			for range 30 {
				dice.sleep(10 * time.Second)
				w.sessions[i%len(w.sessions)].act(dice)
			}
		})
	}
	workers.Wait()
	w.finish(before)
	if len(w.report.found) > 0 {
		for _, step := range w.steps {
			w.t.Log(step)
		}
	}
}

// finish closes all sessions and waits until the slowest fake has returned. Then no more
// goroutines are left than before.
func (w *chaosWorld) finish(before int) {
	for _, c := range w.sessions {
		_ = c.session.Close(context.Background())
	}
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	time.Sleep(2 * time.Hour)
	synctest.Wait()
	if left := bubbleGoroutines(); len(left) != before {
		stacks := strings.Join(left, "\n\n")
		w.violate("goroutines are left after Close", "%d:\n%s", len(left), stacks)
		// At once: the bubble may panic now.
		w.t.Logf("-chaos.seed=%d leaves goroutines:\n%s", w.seed, stacks)
	}
	for _, c := range w.sessions {
		if len(c.id.lock) > 0 {
			w.violate("a store's lock is held after Close", "of %s", c.id.name)
			<-c.id.lock
		}
		if _, err := c.session.Credential(context.Background()); core.CodeOf(err) != core.CodeClosed {
			w.violate("a closed session serves", "%v", err)
			time.Sleep(time.Hour) // until what it started is over
		}
	}
}
