// Read on in decide.go.

package core

import (
	"context"
	"sync"
	"sync/atomic"
)

// Session holds the authentication of one external API. It is created without
// sending anything ([New]), authenticated once ([Session.Init]), used by every
// request, renewed before its credential expires, and closed at the end; after
// [Session.Close], Init starts again. The same methods apply to all sessions,
// whatever their provider.
//
//	new → Init → fresh ⇄ stale → expired → … → Close → closing → closed → Init → …
//
// A fresh credential is returned at once. A stale one is returned at once, too,
// and renewed in the background. If it has expired, or the API refused it,
// callers wait for the one renewal in flight, each until its own context ends.
// [State] has the list.
//
// A Session is safe for concurrent use. It runs a goroutine only while it
// authenticates. The zero Session authenticates nothing: Init returns
// [CodeBadConfig].
type Session struct {
	published atomic.Pointer[credential] // machine.current, for callers without the lock
	setup     atomic.Pointer[setup]      // written under mu

	sending atomic.Pointer[sendingState] // what sends requests; made on first use

	mu      sync.Mutex // guards all below; it is never held across I/O
	machine machine
	rare    *rareState // nil: none was needed yet
	// ownOrigins: a credential had other origins than the options
	ownOrigins bool
}

// New returns a session for one provider. Nothing is sent and no goroutine
// starts. The name is for errors and logs. Nil options are the defaults. If
// something is wrong with them or with the name ([CheckName]), Init reports it as
// [CodeBadConfig].
func New(name string, p Provider, opts *Options) *Session {
	s := &Session{}
	s.setup.Store(newSetup(name, p, opts))
	return s
}

// config returns the setup in effect.
func (s *Session) config() *setup {
	if cfg := s.setup.Load(); cfg != nil {
		return cfg
	}
	return unmadeSetup()
}

// Name returns the session's name.
func (s *Session) Name() string { return s.config().name }

// Init authenticates the session unless it already is authenticated. Callers at
// the same time share one attempt; a caller whose ctx ends leaves it, and the
// attempt continues for the others. A failed Init leaves the session as it was,
// and the next one tries again: after a second failure in a row it first waits
// until the back-off of [CodeUnavailable] ends, and returns [CodeDenied],
// [CodeBadConfig] and [CodeInteractive] from memory until their cool-down ends,
// so that a loop around Init does not flood the issuer.
func (s *Session) Init(ctx context.Context) error { return s.init(ctx, false) }

// init makes the session ready. asBlock says that a block of Do does so.
func (s *Session) init(ctx context.Context, asBlock bool) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "init")
	}
	by := caller{audience: s.audience(ctx)}
	var epoch *uint32
	for {
		by.contextEnded = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict {
			return s.machine.init(at, p, by, asBlock, epoch)
		})
		if !v.awaitClose {
			// An Init that waits for a Close to end begins after that Close, so
			// that its epoch is the next one.
			epoch = &v.epoch
		}
		if _, done, err := s.followVerdict(ctx, v, by); done {
			return s.config().annotate(err, "init")
		}
	}
}

// Credential returns the current credential. It is the hot path: while the
// credential is fresh, it takes no lock and allocates nothing. Errors:
// [CodeNotInitialized] before Init (unless Options.Lazy), [CodeClosed] after Close,
// what the provider reported if there is no valid credential, and an error
// that wraps ctx's when ctx ends first.
func (s *Session) Credential(ctx context.Context) (Credential, error) {
	c, err := s.get(ctx, false)
	if err != nil {
		return Credential{}, err
	}
	return c.cred, nil
}

// get implements credentialOwner. It returns a credential that may be used now. Until the
// instant that the last look at the machine set, it takes no lock. answers says
// that the caller sees what the API answers.
func (s *Session) get(ctx context.Context, answers bool) (*credential, error) {
	if c := s.published.Load(); c != nil {
		if until := instant(c.recheckAt.Load()); until == never || monoNow() < until {
			return c, nil
		}
	}
	if ctx == nil {
		return nil, s.config().annotate(errNoContext, "")
	}
	by := caller{audience: s.audience(ctx), seesAnswers: answers}
	for {
		by.contextEnded = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict { return s.machine.use(at, p, by) })
		if c, done, err := s.followVerdict(ctx, v, by); done {
			return c, s.config().annotate(err, "")
		}
		by.seesAnswers = false // it has waited for a replacement
	}
}

// Reject tells the session that the API refused c, with the WWW-Authenticate
// header of its answer. If c is still the session's, it is dropped and renewed
// once, however many callers report it; otherwise nothing happens. Refusals
// that follow each other closely are spaced like failures: c then stays, so
// that the refusals of one endpoint do not take the credential from the others,
// unless challenge asks for something else than the last one did.
// A challenge that does not refuse the credential changes nothing (see
// [Session.Transport]). Transport reports refusals itself; call Reject where
// authsession does not send the request. Reject only waits for Options.Begin.
func (s *Session) Reject(c Credential, challenge string) {
	current := s.published.Load()
	if current == nil || c.id != current.cred.id {
		return
	}
	if refused, invalid := readChallenge(current.scheme(), challenge); refused {
		s.refuse(context.Background(), current, invalid, challenge)
	}
}

// supplyInput implements inputSession.
func (s *Session) supplyInput(ctx context.Context) (Credential, error) {
	c, err := s.Credential(ctx)
	if CodeOf(err) != CodeNotInitialized {
		return c, err
	}
	if err := s.Init(ctx); err != nil {
		return Credential{}, err
	}
	return s.Credential(ctx)
}

// rejectInput implements inputSession.
func (s *Session) rejectInput(ctx context.Context, c Credential) {
	if current := s.published.Load(); current != nil && c.id == current.cred.id {
		s.refuseAs(ctx, s.audience(ctx), current, false, "")
	}
}

// mayAskPerson implements inputSession.
func (s *Session) mayAskPerson() bool { return s.config().audience() == person }

// audience returns for whom a call with ctx asks. An attempt for nobody that
// needs this session as an input marks its context.
func (s *Session) audience(ctx context.Context) audience {
	if ctx.Value(nobodyKey{}) != nil {
		return nobody
	}
	return s.config().audience()
}

// audience returns for whom a caller of this setup asks.
func (cfg *setup) audience() audience {
	if cfg.opts.UI != nil && !cfg.opts.AskOnlyOnSignIn {
		return person
	}
	return program
}

// errNoContext is the error of a caller that passes nil. A nil context would
// panic later, and leave a block or a Close that does not end.
var errNoContext = Errorf(CodeBadConfig, "the context is nil")

// sendingParts returns what sends the session's requests. It is made on first
// use: many sessions only provide credentials.
func (s *Session) sendingParts() *sendingState {
	if p := s.sending.Load(); p != nil {
		return p
	}
	s.sending.CompareAndSwap(nil, &sendingState{})
	return s.sending.Load()
}

// sender returns the part of the session that sends requests.
func (s *Session) sender() sender { return sender{s, s.sendingParts()} }
