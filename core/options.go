// Read on in nearest.go.

package core

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Options configure a [Session]. Nil and the zero value are the recommended defaults. A
// session copies them and never writes to the caller's value.
type Options struct {
	// Kind is the provider's kind, for errors, logs and Status. Empty: unknown.
	Kind string
	// Facade reports whether the kind has a facade, a package of its own with
	// calls to the API, such as gs: then the sessions of the kind have one slot of
	// a [Scope] together. It is called when the session is set current and is in
	// no slot yet. Package registry fills it from [Info].Facade. Nil: the kind has
	// none, and the slot belongs to the session's name.
	Facade func() bool
	// Environment is the one that the provider was opened with, for errors, logs
	// and Status. Empty: none.
	Environment Environment
	// Origins are where the credential may go, as "https://api.example.com".
	// They take the place of those that the provider names. Empty: the
	// provider's; if it names none either, the hosts that callers name.
	Origins []string
	// Lazy authenticates on first use. False: a use before Init is
	// [CodeNotInitialized].
	Lazy bool
	// KeepFresh renews the credential also while no request uses it, so that the
	// first call after a pause does not wait. False: only requests cause renewals.
	KeepFresh bool
	// AllowHTTP lets the credential go over plain HTTP to hosts other than
	// the loopback ones, which are always allowed.
	AllowHTTP bool
	// NoReplay returns a refusal, such as a 401, to the caller instead of repeating
	// the request once with a renewed credential.
	NoReplay bool
	// AskOnlyOnSignIn restricts questions to a person to [Session.SignIn]: every other
	// call returns [CodeInteractive]. A helper or a broker that has a UI sets it. False:
	// any caller may cause a sign-in.
	AskOnlyOnSignIn bool
	// Early is how long before its expiry a credential is renewed, at most
	// half of its lifetime. Zero or less: a tenth of the lifetime, at most
	// five minutes.
	Early time.Duration
	// Timeout bounds each attempt to authenticate or revoke. Zero or less:
	// ten seconds. A sign-in by a person has SignInTimeout.
	Timeout time.Duration
	// SignInTimeout bounds a sign-in by a person, also one in another process or in
	// the session of an input, and the person is told the time that is left. Zero or
	// less: ten minutes, or for as long as the device code is valid that the person is
	// shown, if that is longer.
	SignInTimeout time.Duration
	// RefusedStatus are statuses of the API's answers, beside 401, that refuse
	// the credential, such as 419 or 440. They are numbers from 400 to 599; Check
	// reports others. Nil: none.
	RefusedStatus []int
	// UI lets a provider ask a person. Nil: if a person is needed, the error is
	// [CodeInteractive].
	UI *UI
	// Store keeps the session's credential for later and other processes (see
	// [Store]). Nil: it is in memory only.
	Store Store
	// StoreKey names the credential in Store. Sessions of one key share it.
	// Empty: the session's name, with "-" and StoreScope if that is set.
	StoreKey string
	// StoreScope tells apart what may be stored for sessions of one name, such as
	// the account or the issuer; any text will do. A stored credential of another
	// StoreScope, Kind or Environment is neither used nor overwritten nor
	// deleted, and Init then returns [CodeBadConfig]. It is part of the key if
	// StoreKey is empty, so that such a credential is not even read. Package
	// registry fills it with a hash of the kind, the environment and the settings
	// that identify an account. Empty: no scope.
	StoreScope string
	// StoreFormerKey is the key that an earlier version of the program used in
	// Store. If nothing is stored under the key of the session, what is stored
	// under StoreFormerKey is moved there once. If it is another session's, by
	// its Kind, Environment, StoreScope or origins, or if the store fails, it
	// stays where it is and the session continues as if it had none. SignOut
	// ends what is stored under either key. Package registry fills it. Empty, or
	// the key of the session: there was no other key.
	StoreFormerKey string
	// Inputs are sessions whose credentials the provider needs, by role. They
	// are initialised when they are first needed, and not closed. Nil: none.
	Inputs map[string]*Session
	// Transport carries the requests of Client, and of Transport(nil). Nil: a
	// transport of the session's own, like http.DefaultTransport, that Close
	// ends. With an *http.Transport, a clone of it presents the session's
	// client certificate; any other must do so itself (see TLSConfig).
	Transport http.RoundTripper
	// Proxy carries the requests of Client and of Transport(nil), and those that the
	// provider makes itself, with the exceptions of AuthTransport: the URL of an http,
	// https, socks5 or socks5h proxy, or "direct:" for none. Requests to loopback
	// hosts go to no proxy. HTTPS_PROXY, NO_PROXY and the like are then not used.
	// With a Transport that is no *http.Transport, it is for the provider's requests
	// alone. Nil: what Transport says, and without one those variables.
	Proxy *url.URL
	// TLS is for the connections to the API, TLS 1.2 or newer in any case, in the
	// place of the TLSClientConfig of an *http.Transport. Its RootCAs take precedence
	// over the roots of the credential; a client certificate is that of the
	// credential. It must not be changed afterwards. A Transport of another type does
	// not use it. Nil: what Transport says.
	TLS *tls.Config
	// AuthTransport wraps the transport of the requests that the provider makes
	// itself, such as those for tokens and revocations, to trace, count or record
	// them; never those to the API. It is called once, when the first of them is
	// made, and its result serves all of them, also at the same time. base sends a
	// request with the client that it is from, which it knows by the request's
	// context: that context, or one made from it, has to reach base. What passes
	// holds secrets. Requests of providers that use package providerhttp, as those
	// of this module do, or the function [AuthTransport] pass; those of a plugin are
	// made in its process and do not. If the function returns nil or panics, the
	// requests fail as [CodeBadConfig]. Nil: the requests are not wrapped.
	AuthTransport func(base http.RoundTripper) http.RoundTripper
	// Logger receives log records for operators: renewals and waits at Debug,
	// sign-ins at Info, failures and changes of the subject at Warn. Nil: nothing
	// is logged.
	Logger *slog.Logger
	// Begin is called when an attempt to obtain a credential starts, with the
	// context of the caller that starts it and an event of the kind [EventStarting]. It
	// returns the context whose values the attempt is to have, such as one with a
	// span: the provider gets them, and so do its requests. The attempt takes the
	// values alone. It ends neither with that context nor with its deadline, as it
	// belongs to all callers. [Event.Context] has the values, too, up to the event
	// that ends the attempt.
	//
	// Begin runs on the goroutine of that caller, before the caller waits for the
	// attempt, and without a lock: it may call any method of the session. If a
	// timer, another attempt or a session that needs the credential starts the
	// attempt, it runs on a goroutine of its own, and for [Session.Reject] and
	// [Session.Reconfigure] on the caller's. The context is a background one or, for
	// another session, that of its attempt. An attempt waits 100 ms for Begin and
	// then starts without the values. A Begin that does not return holds the caller
	// that runs it, which cannot be released, and nobody else. One that panics,
	// returns nil or ends its goroutine (runtime.Goexit) gives no values. Nil: no
	// calls.
	Begin func(ctx context.Context, ev Event) context.Context
	// Observe is called after each event, in their order, one call at a time and
	// outside of all locks. The callers of the session have their answers by then,
	// and nothing waits for Observe: it may call any method of the session. While
	// it does not return, at most 1,024 events are kept for it. A panic in it is
	// dropped. Nil: no calls.
	Observe func(Event)
}

const (
	defaultTimeout       = 10 * time.Second
	defaultSignInTimeout = 10 * time.Minute
)

func (o *Options) timeout() time.Duration {
	if o.Timeout <= 0 {
		return defaultTimeout
	}
	return o.Timeout
}

func (o *Options) signInTimeout() time.Duration {
	if o.SignInTimeout <= 0 {
		return defaultSignInTimeout
	}
	return o.SignInTimeout
}

// Check returns the error with [CodeBadConfig] that [Session.Init] would return for o: for a
// malformed origin, for a Proxy that is not a URL of a proxy, for an input that is nil, for a
// number in RefusedStatus that is not the status of an error, and for a name or a text of the
// store that is too long or has characters that nobody sees (see [CheckName]). For nil it
// returns nil.
func (o *Options) Check() error {
	if o == nil {
		return nil
	}
	if _, err := parseOrigins(o.Origins); err != nil {
		return Errorf(CodeBadConfig, "%w", err)
	}
	if err := o.checkNames(); err != nil {
		return err
	}
	if err := o.checkRefusedStatus(); err != nil {
		return Errorf(CodeBadConfig, "%w", err)
	}
	if !isProxy(o.Proxy) {
		return Errorf(CodeBadConfig, "the proxy has no usable URL: want an http, https, socks5 or "+
			"socks5h URL with a host, or direct:")
	}
	return o.checkInputs()
}

// noProxy is the scheme of a proxy URL that stands for no proxy.
const noProxy = "direct"

// isProxy reports whether u can be Options.Proxy.
func isProxy(u *url.URL) bool {
	if u == nil {
		return true
	}
	switch u.Scheme {
	case noProxy:
		return u.Host == "" && u.Path == "" && (u.Opaque == "" || u.Opaque == "/")
	case "http", "https", "socks5", "socks5h":
		return u.Hostname() != "" && u.Opaque == "" && (u.Path == "" || u.Path == "/") &&
			u.RawQuery == "" && u.Fragment == "" && CheckHost(u) == nil
	}
	return false
}

// proxyOf is the function Proxy of a transport for o, whose Proxy is not nil.
func (o *Options) proxyOf(r *http.Request) (*url.URL, error) {
	if o.Proxy.Scheme == noProxy || isLoopback(r.URL) {
		return nil, nil
	}
	return o.Proxy, nil
}

func (o *Options) checkRefusedStatus() error {
	for _, status := range o.RefusedStatus {
		if status < 400 || status > 599 {
			return fmt.Errorf("refused status %d: want a number from 400 to 599", status)
		}
	}
	return nil
}

// checkNames reports the first name or text in o that is out of bounds.
func (o *Options) checkNames() error {
	type named struct {
		what, text string
		limit      int
	}
	list := []named{
		{"kind", o.Kind, maxName}, {"environment", string(o.Environment), maxName},
		{"StoreKey", o.StoreKey, maxStoreText}, {"StoreScope", o.StoreScope, maxStoreText},
		{"StoreFormerKey", o.StoreFormerKey, maxStoreText},
	}
	if len(o.Inputs) > 0 { // else the search for them allocates
		for _, role := range slices.Sorted(maps.Keys(o.Inputs)) {
			list = append(list, named{"role of an input", role, maxName})
		}
	}
	for _, n := range list {
		if problem := textProblem(n.text, n.limit, isVisible); problem != "" {
			return Errorf(CodeBadConfig, "the %s %s", n.what, problem)
		}
	}
	return nil
}

func (o *Options) checkInputs() error {
	for role, s := range o.Inputs {
		if s == nil {
			return Errorf(CodeBadConfig, "the input %q is nil", role)
		}
	}
	return nil
}
