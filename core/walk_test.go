package core

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The walk visits every state that the machine can reach. A world is the machine
// and what surrounds it: the callers that wait, the attempts that run, the blocks
// that are open. From each world, every event that can occur next leads to
// another one. Worlds that differ only in the length of waits are the same: of
// times, only their order counts, and counters stop at three. The walk ends when
// there is no new world. After each event it checks the invariants that are
// written beside the machine. It is breadth-first, so that the way it prints to a
// violation is a shortest one.

// walkConfig is one walk: a kind of session, who calls it, and what may occur.
// Each walk leaves something out, so that it ends.
type walkConfig struct {
	name                    string
	lazy, keepFresh, stored bool
	callers                 []caller
	codes                   []Code // what a provider may answer, besides a credential
	calls                   []string
	inputs                  bool // the provider says that an input was refused
	refusals                bool // the API refuses credentials
	scopes                  bool // its paths ask for different scopes
	reconfigure             bool
	ends                    bool // Close and SignOut
	blocks                  bool
	elsewhere               bool // another process renews; the credential leaves the memory
	long                    bool // credentials live for minutes and not for seconds
	single                  bool // an attempt that has settled ends before the next one begins
}

// walkReport says how far a walk came.
type walkReport struct {
	states, edges, depth int
	took                 time.Duration
	violation            *walkViolation
}

// walkViolation is an invariant that does not hold, and the events that lead
// there.
type walkViolation struct {
	invariant int
	what      string
	path      []string
}

func (v *walkViolation) String() string {
	return fmt.Sprintf("invariant %d: %s\n  %s", v.invariant, v.what, strings.Join(v.path, "\n  "))
}

// walkNode is a world that was reached, and how.
type walkNode struct {
	world *world
	from  *walkNode
	event string
	depth int
}

func (n *walkNode) path() []string {
	var out []string
	for ; n != nil && n.from != nil; n = n.from {
		out = append(out, n.event)
	}
	slices.Reverse(out)
	return out
}

// walk visits all worlds of one kind of session.
func walk(cfg walkConfig) (out walkReport) {
	began := time.Now()
	defer func() { out.took = time.Since(began) }()
	first := &walkNode{world: newWorld(cfg)}
	seen := map[string]bool{first.world.key(): true}
	queue := []*walkNode{first}
	out.states = 1
	for len(queue) > 0 {
		node := queue[0]
		queue[0], queue = nil, queue[1:]
		for _, ev := range node.world.events() {
			next := node.world.clone()
			fired, violation := fire(next, ev)
			if violation != nil {
				violation.path = append(node.path(), ev.name)
				out.violation = violation
				return out
			}
			if !fired {
				continue
			}
			out.edges++
			key := next.key()
			if seen[key] {
				continue
			}
			seen[key] = true
			out.states++
			out.depth = max(out.depth, node.depth+1)
			queue = append(queue, &walkNode{next, node, ev.name, node.depth + 1})
		}
		node.world = nil // its successors are made
	}
	return out
}

// fire lets an event occur in w. It reports whether it could, and what does not
// hold afterwards.
func fire(w *world, ev event) (fired bool, violation *walkViolation) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *walkViolation:
			fired, violation = true, r
		default:
			fired, violation = true, &walkViolation{what: fmt.Sprint("panic: ", r)}
		}
	}()
	if !ev.do(w) {
		return false, nil
	}
	w.check()
	return true, nil
}

// walkConfigs are the walks: those that every run of the tests makes, and with
// all those, too, that take minutes.
func walkConfigs(all bool) []walkConfig {
	worker := caller{audience: program, seesAnswers: true}
	user := caller{audience: person, seesAnswers: true}
	small := []walkConfig{
		{
			name: "failures", callers: []caller{worker}, calls: []string{"use", "init"},
			codes: []Code{CodeUnavailable, CodeDenied},
		},
		{
			name: "people", lazy: true, keepFresh: true, callers: []caller{user},
			calls: []string{"use"},
			codes: []Code{CodeInteractive}, single: true,
		},
		{
			name: "refusals", lazy: true, stored: true, callers: []caller{worker},
			calls: []string{"use"},
			codes: []Code{CodeInteractive}, refusals: true, single: true,
		},
		{
			name: "refusals and Close", lazy: true, callers: []caller{worker},
			calls:    []string{"init"},
			refusals: true, ends: true, single: true, long: true,
		},
		{
			name: "scopes", lazy: true, callers: []caller{worker}, calls: []string{"use"},
			refusals: true, scopes: true, single: true,
		},
		{
			name: "life", lazy: true, stored: true, callers: []caller{worker},
			calls: []string{"use", "init"},
			ends:  true, blocks: true,
		},
		{
			name: "configurations", keepFresh: true, callers: []caller{user},
			calls:       []string{"init"},
			reconfigure: true,
		},
		{
			name: "inputs", lazy: true, keepFresh: true, callers: []caller{user},
			calls:  []string{"use"},
			inputs: true, ends: true,
		},
		{
			name: "forced", callers: []caller{user}, calls: []string{"init", "signIn"}, ends: true,
			single: true,
		},
		{
			name: "stored", stored: true, callers: []caller{worker},
			calls: []string{"init", "renew", "restore"},
			ends:  true, elsewhere: true,
		},
	}
	if !all {
		return small
	}
	return append(small, []walkConfig{
		{
			name: "people and programs", lazy: true, keepFresh: true,
			callers: []caller{worker, user},
			calls:   []string{"use"}, codes: []Code{CodeInteractive},
		},
		{
			name: "refusals in an outage", lazy: true, stored: true, callers: []caller{worker},
			calls: []string{"use"},
			codes: []Code{CodeUnavailable, CodeInteractive}, refusals: true,
		},
		{
			name: "refusals and people", lazy: true, callers: []caller{user},
			calls: []string{"use"},
			codes: []Code{CodeDenied, CodeInteractive}, refusals: true,
		},
		{
			name: "configurations and people", keepFresh: true, callers: []caller{user},
			calls: []string{"init"},
			codes: []Code{CodeInteractive}, reconfigure: true,
		},
		{
			name: "configurations and refusals", lazy: true, callers: []caller{worker},
			calls:       []string{"use"},
			reconfigure: true, refusals: true, ends: true,
		},
		{
			name: "forced sign-ins", callers: []caller{user},
			calls: []string{"init", "renew", "signIn"},
			codes: []Code{CodeInteractive}, ends: true,
		},
	}...)
}
