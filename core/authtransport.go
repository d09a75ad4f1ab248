// Read on in setup.go.

package core

import (
	"context"
	"net/http"
	"net/url"
	"sync"
)

// This file is Options.AuthTransport. The wrapper is made once for a session, over
// a transport that sends a request with the base that its context names: providers
// make a client for each attempt, and none of them needs a wrapper of its own.

type (
	authTransportKey struct{} // of the *Options of the session whose provider is called
	authBaseKey      struct{} // of the transport that a request is for
)

func (authTransportKey) ownKey() {}
func (authBaseKey) ownKey()      {}

// withAuthTransport returns the context of a call into the provider, by which
// [AuthTransport] finds the options.
func (o *Options) withAuthTransport(ctx context.Context) context.Context {
	if o.AuthTransport == nil && o.Proxy == nil && ctx.Value(authTransportKey{}) == nil {
		return ctx
	}
	return context.WithValue(ctx, authTransportKey{}, o)
}

// wrapOnce returns wrap with its result remembered: nil if it panics.
func wrapOnce(
	wrap func(http.RoundTripper) http.RoundTripper,
) func(http.RoundTripper) http.RoundTripper {
	var once sync.Once
	var made http.RoundTripper
	return func(base http.RoundTripper) http.RoundTripper {
		once.Do(func() {
			defer func() { _ = recover() }()
			made = wrap(base)
		})
		return made
	}
}

// AuthTransport returns base, or what [Options.AuthTransport] makes of it if ctx is
// that of a call into a provider (Authenticate, SignIn or Revoke) whose session has
// the option. Clients of package providerhttp use it; a provider that sends its
// token requests with another client calls it with their contexts. If the option's
// function returned nil or panicked, the error is [CodeBadConfig]. It is safe for
// concurrent use.
func AuthTransport(ctx context.Context, base http.RoundTripper) (http.RoundTripper, error) {
	o, _ := ctx.Value(authTransportKey{}).(*Options)
	if o == nil || o.AuthTransport == nil {
		return base, nil
	}
	wrapped := o.AuthTransport(namedBase{})
	if wrapped == nil {
		return nil, Errorf(CodeBadConfig, "Options.AuthTransport made no transport")
	}
	return authTransport{wrapped, base}, nil
}

// RequestProxy returns the proxy for a request of a provider: that of [Options.Proxy]
// if r has the context of a call into a provider whose session has the option, and
// else what usual says; nil usual is for no proxy. If usual is [http.ProxyFromEnvironment]
// and the variable for r is not the URL of a proxy, the error is [CodeBadConfig], as net/http
// would connect without one. Clients of package providerhttp use
// it; a provider with another client makes it the Proxy of its http.Transport. It is
// safe for concurrent use.
func RequestProxy(
	r *http.Request, usual func(*http.Request) (*url.URL, error),
) (*url.URL, error) {
	o, _ := r.Context().Value(authTransportKey{}).(*Options)
	switch {
	case o != nil && o.Proxy != nil:
		return o.proxyOf(r)
	case usual == nil:
		return nil, nil
	}
	return checkedProxy(usual)(r)
}

// authTransport sends requests through a wrapper that serves all bases.
type authTransport struct{ wrapped, base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t authTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := context.WithValue(r.Context(), authBaseKey{}, t.base)
	return t.wrapped.RoundTrip(r.WithContext(ctx))
}

// namedBase sends a request through the base that its context names.
type namedBase struct{}

// RoundTrip implements [http.RoundTripper].
func (namedBase) RoundTrip(r *http.Request) (*http.Response, error) {
	base, ok := r.Context().Value(authBaseKey{}).(http.RoundTripper)
	if !ok {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, Errorf(CodeBadConfig,
			"Options.AuthTransport sends a request without the context of the one that it was given")
	}
	return base.RoundTrip(r)
}
