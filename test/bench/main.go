package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"testing"
	"time"
)

// plan says how much to do.
type plan struct {
	quick bool
	runs  int           // of each short row
	turns int           // of each long row
	time  time.Duration // of one run of a short row
}

// section answers one question with one table.
type section struct {
	name string
	run  func(p plan) []table
}

var sections = []section{
	{"memory", memory}, // first, while the heap is small
	{"cached credential", micro(cachedRows)},
	{"gRPC metadata", micro(grpcRows)},
	{"authorise a request", micro(requestRows)},
	{"proof of possession", micro(dpopRows)},
	{"client certificate", micro(certificateRows)},
	{"session by name", micro(lookupRows)},
	{"config of 1,000 sessions", micro(configRows)},
	{"end to end", micro(endToEndRows)},
	{"plugin", micro(pluginRows)},
	{"plugin processes", processes},
	{"10,000 callers", storm},
	{"renewal", renewals},
	{"broken endpoint", broken},
}

func main() {
	asPlugin()
	testing.Init()
	quick := flag.Bool("quick", false, "do everything once, and shorter")
	only := flag.String("only", "", "run the sections whose names match this regular expression")
	runs := flag.Int("runs", 5, "runs of each short row")
	turns := flag.Int("turns", 3, "runs of each long row")
	each := flag.Duration("time", 150*time.Millisecond, "time of one run of a short row")
	flag.Parse()
	p := plan{quick: *quick, runs: *runs, turns: *turns, time: *each}
	if p.quick {
		p.runs, p.turns, p.time = 1, 1, 20*time.Millisecond
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: -only:", err)
		os.Exit(2)
	}
	began := time.Now()
	fmt.Printf("Measured with %s on %s/%s, %d cores, GOMAXPROCS %d; `time.Now` costs %.0f ns here. ",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.GOMAXPROCS(0),
		clockCost())
	fmt.Printf("Each figure is the median of %d runs (long rows: %d), lowest and highest in "+
		"brackets.\n", p.runs, p.turns)
	for _, s := range sections {
		if !match.MatchString(s.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%6.0fs  %s\n", time.Since(began).Seconds(), s.name)
		for _, t := range s.run(p) {
			t.print(os.Stdout)
		}
	}
	fmt.Fprintf(os.Stderr, "%6.0fs  done\n", time.Since(began).Seconds())
}

// clockCost measures what reading the clock costs, in nanoseconds.
func clockCost() float64 {
	const n = 1 << 16
	began := time.Now()
	for range n {
		_ = time.Now()
	}
	return float64(time.Since(began).Nanoseconds()) / n
}
