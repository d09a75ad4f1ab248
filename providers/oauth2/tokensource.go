package oauth2

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	xoauth2 "golang.org/x/oauth2"
)

// TokenSource makes a session's token available to code that takes an
// [xoauth2.TokenSource]. Each Token call asks the session, which renews the
// token in good time; ctx bounds every one of these calls, as their interface
// has no context of its own. The source is safe for concurrent use.
//
// What x/oauth2 makes of it is less than the session's own client:
//   - Hand the source to [xoauth2.Transport] as it is. xoauth2.NewClient and
//     ReuseTokenSource keep a copy of the token until ten seconds before its
//     expiry, so that they miss an earlier renewal.
//   - x/oauth2 sends the token wherever the request goes, redirects to other
//     hosts included: the session's origins do not bind it.
//   - It does not tell the session about a 401. Call [core.Session.Reject].
//
// Token reports [core.BadConfig] for a session whose credential is not one
// value in an Authorization header, such as an API key in a query, and for one
// that is bound to a key (DPoP).
func TokenSource(ctx context.Context, s *core.Session) xoauth2.TokenSource {
	return &sessionSource{ctx, s}
}

type sessionSource struct {
	ctx     context.Context
	session *core.Session
}

// Token implements xoauth2.TokenSource.
func (s *sessionSource) Token() (*xoauth2.Token, error) {
	c, err := s.session.Credential(s.ctx)
	if err != nil {
		return nil, err
	}
	kind, value, ok := strings.Cut(c.Attach.Header["Authorization"].Reveal(), " ")
	if !ok || len(c.Attach.Header) > 1 || len(c.Attach.Query) > 0 || len(c.Attach.Cookie) > 0 {
		return nil, &core.Error{
			Session: s.session.Name(), Code: core.BadConfig,
			Err: errors.New("its credential is more, or other, than a token in an Authorization header"),
		}
	}
	if strings.EqualFold(kind, "DPoP") {
		return nil, &core.Error{
			Session: s.session.Name(), Code: core.BadConfig,
			Err: errors.New("its token needs a proof for each request (DPoP), which x/oauth2 does not make"),
		}
	}
	return &xoauth2.Token{AccessToken: value, TokenType: kind, Expiry: c.Expiry}, nil
}

// FromTokenSource makes a provider of a token source that the program has
// already, so that a session keeps its token and binds it to its origins:
//
//	s := core.New("maps", oauth2.FromTokenSource(ts), &core.Options{Origins: []string{"https://maps.example.com"}})
//
// What the source can do stays as it is. It takes no context: a caller whose
// context ends is answered, while the source goes on until it returns, and
// later callers wait for that same call. It cannot be told to renew: a token
// that the API refused comes back as long as the source holds it, and the
// session spaces such refusals. Renewal begins when the source hands out
// another token, which for ReuseTokenSource is ten seconds before the expiry.
// Nothing is revoked.
//
// An answer of the token endpoint (xoauth2.RetrieveError) is reported with its
// error code and nothing else of its body, as [core.Denied] or what its status says; any other error of the
// source is [core.Unavailable] unless it has a code, and is shown as it is.
func FromTokenSource(ts xoauth2.TokenSource) core.Provider { return &sourceProvider{source: ts} }

type sourceProvider struct {
	source xoauth2.TokenSource
	mu     sync.Mutex // guards call
	call   *sourceCall
}

// sourceCall is one call of Token under way.
type sourceCall struct {
	done  chan struct{} // closed when the others are set
	token *xoauth2.Token
	err   error
}

// Authenticate asks the source.
func (p *sourceProvider) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	if ctx.Err() != nil {
		return core.Credential{}, core.Errorf(core.Unavailable, "the token source: %w", context.Cause(ctx))
	}
	call := p.join()
	select {
	case <-call.done:
	case <-ctx.Done():
		return core.Credential{}, core.Errorf(core.Unavailable, "the token source did not answer: %w", context.Cause(ctx))
	}
	if call.err != nil {
		return core.Credential{}, sourceError(call.err)
	}
	return fromToken(call.token)
}

// join returns the call under way, or starts one.
func (p *sourceProvider) join() *sourceCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.call == nil {
		p.call = &sourceCall{done: make(chan struct{})}
		go p.run(p.call)
	}
	return p.call
}

func (p *sourceProvider) run(call *sourceCall) {
	defer func() {
		if r := recover(); r != nil {
			call.token, call.err = nil, core.Errorf(core.Unavailable, "the token source panicked (%T)", r)
		}
		p.mu.Lock()
		p.call = nil
		p.mu.Unlock()
		close(call.done)
	}()
	call.token, call.err = p.source.Token()
}

// sourceError gives an error of a token source its code and takes the body of
// an answer out of it.
func sourceError(err error) error {
	var coded *core.Error
	var refusal *xoauth2.RetrieveError
	switch {
	case errors.As(err, &coded):
		return err
	case errors.As(err, &refusal):
		// Of the answer, the error code alone, if it is a word: the secrets that
		// the rest may repeat are not known here.
		var body []byte
		if isErrorCode(refusal.ErrorCode) {
			body, _ = json.Marshal(map[string]string{"error": refusal.ErrorCode})
		}
		if refusal.Response != nil {
			err = providerhttp.AnswerError(refusal.Response, body)
		}
		if errors.As(err, &refusal) || err == nil {
			err = providerhttp.AnswerCode(body)
		}
		if err == nil {
			err = core.Errorf(core.Unavailable, "the token endpoint answers with an error")
		}
		return err
	}
	return core.Errorf(core.Unavailable, "the token source: %w", providerhttp.ClientError(err))
}

// isErrorCode reports whether s is a code of RFC 6749 §5.2 or one of those that
// are registered beside them: words of small letters.
func isErrorCode(s string) bool {
	return len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == "" && strings.Contains(s, "_")
}

// fromToken makes a credential of a token of any type that goes into an
// Authorization header as it is.
func fromToken(t *xoauth2.Token) (core.Credential, error) {
	if t == nil || t.AccessToken == "" {
		return core.Credential{}, core.Errorf(core.Unavailable, "the token source returned no token")
	}
	kind := t.Type()
	if strings.EqualFold(kind, "DPoP") || strings.EqualFold(kind, "MAC") {
		return core.Credential{}, core.Errorf(core.BadConfig, "tokens of type %s need a signature on each request", kind)
	}
	value := kind + " " + t.AccessToken
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return core.Credential{}, core.Errorf(core.Unavailable, "the source's token has characters that may not be sent")
	}
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret(value)}},
		Expiry: t.Expiry,
	}, nil
}
