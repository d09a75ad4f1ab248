package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// need is how a credential is wanted.
type need struct {
	minimum time.Duration // how long it has to be valid
	strict  bool          // false: a credential that cannot live as long will do
}

// slack is how much later than an attempt its caller ends: the error of the attempt says more.
const slack = 500 * time.Millisecond

// obtain makes a session ready, by what is stored or else by its provider, and
// returns a credential. Nobody is asked to sign in. If another process holds the
// lock of the session, as while a person signs in there, obtain waits for it.
func (a *app) obtain(ctx context.Context, s *core.Session, n need) (core.Credential, error) {
	ctx, cancel := context.WithTimeout(ctx, a.flags.timeout+slack)
	defer cancel()
	waiting := a.notice(fmt.Sprintf("the credential of session %q", s.Name()), a.flags.timeout)
	defer waiting.stop()
	a.elsewhere.tell(s.Name(), func() {
		waiting.say(fmt.Sprintf(
			"another process, which renews the credential of session %q or in which a person signs in",
			s.Name()))
	})
	defer a.elsewhere.tell(s.Name(), nil)
	for {
		c, err := obtainOnce(ctx, s, n)
		held := errors.Is(err, context.DeadlineExceeded) && a.elsewhere.hasWaited(s.Name())
		if !held || ctx.Err() != nil {
			return c, elsewhereError(err, s.Name(), held)
		}
	}
}

// elsewhereError says in an error that another process holds the lock of the session.
func elsewhereError(err error, name string, held bool) error {
	if err == nil || !held {
		return err
	}
	return &core.Error{Session: name, Op: "wait", Code: core.CodeUnavailable, Err: fmt.Errorf(
		"another process renews the credential, or a person signs in there: %w", core.Cause(err))}
}

func obtainOnce(ctx context.Context, s *core.Session, n need) (core.Credential, error) {
	ready, err := s.Restore(ctx)
	if err == nil && !ready {
		err = s.Init(ctx)
	}
	if err != nil {
		return core.Credential{}, err
	}
	c, err := s.For(core.Need{MinValidity: n.minimum}).Credential(ctx)
	if err == nil || n.strict {
		return c, err
	}
	// It does not live as long, or cannot be renewed now; one that is valid will do.
	shorter, problem := s.Credential(ctx)
	if problem == nil || errors.Is(err, core.CodeBadConfig) {
		return shorter, problem
	}
	return core.Credential{}, err
}

// keeps reports whether the configuration gives a session a store, and the session uses it.
func keeps(cfg *config.Config, name string) bool {
	source, err := cfg.Source(name, "store.kind")
	return err == nil && !isStatic(cfg, name) && !source.Default && source.Value != "memory"
}

// handedOver ends a session whose credential another program goes on using. A
// session with a store is closed, which waits for a renewal that may have begun
// behind the caller's back; its credential stays. One without a store is left as
// it is, as Close would revoke what was just handed over. The same holds for a
// credential that a store does not keep.
func handedOver(ctx context.Context, cfg *config.Config, s *core.Session, c core.Credential) {
	if keeps(cfg, s.Name()) && !(c.RefreshState.IsZero() && c.Expiry.IsZero()) {
		_ = s.Close(context.WithoutCancel(ctx))
	}
}

// bearer returns the one secret of a credential that can be handed over as a
// text: a bearer token, or the key in the only header.
func bearer(name string, c core.Credential) (core.Secret, error) {
	if err := headersOnly(name, c); err != nil {
		return core.Secret{}, err
	}
	if token, ok := c.Token(); ok && len(c.Attach.Header) == 1 {
		return token, nil
	}
	_, authorization := c.Attach.Header["Authorization"]
	if len(c.Attach.Header) != 1 || authorization {
		return core.Secret{}, notBearer(name, "has "+headerNames(c))
	}
	for _, value := range c.Attach.Header {
		return value, nil
	}
	return core.Secret{}, notBearer(name, "has nothing")
}

// headersOnly reports a credential that is more than headers.
func headersOnly(name string, c core.Credential) error {
	switch attach := c.Attach; {
	case !attach.Cert.IsZero():
		return notBearer(name, "is a client certificate")
	case len(attach.Cookie) > 0:
		return notBearer(name, "has cookies")
	case len(attach.Query) > 0:
		return notBearer(name, "has query parameters")
	case len(attach.Header) == 0:
		return notBearer(name, "is made for each request")
	case strings.HasPrefix(attach.Header["Authorization"].Reveal(), "DPoP "):
		return notBearer(name, "is bound to a key (DPoP)")
	}
	return nil
}

func notBearer(name, what string) error {
	return thenOf(name, core.Errorf(core.CodeBadConfig, "the credential of session %q %s, "+
		"and cannot be handed over as one token: send the request with it", name, what),
		"help", "request")
}

// headerNames lists the headers of a credential.
func headerNames(c core.Credential) string {
	var names []string
	for name := range c.Attach.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 1 {
		return "the header " + names[0] + " of another scheme than Bearer"
	}
	return "the headers " + strings.Join(names, ", ")
}
