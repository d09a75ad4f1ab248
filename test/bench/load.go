package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// load calls a client at a steady rate and notes how each call went.
type load struct {
	mu    sync.Mutex
	calls []call // guarded by mu
}

type call struct {
	at   time.Time
	took time.Duration
	err  error
}

func (l *load) note(at time.Time, err error) {
	took := time.Since(at)
	l.mu.Lock()
	l.calls = append(l.calls, call{at, took, err})
	l.mu.Unlock()
}

// steady calls from a number of workers, each so often, until the time is
// over. Workers that are still inside a call are left behind.
func (l *load) steady(c client, workers int, every, length time.Duration, limit time.Duration) {
	end := time.Now().Add(length)
	var done sync.WaitGroup
	for i := range workers {
		done.Go(func() {
			next := time.Now().Add(every * time.Duration(i) / time.Duration(workers))
			for next.Before(end) {
				time.Sleep(time.Until(next))
				ctx, cancel := context.Background(), context.CancelFunc(func() {})
				if limit > 0 {
					ctx, cancel = context.WithTimeout(ctx, limit)
				}
				at := time.Now()
				l.note(at, c.use(ctx))
				cancel()
				next = next.Add(every)
				if late := time.Now(); next.Before(late) {
					next = late
				}
			}
		})
	}
	wait(&done, length+time.Second)
}

// wait waits for a group, at most so long.
func wait(group *sync.WaitGroup, limit time.Duration) {
	over := make(chan struct{})
	go func() { group.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(limit):
	}
}

// count returns how many calls there were, failed, and took longer than slow.
func (l *load) count(slow time.Duration) (calls, failed, held, longest float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var most time.Duration
	for _, c := range l.calls {
		if c.err != nil {
			failed++
		}
		if c.took > slow {
			held++
		}
		most = max(most, c.took)
	}
	return float64(len(l.calls)), failed, held, ms(most)
}

// firstSuccess returns when the first call that began after t succeeded.
func (l *load) firstSuccess(t time.Time) (time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first time.Time
	for _, c := range l.calls {
		if end := c.at.Add(c.took); c.err == nil && end.After(t) &&
			(first.IsZero() || end.Before(first)) {
			first = end
		}
	}
	return first.Sub(t), !first.IsZero()
}

// p99 returns the 99th percentile in milliseconds.
func (l *load) p99() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == 0 {
		return 0
	}
	took := make([]time.Duration, len(l.calls))
	for i, c := range l.calls {
		took[i] = c.took
	}
	slices.Sort(took)
	return ms(took[(len(took)*99)/100])
}
