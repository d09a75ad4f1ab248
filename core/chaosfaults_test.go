package core_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// chaosFault is what goes wrong, for as long as the call in which it goes wrong lasts.
type chaosFault int

const (
	allWell chaosFault = iota
	answersBadConfig
	answersUnavailable
	answersDenied
	answersInteractive
	answersNoCode
	hangs       // until its context ends
	ignoresEnd  // of its context, for a while
	panics      //
	exits       // its goroutine
	personSlow  // a sign-in is under way that will succeed
	personNo    // refuses
	personHangs // until the context ends
	storeFails
	storeDamaged
	storeHangs
	storeIgnoresEnd
	storePanics
	unlockHangs
	apiRefuses      // 401
	apiInvalidToken // 401 or 403 with error="invalid_token"
	apiScope        // 401 with error="insufficient_scope"
	apiStalls       // 401 whose body stalls
	apiHangs        // until the context of the request ends, or for a while
	chaosFaults
)

var chaosFaultNames = [...]string{
	"", "bad config", "unavailable", "denied", "interactive", "no code", "hangs", "ignores its end",
	"panics", "exits", "person is slow", "person refuses", "person hangs", "store fails",
	"store is damaged", "store hangs", "store ignores its end", "store panics", "unlock hangs",
	"401", "401 invalid_token", "401 insufficient_scope", "401 body stalls", "API hangs",
}

func (f chaosFault) String() string { return chaosFaultNames[f] }

// chaosDice are random numbers for several goroutines.
type chaosDice struct {
	mu sync.Mutex
	r  *rand.Rand
}

func newDice(seed, stream uint64) *chaosDice {
	return &chaosDice{r: rand.New(rand.NewPCG(seed, stream))}
}

func (d *chaosDice) n(n int) int { d.mu.Lock(); defer d.mu.Unlock(); return d.r.IntN(n) }

func (d *chaosDice) float() float64 { d.mu.Lock(); defer d.mu.Unlock(); return d.r.Float64() }

// under returns a duration below limit: half of them are below a twentieth of it.
func (d *chaosDice) under(limit time.Duration) time.Duration {
	if d.n(2) == 0 {
		limit /= 20
	}
	return 1 + time.Duration(d.float()*float64(limit))
}

func (d *chaosDice) sleep(limit time.Duration) { time.Sleep(d.under(limit)) }

// pick returns one of the faults, or allWell.
func (d *chaosDice) pick(calm float64, of ...chaosFault) chaosFault {
	if d.float() < calm {
		return allWell
	}
	return of[d.n(len(of))]
}

// pause sleeps until a duration has passed or ctx has ended.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
