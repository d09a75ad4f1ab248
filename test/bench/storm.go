package main

import (
	"context"
	"sync"
	"time"
)

// storm lets many callers find an expired credential at the same moment.
func storm(p plan) []table {
	callers := 10_000
	if p.quick {
		callers = 1_000
	}
	t := table{
		title: number(float64(callers)) + " callers at an expired credential",
		text: "The token endpoint takes 50 ms. One of the callers gives up after 10 ms; the last " +
			"column is how long after that it is back. " +
			"To reach: one request, 80 ms, 1 ms, nobody else fails.",
		head: []string{"", "token requests", "all served, ms", "others that failed",
			"who gave up is back after, ms"},
	}
	// All expire while the others are prepared.
	type prepared struct {
		e *endpoint
		c client
	}
	ready := make([][]prepared, len(subjects))
	for i, s := range subjects {
		for range p.runs {
			e := newEndpoint(time.Second, 0)
			c := s.open(e, tuning{})
			must(c.use(context.Background()))
			ready[i] = append(ready[i], prepared{e, c})
		}
	}
	time.Sleep(1200 * time.Millisecond)
	for i, s := range subjects {
		var requests, wall, failed, back figures
		for _, r := range ready[i] {
			r.e.life.Store(3600)
			r.e.delay.Store(int64(50 * time.Millisecond))
			r.e.requests.Store(0)
			took, errs, late := rush(r.c, callers)
			requests = append(requests, float64(r.e.requests.Load()))
			wall, failed, back = append(wall, took), append(failed, errs), append(back, late)
			r.c.close()
			r.e.close()
		}
		t.add(s.name, requests.String(), wall.String(), failed.String(), back.String())
	}
	return []table{t}
}

// rush calls from n goroutines at once and from one more that gives up. It
// returns milliseconds until all n are served, how many failed, and how long
// the last one took to return after giving up.
func rush(c client, n int) (wall, failed, back float64) {
	start := make(chan struct{})
	var done sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		done.Go(func() {
			<-start
			errs[i] = c.use(context.Background())
		})
	}
	var impatient sync.WaitGroup
	var late time.Duration
	impatient.Go(func() {
		<-start
		ctx, cancel := context.WithCancel(context.Background())
		var gaveUp time.Time
		timer := time.AfterFunc(10*time.Millisecond, func() { gaveUp = time.Now(); cancel() })
		_ = c.use(ctx)
		if !timer.Stop() {
			<-ctx.Done()
			late = time.Since(gaveUp)
		}
	})
	began := time.Now()
	close(start)
	done.Wait()
	wall = ms(time.Since(began))
	impatient.Wait()
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	return wall, failed, ms(late)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
