package main

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

// row is one question that an ordinary benchmark answers.
type row struct {
	title string
	text  string
	unit  time.Duration // of the table; zero: nanoseconds
	subs  []contender
}

// contender is one way to do the work of a row.
type contender struct {
	name  string
	role  role
	bench func(b *testing.B)
}

type role uint8

const (
	peer  role = iota
	ours       // compared with the best peer
	limit      // what the machine allows; no library
)

// micro makes a section of benchmarks. The rows are made when it runs, as they
// start servers and open sessions; done ends those.
func micro(rows func() (list []row, done func())) func(plan) []table {
	return func(p plan) []table {
		must(flag.Set("test.benchtime", p.time.String()))
		list, done := rows()
		defer done()
		var tables []table
		for _, r := range list {
			tables = append(tables, r.measure(p.runs))
		}
		return tables
	}
}

// measure runs each contender in turn, and all of them again for each run, so
// that a slow moment of the machine meets all alike.
func (r row) measure(runs int) table {
	names := map[time.Duration]string{time.Microsecond: "µs", time.Millisecond: "ms"}
	unit, name := max(r.unit, time.Nanosecond), names[r.unit]
	if name == "" {
		name = "ns"
	}
	took := make([]figures, len(r.subs))
	last := make([]testing.BenchmarkResult, len(r.subs))
	for range runs {
		for i, c := range r.subs {
			result := testing.Benchmark(c.bench)
			if result.N == 0 {
				panic(fmt.Sprintf("bench: %s: %s failed", r.title, c.name))
			}
			took[i] = append(took[i], float64(result.T)/float64(unit)/float64(result.N))
			last[i] = result
		}
	}
	best := 0.0
	for i, c := range r.subs {
		if m := took[i].median(); c.role == peer && (best == 0 || m < best) {
			best = m
		}
	}
	head := []string{"", name, "allocations", "bytes", "of best peer"}
	t := table{title: r.title, text: r.text, head: head}
	for i, c := range r.subs {
		share := "–"
		if best > 0 {
			share = fmt.Sprintf("%.2f", took[i].median()/best)
		}
		t.add(c.name, took[i].String(), number(float64(last[i].AllocsPerOp())),
			number(float64(last[i].AllocedBytesPerOp())), share)
	}
	return t
}

// single returns a benchmark of fn on one goroutine.
func single(fn func() error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := fn(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// parallel returns a benchmark of fn on all cores.
func parallel(fn func() error) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := fn(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
}
