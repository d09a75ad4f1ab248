// The facade: one session of the Marquee APIs.
//
// Read on in call.go.

package gs

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// Session is a [core.Session] with methods for the Marquee APIs: a REST client (call.go) and
// WebSocket handshakes (websocket.go). It is the same value with other methods, so that two
// facades of one session are the same pointer: they can be compared with == and be keys of a map.
// It is safe for concurrent use. Make it with [Get], [Use] or [From]; the zero Session cannot be
// used.
type Session core.Session

// Get creates a session for an environment. It sends nothing: [Session.Init], [Use] and [Do]
// authenticate the session. Nil options are the defaults of [core.New]. Get sets the kind of
// the session to "gs". The error is [core.CodeBadConfig] for an unknown environment and for
// settings that are not valid.
func Get(env core.Environment, cfg Config, opts *core.Options) (*Session, error) {
	if err := check(env, cfg); err != nil {
		return nil, &core.Error{Kind: kind, Op: "open", Code: core.CodeBadConfig, Err: err}
	}
	p, err := open(context.Background(), env, cfg)
	if err != nil {
		return nil, &core.Error{Kind: kind, Op: "open", Code: core.CodeOf(err), Err: err}
	}
	var o core.Options
	if opts != nil {
		o = *opts
	}
	o.Kind, o.Facade = kind, func() bool { return true }
	if o.Environment == "" {
		o.Environment = env
	}
	return From(core.New(kind+"-"+string(env), p, &o)), nil
}

// check reports the faults of an environment and its settings together.
func check(env core.Environment, cfg Config) error {
	if !slices.Contains(Factory.Info().Environments, env) {
		names := []string{string(Dev), string(QA), string(Prod)}
		return fmt.Errorf("unknown environment %q%s; known: %s", env, core.DidYouMean(string(env), names),
			strings.Join(names, ", "))
	}
	return cfg.Validate(env)
}

// From returns the facade of a session that was made elsewhere: by a registry from a config file,
// with the provider in this process or in a plugin. The facade reads the attributes of the
// credential. For a session of another kind, which lacks them, its calls return
// [core.CodeBadConfig]. From returns nil for nil, and the same pointer for the same session.
func From(s *core.Session) *Session {
	return (*Session)(s)
}

// Use creates a session, authenticates it and makes it the process's current gs session. If that
// fails, the current session does not change.
func Use(ctx context.Context, env core.Environment, cfg Config,
	opts *core.Options) (*Session, error) {
	s, err := Get(env, cfg, opts)
	if err != nil {
		return nil, err
	}
	if err := s.Init(ctx); err != nil {
		return nil, err
	}
	SetCurrent(s)
	return s, nil
}

// Current returns the current gs session: that of the innermost block of [Do] in ctx, otherwise
// that of the process, which all goroutines share. Blocks of sessions of other kinds do not matter.
// If there is none, the error is [core.CodeNotInitialized].
func Current(ctx context.Context) (*Session, error) {
	s, err := core.CurrentOf(ctx, kind)
	return From(s), err
}

// SetCurrent makes s the process's current gs session and returns the previous one, which it does
// not close; nil if there was none. If s is nil, there is no current gs session afterwards. Current
// sessions of other kinds and those of blocks of [Do] do not change.
func SetCurrent(s *Session) (previous *Session) {
	return From(core.SetCurrentOf(kind, s.Core()))
}

// Do runs fn with a context in which s is current. If s is not authenticated, Do authenticates it,
// and closes it after fn has returned or panicked. If the authentication fails, Do does not run fn.
// If s is nil, the error is [core.CodeBadConfig].
func Do(ctx context.Context, s *Session, fn func(context.Context) error) error {
	if s == nil {
		return core.Do(ctx, nil, fn)
	}
	ready := s.ready()
	return core.Do(ctx, s.Core(), func(ctx context.Context) error {
		if !ready {
			s.announce(ctx)
		}
		return fn(ctx)
	})
}

// Init authenticates the session if it is not authenticated.
func (s *Session) Init(ctx context.Context) error {
	ready := s.ready()
	if err := s.Core().Init(ctx); err != nil {
		return err
	}
	if !ready {
		s.announce(ctx)
	}
	return nil
}

// Close forgets the token and closes idle connections. It sends nothing. Until the next Init, all
// calls return [core.CodeClosed].
func (s *Session) Close(ctx context.Context) error { return s.Core().Close(ctx) }

// Core returns the session that s is the facade of; nil for nil.
func (s *Session) Core() *core.Session { return (*core.Session)(s) }

// String returns the name and the state, as [core.Session.String] does, and "no session" for nil.
func (s *Session) String() string {
	if s == nil {
		return "no session"
	}
	return s.Core().String()
}

// Client returns an HTTP client that adds the session's credential to requests, for requests that
// the methods of s cannot make. It has no base URL and does not retry.
func (s *Session) Client() *http.Client { return s.Core().Client() }

// HandshakeClient returns a client like that of Client that does not follow redirects, for the
// handshakes of WebSocket libraries (see [core.Session.HandshakeClient] and [Session.WebSocket]).
func (s *Session) HandshakeClient() *http.Client { return s.Core().HandshakeClient() }

func (s *Session) ready() bool { return s.Core().Status().State.Ready() }
