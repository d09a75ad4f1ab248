package oauth2

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/browser"
	"github.com/authsession/authsession/providers/internal/grant"
	"golang.org/x/oauth2"
)

// authorization is one sign-in in the browser: what is made for it alone.
type authorization struct {
	state, verifier, nonce string // nonce is empty without the scope openid
	redirect               string
	issuer                 string // what an iss in the answer must be; empty: unknown
	issRequired            bool   // the server promises iss (RFC 9207 §3)
	bound                  string // the thumbprint of the key that the code is bound to; empty: none
}

// browse signs a person in with the browser of this machine (RFC 6749 §4.1,
// RFC 7636, RFC 8252).
func (p *provider) browse(ctx context.Context, req core.Request, ui core.UI) (core.Credential, error) {
	if ui.Open == nil && ui.Show == nil {
		return core.Credential{}, errNoBrowser(nil)
	}
	conn, err := p.connectNew(ctx, req)
	if err != nil {
		return core.Credential{}, err
	}
	a := p.newAuthorization(conn)
	l, err := browser.Listen(browser.Config{
		State: a.state, Host: p.cfg.Redirect.Host, Port: p.cfg.Redirect.Port, Path: p.cfg.Redirect.Path, Server: p.serverName(),
	})
	if err != nil {
		return core.Credential{}, err
	}
	defer l.Close()
	a.redirect = l.URL()
	link, err := p.authorizationLink(ctx, conn, a)
	if err != nil {
		return core.Credential{}, err
	}
	waiting, stop := context.WithCancelCause(ctx)
	go func() { // a browser in the foreground keeps Open until it is closed
		err := errNoBrowser(errors.New("the program's UI panicked"))
		defer func() {
			if _ = recover(); err != nil {
				stop(err)
			}
		}()
		err = present(ctx, ui, link)
	}()
	var cred core.Credential
	answered := false
	err = l.Wait(waiting, func(_ context.Context, answer url.Values) (err error) {
		answered = true // what happens to the window no longer matters
		cred, err = p.redeem(ctx, conn, a, answer)
		return err
	})
	if cause := context.Cause(waiting); !answered && errors.As(cause, new(*core.Error)) {
		err = cause
	}
	return cred, err
}

// newAuthorization makes what only this sign-in knows.
func (p *provider) newAuthorization(conn *connection) *authorization {
	a := &authorization{
		state: oauth2.GenerateVerifier(), verifier: oauth2.GenerateVerifier(), bound: conn.key.Thumbprint(),
		issuer: conn.meta.Issuer, issRequired: conn.meta.IssParameter,
	}
	if p.openID() {
		a.nonce = oauth2.GenerateVerifier()
	}
	return a
}

// present shows the link and opens it. The link comes first: a person without
// a window needs it, and Open may take as long as the browser runs.
func present(ctx context.Context, ui core.UI, link string) error {
	var shown, opened error
	if ui.Show != nil {
		shown = ui.Show(ctx, "Sign in in your browser. If no window opens, open this link on this machine:\n"+link)
	}
	if ui.Open != nil {
		opened = ui.Open(ctx, link)
	}
	switch {
	case ctx.Err() != nil, ui.Show != nil && shown == nil, ui.Open != nil && opened == nil:
		return nil
	case opened != nil:
		return errNoBrowser(opened)
	}
	return errNoBrowser(shown)
}

// errNoBrowser says what to do where nobody can be sent to a page.
func errNoBrowser(err error) error {
	const text = "a person must sign in, and the program can neither open a browser nor show a link; where there is no browser, use the grant device_code"
	if err == nil {
		return core.Errorf(core.Interactive, text)
	}
	return core.Errorf(core.Interactive, text+": %w", providerhttp.ClientError(err)) // without the link
}

// request returns the parameters of the authorization request (RFC 6749
// §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).
func (p *provider) request(a *authorization) url.Values {
	form := url.Values{
		"response_type": {"code"}, "client_id": {p.cfg.ClientID}, "redirect_uri": {a.redirect}, "state": {a.state},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(a.verifier)}, "code_challenge_method": {"S256"},
	}
	for name, value := range p.cfg.AuthorizationParams {
		form.Set(name, value)
	}
	p.addTarget(form)
	if a.nonce != "" {
		form.Set("nonce", a.nonce)
	}
	if a.bound != "" {
		form.Set("dpop_jkt", a.bound) // RFC 9449 §10
	}
	return form
}

// addTarget adds what the token shall be for.
func (p *provider) addTarget(form url.Values) {
	if len(p.cfg.Scopes) > 0 {
		form.Set("scope", strings.Join(p.cfg.Scopes, " "))
	}
	if p.cfg.Audience != "" {
		form.Set("audience", p.cfg.Audience)
	}
	if len(p.cfg.Resource) > 0 {
		form["resource"] = p.cfg.Resource
	}
}

// authorizationLink returns where the person is sent. The request goes ahead
// of the person if the server takes it (RFC 9126).
func (p *provider) authorizationLink(ctx context.Context, conn *connection, a *authorization) (string, error) {
	if err := p.usable("authorization", conn.meta.AuthorizationEndpoint); err != nil {
		return "", err
	}
	form := p.request(a)
	switch {
	case conn.meta.PushedEndpoint != "":
		uri, err := p.push(ctx, conn, form, a)
		if err != nil {
			return "", err
		}
		form = url.Values{"client_id": {p.cfg.ClientID}, "request_uri": {uri}}
	case conn.meta.PushedRequired:
		return "", core.Errorf(core.BadConfig, "the server wants pushed requests (RFC 9126) and names no place for them; give pushed_authorization_url")
	}
	u, err := url.Parse(conn.meta.AuthorizationEndpoint)
	if err != nil {
		return "", core.Errorf(core.BadConfig, "the authorization endpoint is not a URL")
	}
	query := u.Query() // which is kept (RFC 6749 §3.1)
	maps.Copy(query, form)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// push sends the request ahead and returns its name.
func (p *provider) push(ctx context.Context, conn *connection, form url.Values, a *authorization) (string, error) {
	if err := p.usable("pushed_authorization", conn.meta.PushedEndpoint); err != nil {
		return "", err
	}
	answer, err := conn.client.Post(ctx, conn.meta.PushedEndpoint, form, core.NewSecret(a.state), core.NewSecret(a.verifier))
	if err != nil {
		return "", err
	}
	uri, err := answer.Text("request_uri")
	if err != nil || uri == "" || !plainText(uri) {
		return "", core.Errorf(core.Unavailable, "the answer to the pushed request has no request_uri (RFC 9126 §2.2)")
	}
	return uri, nil
}

// redeem trades the answer in the browser for tokens.
func (p *provider) redeem(ctx context.Context, conn *connection, a *authorization, answer url.Values) (core.Credential, error) {
	code, err := a.code(answer, p.cfg.secrets())
	if err != nil {
		return core.Credential{}, err
	}
	own := *conn.client
	own.Scopes = nil // those of the authorization request
	token, err := own.Exchange(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier},
	}, core.NewSecret(code), core.NewSecret(a.verifier))
	if err != nil {
		if grant.ErrorCode(err, "invalid_grant") {
			return core.Credential{}, core.Errorf(core.Denied, "the server did not take the code of this sign-in: it was used before, has ended or belongs to another: %w", errors.Unwrap(err))
		}
		return core.Credential{}, err
	}
	return p.welcome(ctx, conn, token, a.nonce)
}

// code returns the code in the answer, or why there is none. The state has
// been compared.
func (a *authorization) code(answer url.Values, secrets []core.Secret) (string, error) {
	for _, name := range []string{"code", "error", "error_description", "iss"} {
		if len(answer[name]) > 1 {
			return "", core.Errorf(core.Denied, "the answer in the browser has more than one %s (RFC 6749 §3.1)", name)
		}
	}
	iss, named := answer.Get("iss"), answer.Has("iss")
	switch {
	case named && a.issuer != "" && iss != a.issuer:
		return "", core.Errorf(core.Denied, "the answer in the browser is of another server: its iss is not %.200q (RFC 9207)", a.issuer)
	case !named && a.issRequired:
		return "", core.Errorf(core.Denied, "the answer in the browser does not name its server, as issuer %.200q promises (RFC 9207)", a.issuer)
	case answer.Get("error") != "":
		doc, _ := json.Marshal(map[string]string{"error": answer.Get("error"), "error_description": answer.Get("error_description")})
		err := providerhttp.AnswerCode(doc, append(secrets, core.NewSecret(a.state), core.NewSecret(a.nonce))...)
		if err == nil {
			return "", core.Errorf(core.Denied, "the answer in the browser is an error")
		}
		return "", core.Prefix(err, "in the browser")
	case answer.Get("code") == "":
		return "", core.Errorf(core.Unavailable, "the answer in the browser has neither code nor error")
	}
	return answer.Get("code"), nil
}
