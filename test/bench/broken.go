package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// broken sends calls at a steady pace while there is no token to be had.
func broken(p plan) []table {
	calls := 10_000
	if p.quick {
		calls = 1_000
	}
	heads := []string{"", "token requests", "answered", "p99 of those, ms"}
	pace := number(float64(calls)) + " calls in " + (time.Duration(calls) * time.Millisecond).String()
	tables := []table{
		{title: "Broken endpoint", head: heads,
			text: pace + ", one each millisecond; there is no credential, and the endpoint answers " +
				"500 after 20 ms. Answered: within a second of the last call. To reach: 8 token " +
				"requests, every call answered, p99 25 ms."},
		{title: "Refused client", head: heads,
			text: "The same with 401 invalid_client. To reach: 2 token requests."},
	}
	for i, mood := range []int32{failing, refusing} {
		tables[i] = turns(tables[i], p.turns, subjects, func(s subject) []float64 {
			return hammer(s, mood, calls)
		})
	}
	return tables
}

func hammer(s subject, mood int32, calls int) []float64 {
	e := newEndpoint(time.Hour, 20*time.Millisecond)
	defer e.close()
	e.mood.Store(mood)
	c := s.open(e, tuning{})
	defer c.close()
	var l load
	var done sync.WaitGroup
	var over atomic.Bool
	next := time.Now()
	for range calls {
		time.Sleep(time.Until(next))
		next = next.Add(time.Millisecond)
		done.Go(func() {
			at := time.Now()
			err := c.use(context.Background())
			if !over.Load() {
				l.note(at, err)
			}
		})
	}
	wait(&done, time.Second)
	over.Store(true)
	requests := float64(e.requests.Load())
	answered, _, _, _ := l.count(0)
	p99 := l.p99()
	// Let those who are still queueing go.
	e.delay.Store(0)
	e.mood.Store(healthy)
	wait(&done, 5*time.Second)
	return []float64{requests, answered, p99}
}
