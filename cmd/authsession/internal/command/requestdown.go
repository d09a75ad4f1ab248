package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// errNoAnswer is the cause of the context of a request that got no answer in time.
var errNoAnswer = errors.New("the API did not answer in time")

// send sends a request. It waits for most for the headers of the answer; the time that a body
// takes to be sent does not count.
func send(client *http.Client, req *http.Request, most time.Duration) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(most, func() {
		cancel(fmt.Errorf("%w: within %v", errNoAnswer, most))
	})
	var mu sync.Mutex
	answered := false // the rest of a body may be sent after the answer
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		answered = true
		timer.Stop()
	}()
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() {
			if req.Body != nil && req.Body != http.NoBody {
				timer.Stop()
			}
		},
		WroteRequest: func(httptrace.WroteRequestInfo) {
			mu.Lock()
			defer mu.Unlock()
			if !answered {
				timer.Reset(most)
			}
		},
	}))
	resp, err := client.Do(req)
	if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		return nil, context.Cause(ctx)
	}
	return resp, err
}

// requestError returns the error of a request without the URL, which the person knows and
// which may hold a secret. An API that cannot be reached is unavailable.
func requestError(session string, err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		err = e.Err
	}
	var known *core.Error
	if err == nil || errors.As(err, &known) || !unreachable(err) {
		return err
	}
	// Not wrapped: a broken connection is not a broken pipe of the command's own.
	return &failure{next: []string{}, err: &core.Error{
		Session: session, Op: "request", Code: core.CodeUnavailable, Err: errors.New(err.Error()),
	}}
}

// unreachable reports an error of a connection, which another attempt may not have. One of a
// certificate, or that a server sends in the handshake, stays.
func unreachable(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return true
	case errors.As(err, &op):
		return op.Op != "remote error" && op.Op != "local error"
	}
	var timeout interface{ Timeout() bool }
	return errors.Is(err, errNoAnswer) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &timeout) && timeout.Timeout()
}
