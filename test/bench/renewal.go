package main

import (
	"context"
	"sync"
	"time"
)

// trial is one subject in one turn of a long row.
type trial func(s subject) []float64

// renewals are the rows that mostly wait; they run side by side.
func renewals(p plan) []table {
	rows := []struct {
		table
		try trial
	}{
		{table{
			title: "Callers through an expiry",
			text: "20 callers, each every 20 ms, for four seconds in the middle of which the token is due " +
				"for renewal; the endpoint takes 300 ms. " +
				"Held: callers that waited more than 1 ms. To reach: none.",
			head: []string{"", "calls", "held", "longest, ms"},
		}, throughExpiry},
		{table{
			title: "First call after a pause that outlasts the token",
			text: "The token lives for two seconds, nobody asks for three, and the endpoint takes 300 " +
				"ms. To reach: 0 with KeepFresh, else one wait.",
			head: []string{"", "first call, ms", "token requests"},
		}, idle},
		{table{
			title: "Five seconds of 500s while the credential is valid",
			text: "20 callers, each every 20 ms, for eight seconds; the token is due for renewal shortly " +
				"before the endpoint begins to fail, takes 20 ms to say so, and recovers. " +
				"Held: callers that waited more than 10 ms. To reach: nobody fails, nobody is held, renewed " +
				"soon after (never: not within four seconds).",
			head: []string{"", "calls", "failed", "held", "token requests", "renewed after recovery, ms"},
		}, outage},
		{table{
			title: "Hung endpoint, healed after three seconds",
			text: "No token yet; for three seconds the endpoint accepts requests and never answers them. " +
				"10 callers with a deadline of 500 ms each, for ten seconds. " +
				"Ours and whoever has such a setting give each attempt two seconds. To reach: every caller " +
				"back at its own deadline, tokens again within one back-off (never: not within seven " +
				"seconds).",
			head: []string{"", "calls that returned", "latest after its deadline, ms",
				"first token after healing, ms"},
		}, hung},
	}
	tables := make([]table, len(rows))
	var done sync.WaitGroup
	for i, r := range rows {
		done.Go(func() { tables[i] = turns(r.table, p.turns, withKeepFresh(i), r.try) })
	}
	done.Wait()
	return tables
}

// withKeepFresh lists the subjects of a row; the second one has ours twice.
func withKeepFresh(row int) []subject {
	if row != 1 {
		return subjects
	}
	fresh := subjects[0]
	fresh.name += ", KeepFresh"
	open := fresh.open
	fresh.open = func(e *endpoint, o tuning) client {
		o.keepFresh = true
		return open(e, o)
	}
	return append([]subject{fresh}, subjects...)
}

// turns runs a trial several times for each subject, the subjects side by side.
// Those that rest for long run their turns side by side, too.
func turns(t table, times int, list []subject, try trial) table {
	results := make([][]figures, len(list))
	for i := range results {
		results[i] = make([]figures, len(t.head)-1)
	}
	var mu sync.Mutex // guards results
	once := func(i int) {
		values := try(list[i])
		mu.Lock()
		defer mu.Unlock()
		for column, v := range values {
			if v >= 0 {
				results[i][column] = append(results[i][column], v)
			}
		}
	}
	var done sync.WaitGroup
	for i, s := range list {
		done.Go(func() { repeat(times, s.rest > 0, func() { once(i) }) })
	}
	done.Wait()
	for i, s := range list {
		t.add(cells(s.name, results[i])...)
	}
	return t
}

// repeat calls fn several times, at once or one after the other.
func repeat(times int, atOnce bool, fn func()) {
	var calls sync.WaitGroup
	for range times {
		calls.Go(fn)
		if !atOnce {
			calls.Wait()
		}
	}
	calls.Wait()
}

// cells are the texts of a row. A column without a value did not happen in any trial.
func cells(name string, columns []figures) []string {
	texts := []string{name}
	for _, f := range columns {
		text := f.String()
		if len(f) == 0 {
			text = "never"
		}
		texts = append(texts, text)
	}
	return texts
}

// start opens a subject whose first token is due for renewal after due.
func start(s subject, life time.Duration, o tuning) (*endpoint, client) {
	e := newEndpoint(life, 0)
	c := s.open(e, o)
	must(c.use(context.Background()))
	e.life.Store(3600)
	return e, c
}

func throughExpiry(s subject) []float64 {
	life := s.early(0) + max(6*time.Second, s.rest+time.Second)
	if s.name == "authsession" { // a share of the lifetime, not a constant
		life = 6 * time.Second
	}
	e, c := start(s, life, tuning{})
	defer e.close()
	defer c.close()
	e.delay.Store(int64(300 * time.Millisecond))
	time.Sleep(life - s.early(life) - 2*time.Second)
	var l load
	l.steady(c, 20, 20*time.Millisecond, 4*time.Second, 0)
	calls, _, held, longest := l.count(time.Millisecond)
	return []float64{calls, held, longest}
}

func idle(s subject) []float64 {
	e := newEndpoint(2*time.Second, 0)
	defer e.close()
	c := s.open(e, tuning{})
	defer c.close()
	must(c.use(context.Background()))
	e.life.Store(3600)
	e.delay.Store(int64(300 * time.Millisecond))
	time.Sleep(3 * time.Second)
	at := time.Now()
	must(c.use(context.Background()))
	return []float64{ms(time.Since(at)), float64(e.requests.Load())}
}

func outage(s subject) []float64 {
	const window = 8 * time.Second // how early those renew that can be told
	early := s.early(0)
	switch s.name {
	case "authsession", "aws CredentialsCache":
		early = window
	}
	due := max(window, s.rest+time.Second)
	e, c := start(s, early+due, tuning{early: s.tuned(window)})
	defer e.close()
	defer c.close()
	time.Sleep(due - 600*time.Millisecond)
	e.mood.Store(failing)
	e.delay.Store(int64(20 * time.Millisecond))
	e.requests.Store(0)
	var requests int64
	renewed := make(chan time.Duration, 1)
	heal := time.AfterFunc(5*time.Second, func() {
		requests = e.requests.Load()
		e.mood.Store(healthy)
		renewed <- e.nextRequest(4 * time.Second)
	})
	defer heal.Stop()
	var l load
	l.steady(c, 20, 20*time.Millisecond, 8*time.Second, 0)
	calls, failed, held, _ := l.count(10 * time.Millisecond)
	after := <-renewed
	if after < 0 {
		return []float64{calls, failed, held, float64(requests), -1}
	}
	return []float64{calls, failed, held, float64(requests), ms(after)}
}

func hung(s subject) []float64 {
	e := newEndpoint(time.Hour, 0)
	defer e.close()
	e.mood.Store(hanging)
	c := s.open(e, tuning{timeout: 2 * time.Second})
	defer c.close()
	heal := time.AfterFunc(3*time.Second, func() { e.mood.Store(healthy) })
	defer heal.Stop()
	began := time.Now()
	const deadline = 500 * time.Millisecond
	var l load
	l.steady(c, 10, 20*time.Millisecond, 10*time.Second, deadline)
	calls, _, _, longest := l.count(0)
	first, ok := l.firstSuccess(began.Add(3 * time.Second))
	late, token := max(0, longest-ms(deadline)), ms(first)
	if calls == 0 {
		late = -1
	}
	if !ok {
		token = -1
	}
	return []float64{calls, late, token}
}
