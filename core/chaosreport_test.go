package core_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// chaosReport is what all rounds found. Rounds run one after the other.
type chaosReport struct {
	mu    sync.Mutex
	met   [chaosOps][chaosFaults]int // how often an operation and a fault were under way together
	found map[string]*chaosFinding
}

type chaosFinding struct {
	times  int
	seed   uint64
	detail string
}

func (r *chaosReport) meet(op chaosOp, fault chaosFault, times int) {
	r.mu.Lock()
	r.met[op][fault] += times
	r.mu.Unlock()
}

func (r *chaosReport) kinds() []string {
	var out []string
	for what := range r.found {
		out = append(out, what)
	}
	slices.Sort(out)
	return out
}

func (r *chaosReport) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s", "")
	for op := range chaosOps {
		fmt.Fprintf(&b, "%12v", op)
	}
	least, at := -1, ""
	for fault := chaosFault(1); fault < chaosFaults; fault++ {
		fmt.Fprintf(&b, "\n%-22v", fault)
		for op := range chaosOps {
			n := r.met[op][fault]
			fmt.Fprintf(&b, "%12d", n)
			if least < 0 || n < least {
				least, at = n, fmt.Sprintf("%v and %v", op, fault)
			}
		}
	}
	fmt.Fprintf(&b, "\nthe rarest pair is %s: %d", at, least)
	return b.String()
}

// bubbleGoroutines returns the stacks of the goroutines in the caller's bubble.
func bubbleGoroutines() []string {
	own := make([]byte, 200)
	own = own[:runtime.Stack(own, false)]
	_, rest, _ := strings.Cut(string(own), "synctest bubble ")
	number, _, _ := strings.Cut(rest, "]")
	number = "synctest bubble " + number
	all := make([]byte, 4<<20)
	all = all[:runtime.Stack(all, true)]
	return slices.DeleteFunc(strings.Split(string(all), "\n\n"), func(stack string) bool {
		head, _, _ := strings.Cut(stack, "\n")
		return !strings.Contains(head, number+"]") && !strings.Contains(head, number+",")
	})
}
