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
// have started and that are still there. Labels are inherited, so that
// other tests have no effect.
func (r *run) goroutines() []string {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	var running []string
	for _, entry := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(entry, `"`+r.label()+`"`) {
			running = append(running, entry)
		}
	}
	return running
}

// eventually calls ok until it returns true, for at most settleTime, and reports whether
// it did.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(settleTime); !ok(); pause(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// runSessions initialises and closes sessions: a good one, some that fail and one that is
// closed while it authenticates.
func (r *run) runSessions(visit func(*testServer)) {
	var bad []func(*testServer)
	if r.Good != nil {
		bad = append(bad,
			func(st *testServer) { st.misbehave(answer(500, htmlPage)) },
			func(st *testServer) { st.misbehave(answer(200, htmlPage)) },
			func(st *testServer) { st.misbehave(r.hangs()["that stops within its answer"]) })
	}
	for i, prepare := range append(bad, func(*testServer) {}) {
		st := r.serve(nil)
		p := r.open(st.server())
		if p == nil {
			return
		}
		prepare(st)
		s := core.New("providertest", p, &core.Options{Kind: r.factory.Info().Kind, Timeout: shortTimeout,
			UI: r.person(r.server, true), Inputs: r.inputSessions()})
		within := callTimeout
		if i < len(bad) {
			within = maxDelay // Timeout does not bound a sign-in
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
	r.runSessions(func(*testServer) {})
	var left []string
	if !eventually(func() bool { left = r.goroutines(); return len(left) == 0 }) {
		r.errorf("after Session.Close, goroutines are left:\n%s", strings.Join(left, "\n"))
	}
}

func closeConnections(r *run) {
	r.runSessions(func(st *testServer) {
		if !eventually(func() bool { return st.open() == 0 }) {
			r.errorf("after Session.Close, %d connections to the server are left", st.open())
		}
	})
}

// openQuiet counts the connections that opening makes.
func openQuiet(r *run) {
	st := r.serve(nil)
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
