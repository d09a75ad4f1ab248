package providertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/authsession/authsession/core"
)

// linger is how long a hanging server keeps a connection whose client has left.
const linger = 50 * time.Millisecond

// hangs are servers that do not finish.
func (r *run) hangs() map[string]http.HandlerFunc {
	stop := make(chan struct{})
	r.cleanup = append(r.cleanup, func() { close(stop) })
	// A server that ends its answer because the client is leaving would race
	// with the client, so it lingers and then breaks the connection.
	leave := func() {
		select {
		case <-time.After(linger):
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

// inTime judges a call whose context ended with cause.
func (r *run) inTime(what string, late time.Duration, err, cause error) {
	switch {
	case errors.Is(err, errStuck) || late > prompt:
		r.errorf("%s: the call was not back %v after the end of its context", what, prompt)
	case err == nil:
		r.errorf("%s: the call returned a credential", what)
	case !errors.Is(err, cause):
		r.errorf("%s: the error does not wrap %q: %w", what, cause, err)
	case core.CodeOf(err) != core.CodeUnavailable:
		r.errorf("%s: the error's code is %q, want %q: %w", what, core.CodeOf(err), core.CodeUnavailable, err)
	}
}

// contextBefore calls with a context that has ended already.
func contextBefore(r *run) {
	st := r.stage(nil)
	p := r.open(st.server())
	if p == nil {
		return
	}
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	_, late, err := r.ask(ctx, p, core.Request{})
	if r.Good != nil {
		r.inTime("a context that was cancelled before the call", late, err, context.Canceled)
		if n := st.requests.Load(); n > 0 {
			r.errorf("a context that was cancelled before the call: %d requests were sent", n)
		}
	} else if errors.Is(err, errStuck) || late > prompt {
		r.errorf("a context that was cancelled before the call: it was not back after %v", prompt)
	}
}

// contextCancel cancels once the server has the request.
func contextCancel(r *run) {
	for which, handler := range r.hangs() {
		st := r.stage(handler)
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
		r.inTime("a caller who leaves a server "+which, late, err, context.Canceled)
		if r.failed() {
			return
		}
	}
}

// contextDeadline lets the deadline of the context pass.
func contextDeadline(r *run) {
	for which, handler := range r.hangs() {
		p := r.open(r.stage(handler).server())
		if p == nil {
			return
		}
		ctx, cancel := context.WithTimeout(r.ctx, short)
		_, late, err := r.ask(ctx, p, core.Request{})
		cancel()
		r.inTime("a deadline at a server "+which, late, err, context.DeadlineExceeded)
		if r.failed() {
			return
		}
	}
}

// concurrent asks one provider from many goroutines at once, for every reason.
func concurrent(r *run) {
	_, p, cred, ok := r.good()
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

// neighbours lets one caller leave while others wait for the same server.
func neighbours(r *run) {
	gate := make(chan struct{})
	st := r.stage(func(w http.ResponseWriter, req *http.Request) {
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
	// the one that leaves is the first, whose context a careless provider lends to all
	case <-st.began:
	case <-time.After(settle):
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

// pause waits in the real time that networks live in.
func pause(d time.Duration) { <-time.After(d) }
