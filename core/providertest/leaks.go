package providertest

import (
	"bytes"
	"context"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// goroutines returns the profile entries of goroutines that this check's calls
// have started and that are still there. Labels are inherited, so what other
// tests run at the same time plays no part.
func (r *run) goroutines() []string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	var left []string
	for _, entry := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(entry, `"`+r.label()+`"`) {
			left = append(left, entry)
		}
	}
	return left
}

// eventually polls until ok or until settle has passed.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(settle); !ok(); pause(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// lives takes sessions through whole lives: good ones, one that fails and one
// that is closed while it authenticates.
func (r *run) lives(visit func(*stage)) {
	var bad []func(*stage)
	if r.Good != nil {
		bad = append(bad,
			func(st *stage) { st.misbehave(answer(500, page)) },
			func(st *stage) { st.misbehave(answer(200, page)) },
			func(st *stage) { st.misbehave(r.hangs()["that stops within its answer"]) })
	}
	for i, prepare := range append(bad, func(*stage) {}) {
		st := r.stage(nil)
		p := r.open(st.server())
		if p == nil {
			return
		}
		prepare(st)
		s := core.New("providertest", p, &core.Options{Kind: r.factory.Info().Kind, Timeout: short,
			UI: r.person(r.at, true), Inputs: r.inputSessions()})
		within := limit
		if i < len(bad) {
			within = prompt // Timeout does not bound a sign-in
		}
		ctx, cancel := context.WithTimeout(r.ctx, within)
		_, err := r.call(ctx, s.Init)
		cancel()
		if err == nil {
			if c, err := s.Credential(r.ctx); err == nil {
				_, _ = r.call(r.ctx, func(context.Context) error { s.Reject(c, ""); return nil })
			}
		}
		st.misbehave(nil)
		_, _ = r.call(r.ctx, s.Close)
		if visit(st); r.failed() {
			return
		}
	}
}

func closeGoroutines(r *run) {
	r.lives(func(*stage) {})
	var left []string
	if !eventually(func() bool { left = r.goroutines(); return len(left) == 0 }) {
		r.errorf("after Session.Close, goroutines are left:\n%s", strings.Join(left, "\n"))
	}
}

func closeConnections(r *run) {
	r.lives(func(st *stage) {
		if !eventually(func() bool { return st.open() == 0 }) {
			r.errorf("after Session.Close, %d connections to the server are left", st.open())
		}
	})
}

// openQuiet counts what opening sends.
func openQuiet(r *run) {
	st := r.stage(nil)
	err := r.factory.Check(r.Environment, r.settings(st.server()))
	if err != nil {
		r.errorf("Check of the good settings: %w", err)
	}
	r.open(st.server())
	if n := st.opened(); n > 0 {
		r.errorf("Check and Open have made %d connections to the server; "+
			"nothing is sent before Authenticate", n)
	}
}
