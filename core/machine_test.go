package core

import (
	"flag"
	"testing"
)

// longWalks makes all walks. They take minutes.
var longWalks = flag.Bool("long-walks", false, "make all walks of the machine")

// TestWalk makes the walks. Under the race detector, which has nothing to find in
// one goroutine, it makes the shortest ones; TestMutantsOfTheMachine makes all.
func TestWalk(t *testing.T) {
	for _, cfg := range walkConfigs(*longWalks) {
		if underRace && !cfg.single {
			continue
		}
		t.Run(cfg.name, func(t *testing.T) {
			r := walk(cfg)
			if r.violation != nil {
				t.Fatal(r.violation)
			}
			t.Logf("%d states, %d edges, %d events deep, %.1f s", r.states, r.edges, r.depth,
				r.took.Seconds())
			if r.depth < 14 {
				t.Errorf("the walk is only %d events deep", r.depth)
			}
		})
	}
}
