package providertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/authsession/authsession/core"
)

// lingerTime is how long a hanging server keeps a connection whose client has left.
const lingerTime = 50 * time.Millisecond

// hangs returns servers that do not finish.
func (r *run) hangs() map[string]http.HandlerFunc {
	stop := make(chan struct{})
	r.cleanup = append(r.cleanup, func() { close(stop) })
	// A server that ends its answer because the client is leaving would race
	// with the client, so it lingers and then breaks the connection.
	leave := func() {
		select {
		case <-time.After(lingerTime):
		case <-stop:
		}
		panic(http.ErrAbortHandler)
	}
	wait := func(req *http.Request) {
		select {
		case <-req.Context().Done():
		case <-stop:
		}
		leave()
	}
	return map[string]http.HandlerFunc{
		"that does not answer": func(_ http.ResponseWriter, req *http.Request) { wait(req) },
		"that stops within its answer": func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":`)
			_ = http.NewResponseController(w).Flush()
			wait(req)
		},
		"that answers a byte at a time": func(w http.ResponseWriter, req *http.Request) {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				if _, err := io.WriteString(w, " "); err != nil {
					leave()
				}
				_ = http.NewResponseController(w).Flush()
				select {
				case <-tick.C:
				case <-req.Context().Done():
					leave()
				case <-stop:
					leave()
				}
			}
		},
	}
}

// checkEnded checks the outcome of a call whose context ended with cause.
func (r *run) checkEnded(what string, late time.Duration, err, cause error) {
	switch {
	case errors.Is(err, errStuck) || late > maxDelay:
		r.errorf("%s: the call was not back %v after the end of its context", what, maxDelay)
	case err == nil:
		r.errorf("%s: the call returned a credential", what)
	case !errors.Is(err, cause):
		r.errorf("%s: the error does not wrap %q: %w", what, cause, err)
	case core.CodeOf(err) != core.CodeUnavailable:
		r.errorf("%s: the error's code is %q, want %q: %w",
			what, core.CodeOf(err), core.CodeUnavailable, err)
	}
}

// contextBefore calls with a context that has ended already.
func contextBefore(r *run) {
	st := r.serve(nil)
	p := r.open(st.server())
	if p == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	_, late, err := r.ask(ctx, p, core.Request{})
	if r.Good != nil {
		r.checkEnded("a context that was cancelled before the call", late, err, context.Canceled)
		if n := st.requests.Load(); n > 0 {
			r.errorf("a context that was cancelled before the call: %d requests were sent", n)
		}
	} else if errors.Is(err, errStuck) || late > maxDelay {
		r.errorf("a context that was cancelled before the call: it was not back after %v", maxDelay)
	}
}

// contextCancel cancels once the server has the request.
func contextCancel(r *run) {
	for which, handler := range r.hangs() {
		st := r.serve(handler)
		p := r.open(st.server())
		if p == nil {
			return
		}
		ctx, cancel := context.WithCancel(r.ctx)
		go func() {
			select {
			case <-st.began:
				pause(10 * time.Millisecond) // so that it is well inside
			case <-ctx.Done():
			}
			cancel()
		}()
		_, late, err := r.ask(ctx, p, core.Request{})
		cancel()
		r.checkEnded("a caller who leaves a server "+which, late, err, context.Canceled)
		if r.failed() {
			return
		}
	}
}

// contextDeadline lets the deadline of the context pass.
func contextDeadline(r *run) {
	for which, handler := range r.hangs() {
		p := r.open(r.serve(handler).server())
		if p == nil {
			return
		}
		ctx, cancel := context.WithTimeout(r.ctx, shortTimeout)
		_, late, err := r.ask(ctx, p, core.Request{})
		cancel()
		r.checkEnded("a deadline at a server "+which, late, err, context.DeadlineExceeded)
		if r.failed() {
			return
		}
	}
}

// concurrent calls one provider from many goroutines at once, for every reason.
func concurrent(r *run) {
	_, p, cred, ok := r.obtain()
	if !ok {
		return
	}
	const callers = 24
	errs := make(chan error, callers)
	for i := range callers {
		go func() {
			req := core.Request{Reason: core.Reason(i % 3)}
			if req.Reason != core.ReasonInitial {
				req.Previous = cred
			}
			_, _, err := r.ask(r.ctx, p, req)
			errs <- err
		}()
	}
	for range callers {
		if err := <-errs; err != nil {
			r.errorf("one of %d callers at the same time: %w", callers, err)
			return
		}
	}
}

// callersIndependent ends the context of one caller while others wait for the server.
func callersIndependent(r *run) {
	gate := make(chan struct{})
	st := r.serve(func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-gate:
		case <-req.Context().Done():
			return
		}
		r.Good.ServeHTTP(w, req)
	})
	p := r.open(st.server())
	if p == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	left := make(chan struct{})
	go func() {
		_, _, _ = r.ask(ctx, p, core.Request{})
		close(left)
	}()
	select {
	// the one that leaves is the first, whose context a bad provider uses for all
	case <-st.began:
	case <-time.After(settleTime):
	}
	const stayers = 3
	errs := make(chan error, stayers)
	for range stayers {
		go func() {
			_, _, err := r.ask(r.ctx, p, core.Request{})
			errs <- err
		}()
	}
	pause(20 * time.Millisecond) // so that they wait too
	cancel()
	<-left
	close(gate)
	for range stayers {
		if err := <-errs; err != nil {
			r.errorf("a caller failed because another one left: %w", err)
			return
		}
	}
}

// pause waits in real time, as the network is real.
func pause(d time.Duration) { <-time.After(d) }
