package gs

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// Session is a [core.Session] with the methods that the Marquee APIs want: a
// typed REST client (call.go) and WebSocket handshakes (websocket.go). It
// holds nothing but that session, so that any number of them may stand for the
// same one. It is safe for concurrent use. Make it with [Get], [Use] or [From]:
// the zero Session has no session to stand for.
type Session struct{ core *core.Session }

// Get creates a session for an environment. Nothing is sent: [Session.Init],
// [Use] or [Do] authenticate it. Nil options are the defaults of [core.New].
// The session's kind is "gs", whatever opts say. An unknown environment and bad
// settings are [core.BadConfig].
func Get(env core.Environment, cfg Config, opts *core.Options) (*Session, error) {
	if err := check(env, cfg); err != nil {
		return nil, &core.Error{Provider: kind, Op: "open", Code: core.BadConfig, Err: err}
	}
	p, err := open(context.Background(), env, cfg)
	if err != nil {
		return nil, &core.Error{Provider: kind, Op: "open", Code: core.CodeOf(err), Err: err}
	}
	var o core.Options
	if opts != nil {
		o = *opts
	}
	o.Provider, o.Facade = kind, func() bool { return true }
	if o.Environment == "" {
		o.Environment = env
	}
	return From(core.New(kind+"-"+string(env), p, &o)), nil
}

// check reports the faults of an environment and its settings together.
func check(env core.Environment, cfg Config) error {
	known := Factory.Info().Environments
	if !slices.Contains(known, env) {
		names := []string{string(Dev), string(QA), string(Prod)}
		return fmt.Errorf("unknown environment %q%s; known: %s", env, core.DidYouMean(string(env), names), strings.Join(names, ", "))
	}
	return cfg.Validate(env)
}

// From returns the facade of a session that was made elsewhere: by a registry
// from a config file, in this process or by a plugin. What it needs to know
// travels in the credential's attributes; a session of another kind, without
// them, fails its calls with [core.BadConfig]. Nil gives nil.
func From(s *core.Session) *Session {
	if s == nil {
		return nil
	}
	return &Session{core: s}
}

// Use creates a session, authenticates it and makes it the process's current gs
// session. If that fails, the current session stays what it was.
func Use(ctx context.Context, env core.Environment, cfg Config, opts *core.Options) (*Session, error) {
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

// Current returns the innermost gs session of ctx, also through blocks of
// sessions of other kinds, otherwise the process's, otherwise
// [core.NotInitialized]. Every goroutine sees the process's.
func Current(ctx context.Context) (*Session, error) {
	s, err := core.CurrentOf(ctx, kind)
	return From(s), err
}

// SetCurrent makes s the process's current gs session and returns the one before,
// which it does not close; nil if there was none. Nil sets none. Current sessions
// of other kinds stay, and blocks of [Do] keep their own session.
func SetCurrent(s *Session) (previous *Session) {
	if s == nil {
		return From(core.SetCurrentOf(kind, nil))
	}
	return From(core.SetCurrentOf(kind, s.core))
}

// Do runs fn with a context in which s is current. It authenticates s unless it
// already is, and at the end, also of a panic, closes what it authenticated.
// If that fails, fn is not run and nothing is current that was not before. If s
// is nil, the error is [core.BadConfig].
func Do(ctx context.Context, s *Session, fn func(context.Context) error) error {
	if s == nil {
		return core.Do(ctx, nil, fn)
	}
	ready := s.ready()
	return core.Do(ctx, s.core, func(ctx context.Context) error {
		if !ready {
			s.announce(ctx)
		}
		return fn(ctx)
	})
}

// Init authenticates the session unless it already is.
func (s *Session) Init(ctx context.Context) error {
	ready := s.ready()
	if err := s.core.Init(ctx); err != nil {
		return err
	}
	if !ready {
		s.announce(ctx)
	}
	return nil
}

// Close drops the token and closes idle connections; nothing is sent. Further
// use is [core.Closed] until the next Init.
func (s *Session) Close(ctx context.Context) error { return s.core.Close(ctx) }

// Core returns the session that s stands for.
func (s *Session) Core() *core.Session { return s.core }

// Client returns an HTTP client whose requests carry the session's credential,
// for what the methods of s do not offer. It knows no base URL and no retries.
func (s *Session) Client() *http.Client { return s.core.Client() }

func (s *Session) ready() bool { return s.core.Status().State.Ready() }
