// Sessions as token sources of golang.org/x/oauth2, and the other way round.

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

// TokenSource returns a token source for code that takes an [xoauth2.TokenSource]. Each call of
// Token asks s, which renews the token before it expires. ctx bounds every call, as Token takes no
// context. The source is safe for concurrent use.
//
// A token source does less than the session's own client:
//   - Give the source to [xoauth2.Transport] as it is. xoauth2.NewClient and ReuseTokenSource keep
//     a copy of the token until ten seconds before its expiry, so that they miss an earlier
//     renewal.
//   - x/oauth2 sends the token wherever the request goes, also to the host of a redirect: the
//     session's origins have no effect.
//   - x/oauth2 does not tell the session about a 401. Call [core.Session.Reject].
//
// Token returns [core.CodeBadConfig] for a session whose credential is not one value in an
// Authorization header, such as an API key in a query, and for one whose token is bound to a key
// (DPoP).
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
			Session: s.session.Name(), Code: core.CodeBadConfig,
			Err: errors.New("its credential is more, or other, than a token in an Authorization header"),
		}
	}
	if strings.EqualFold(kind, "DPoP") {
		return nil, &core.Error{
			Session: s.session.Name(), Code: core.CodeBadConfig,
			Err: errors.New("its token needs a proof for each request (DPoP), which x/oauth2 does not make"),
		}
	}
	return &xoauth2.Token{AccessToken: value, TokenType: kind, Expiry: c.Expiry}, nil
}

// FromTokenSource returns a provider for a token source that the program already has, so that a
// session keeps its token and sends it to its own origins only:
//
//	s := core.New("maps", oauth2.FromTokenSource(ts), &core.Options{
//		Origins: []string{"https://maps.example.com"},
//	})
//
// The provider is limited by the interface of ts:
//   - Token takes no context. If the context of a caller ends, the caller gets an error and Token
//     continues; later callers wait for the same call.
//   - The source cannot be told to renew. A token that the API refused is returned again as long as
//     the source holds it, and the session increases the time between its attempts. Renewal begins
//     when the source returns another token, which for ReuseTokenSource is ten seconds before the
//     expiry.
//   - Nothing is revoked.
//
// An answer of the token endpoint (xoauth2.RetrieveError) is reported with its error code and
// without its body, as [core.CodeDenied] or as its status says. Any other error of the source is
// [core.CodeUnavailable] unless it has a code; its text is reported as it is.
func FromTokenSource(ts xoauth2.TokenSource) core.Provider { return &sourceProvider{source: ts} }

type sourceProvider struct {
	source xoauth2.TokenSource
	mu     sync.Mutex  // guards call
	call   *sourceCall // the call that is running; nil: none
}

// sourceCall is a call of Token. token and err are written before done is closed, and read after.
type sourceCall struct {
	done  chan struct{}
	token *xoauth2.Token
	err   error
}

// Authenticate calls Token, or waits for a call that is running.
func (p *sourceProvider) Authenticate(ctx context.Context,
	_ core.Request) (core.Credential, error) {
	if ctx.Err() != nil {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the token source: %w",
			context.Cause(ctx))
	}
	call := p.join()
	select {
	case <-call.done:
	case <-ctx.Done():
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the token source did not answer: %w",
			context.Cause(ctx))
	}
	if call.err != nil {
		return core.Credential{}, sourceError(call.err)
	}
	return fromToken(call.token)
}

// join returns the running call, or starts one.
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
			call.token, call.err = nil, core.Errorf(core.CodeUnavailable,
				"the token source panicked (%T)", r)
		}
		p.mu.Lock()
		p.call = nil
		p.mu.Unlock()
		close(call.done)
	}()
	call.token, call.err = p.source.Token()
}

// sourceError gives an error of a token source a code. Of an answer of the token endpoint it keeps
// only the error code: the secrets that the rest of the body may repeat are not known here.
func sourceError(err error) error {
	var coded *core.Error
	if errors.As(err, &coded) {
		return err
	}
	var answer *xoauth2.RetrieveError
	if !errors.As(err, &answer) {
		return core.Errorf(core.CodeUnavailable, "the token source: %w", providerhttp.ClientError(err))
	}
	var body []byte
	if isErrorCode(answer.ErrorCode) {
		body, _ = json.Marshal(map[string]string{"error": answer.ErrorCode})
	}
	if answer.Response != nil {
		err = providerhttp.AnswerError(answer.Response, body)
	} else {
		err = nil
	}
	if err == nil { // no response, or an error with a status of success
		err = providerhttp.AnswerCode(body)
	}
	if err == nil {
		err = core.Errorf(core.CodeUnavailable, "the token endpoint answers with an error")
	}
	return err
}

// isErrorCode reports whether s looks like a code of RFC 6749 §5.2 or of the registry of OAuth
// errors: lower-case words that are joined by underscores.
func isErrorCode(s string) bool {
	return len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == "" &&
		strings.Contains(s, "_")
}

// fromToken returns the credential of a token. Any type is accepted that goes into an Authorization
// header as it is.
func fromToken(t *xoauth2.Token) (core.Credential, error) {
	if t == nil || t.AccessToken == "" {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the token source returned no token")
	}
	kind := t.Type()
	if strings.EqualFold(kind, "DPoP") || strings.EqualFold(kind, "MAC") {
		return core.Credential{}, core.Errorf(core.CodeBadConfig,
			"tokens of type %s need a signature on each request", kind)
	}
	value := kind + " " + t.AccessToken
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return core.Credential{}, core.Errorf(core.CodeUnavailable,
			"the source's token has characters that may not be sent")
	}
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret(value)}},
		Expiry: t.Expiry,
	}, nil
}
