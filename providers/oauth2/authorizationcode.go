// The grant authorization_code: a person signs in with a browser.
//
// Read on in devicecode.go.

package oauth2

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/browser"
	"github.com/authsession/authsession/providers/internal/grant"
	"golang.org/x/oauth2"
)

// authorizationCode is the grant of RFC 6749 §4.1, with PKCE (RFC 7636) and a redirect to the
// loopback interface (RFC 8252).
var authorizationCode = grantType{
	name:      AuthorizationCode,
	parameter: "authorization_code",
	settings: []string{"authorization_url", "pushed_authorization_url", "device_authorization_url",
		"jwks_url", "authorization_params", "sign_in"},
	check: func(c *Config) error {
		if c.Issuer == "" && c.AuthorizationURL == "" {
			return core.Faultf("authorization_url", "missing; give issuer or authorization_url")
		}
		return nil
	},
	request: requirePerson,
	renew:   renewSignIn,
	signIn: &signInSteps{
		name: "browser",
		checkUI: func(c *Config, ui core.UI) error {
			switch {
			case ui.Open == nil && ui.Show == nil:
				return noBrowserError(nil)
			case c.Redirect.isByHand() && ui.Ask == nil:
				return core.Errorf(core.CodeInteractive,
					"a person must type the code that redirect.url shows, and the program cannot ask them")
			}
			return nil
		},
		run: signInWithBrowser,
	},
}

// authorization holds the values of one sign-in in the browser.
type authorization struct {
	state, verifier, nonce string // nonce is empty without the scope openid
	redirect               string
	issuer                 string // the expected iss of the answer; empty: unknown
	issRequired            bool   // the server promises to send iss (RFC 9207 §3)
	thumbprint             string // of the key that the code is bound to; empty: none
}

// signInWithBrowser sends the person to the server, waits for the redirect with the code, and
// exchanges the code for a token.
func signInWithBrowser(ctx context.Context, conn *connection, ui core.UI) (core.Credential, error) {
	a, redirect := conn.newAuthorization(), conn.cfg.Redirect
	if redirect.isByHand() {
		return conn.signInByHand(ctx, a, ui)
	}
	noAnswer := make(chan struct{}, 1)
	listener, err := redirect.listen(browser.Config{
		State: a.state, Server: conn.cfg.serverName(), NoAnswer: func() { noAnswer <- struct{}{} },
	})
	if err != nil {
		return core.Credential{}, err
	}
	defer listener.Close()
	a.redirect = listener.URL()
	link, err := conn.authorizationLink(ctx, a)
	if err != nil {
		return core.Credential{}, err
	}
	// Open may return only when the browser exits, so that it runs beside the wait for the redirect.
	// If nobody can be sent to the page, it ends that wait; ctx itself stays, as a redirect that has
	// arrived by then is still answered. Questions end as soon as there is an answer.
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	asking, stopAsking := context.WithCancel(ctx)
	defer stopAsking()
	guide := &personGuide{ui: ui, redirect: redirect, listener: listener, noAnswer: noAnswer}
	go func() {
		err := noBrowserError(errors.New("the program's UI panicked"))
		defer func() {
			if _ = recover(); err != nil {
				stop(err)
			}
		}()
		err = guide.run(ctx, asking, link)
	}()
	var cred core.Credential
	answered := false
	err = listener.Wait(waiting, func(_ context.Context, answer url.Values) (err error) {
		answered = true // from here on, a failure of Open no longer matters
		stopAsking()
		cred, err = conn.redeemCode(ctx, a, answer)
		return err
	})
	if cause := context.Cause(waiting); !answered && errors.As(cause, new(*core.Error)) {
		err = cause
	}
	return cred, err
}

// signInByHand signs a person in who types the code that the page at redirect.url shows, or pastes
// its address.
func (conn *connection) signInByHand(ctx context.Context, a *authorization,
	ui core.UI) (core.Credential, error) {
	a.redirect = conn.cfg.Redirect.URL
	link, err := conn.authorizationLink(ctx, a)
	if err != nil {
		return core.Credential{}, err
	}
	if _, err := openLink(ctx, ui, link); err != nil {
		return core.Credential{}, err
	}
	var answer url.Values
	err = askUntil(ctx, ui, "Code that the page shows after the sign-in, or its address",
		func(text string) (err error) {
			answer, err = browser.ParseCode(text, a.state)
			return err
		})
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // the caller no longer wants the result
		return core.Credential{}, core.Errorf(core.CodeUnavailable,
			"nobody finished the sign-in: %w", context.Cause(ctx))
	case err != nil:
		return core.Credential{}, core.Errorf(core.CodeInteractive,
			"a person must sign in, and nobody typed the code: %w", core.Cause(err))
	}
	if !answer.Has("state") { // a typed code cannot say where it is from: the person knows
		answer.Set("iss", a.issuer)
	}
	return conn.redeemCode(ctx, a, answer)
}

// listen opens the listener for the redirect, on the first of the ports that is free.
func (r Redirect) listen(cfg browser.Config) (*browser.Listener, error) {
	ports := r.Ports
	if len(ports) == 0 {
		ports = []int{r.Port}
	}
	cfg.Host, cfg.Path, cfg.Listen, cfg.RedirectURL = r.Host, r.Path, r.Listen, r.URL
	var err error
	for _, port := range ports {
		cfg.Port = port
		var listener *browser.Listener
		if listener, err = browser.Listen(cfg); err == nil {
			return listener, nil
		}
	}
	if len(ports) > 1 {
		err = core.Errorf(core.CodeOf(err), "none of redirect.ports is free: %w", core.Cause(err))
	}
	return nil, err
}

func (conn *connection) newAuthorization() *authorization {
	a := &authorization{
		state: oauth2.GenerateVerifier(), verifier: oauth2.GenerateVerifier(),
		thumbprint: conn.key.Thumbprint(),
		issuer:     conn.meta.Issuer, issRequired: conn.meta.IssParameter,
	}
	if conn.cfg.asksForIDToken() {
		a.nonce = oauth2.GenerateVerifier()
	}
	return a
}

// authorizationRequest returns the parameters of the authorization request (RFC 6749 §4.1.1,
// RFC 7636 §4.3, RFC 8707 §2.1).
func (a *authorization) authorizationRequest(c *Config) url.Values {
	form := c.authorizationForm()
	form.Set("response_type", "code")
	form.Set("client_id", c.ClientID)
	form.Set("redirect_uri", a.redirect)
	form.Set("state", a.state)
	form.Set("code_challenge", oauth2.S256ChallengeFromVerifier(a.verifier))
	form.Set("code_challenge_method", "S256")
	if a.nonce != "" {
		form.Set("nonce", a.nonce)
	}
	if a.thumbprint != "" {
		form.Set("dpop_jkt", a.thumbprint) // RFC 9449 §10
	}
	return form
}

// authorizationLink returns the URL that the person is sent to. If the server accepts pushed
// requests (RFC 9126), it sends the request there first, and the URL only refers to it.
func (conn *connection) authorizationLink(ctx context.Context, a *authorization) (string, error) {
	if err := conn.checkEndpoint("authorization", conn.meta.AuthorizationEndpoint); err != nil {
		return "", err
	}
	form := a.authorizationRequest(conn.cfg)
	switch {
	case conn.cfg.PushedAuthorization == "off":
	case conn.meta.PushedEndpoint != "":
		uri, err := conn.pushRequest(ctx, form, a)
		if err != nil {
			return "", err
		}
		form = url.Values{"client_id": {conn.cfg.ClientID}, "request_uri": {uri}}
	case conn.meta.PushedRequired:
		return "", core.Errorf(core.CodeBadConfig,
			"the server wants pushed requests (RFC 9126) and names no place for them; give "+
				"pushed_authorization_url")
	}
	u, err := url.Parse(conn.meta.AuthorizationEndpoint)
	if err != nil {
		return "", core.Errorf(core.CodeBadConfig, "the authorization endpoint is not a URL")
	}
	query := u.Query() // the endpoint's own parameters are kept (RFC 6749 §3.1)
	maps.Copy(query, form)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// pushRequest sends the authorization request to the server and returns the URI that refers to it.
func (conn *connection) pushRequest(ctx context.Context, form url.Values,
	a *authorization) (string, error) {
	endpoint := conn.meta.PushedEndpoint
	if err := conn.checkEndpoint("pushed_authorization", endpoint); err != nil {
		return "", err
	}
	answer, err := conn.client.Post(ctx, endpoint, form, core.NewSecret(a.state),
		core.NewSecret(a.verifier))
	if err != nil {
		return "", core.Prefix(pushedError(err), "the pushed authorization request (RFC 9126)")
	}
	uri, err := answer.Text("request_uri")
	if err != nil || uri == "" || !isPlainText(uri) {
		return "", core.Errorf(core.CodeUnavailable,
			"the answer to the pushed request has no request_uri (RFC 9126 §2.2)")
	}
	return uri, nil
}

// pushedError adds the way out to the refusal of a pushed request: servers that publish the
// endpoint do not allow it for each client.
func pushedError(err error) error {
	if code := core.CodeOf(err); code == core.CodeDenied || code == core.CodeBadConfig {
		return core.Errorf(code, "%w; if the client may not push requests, set pushed_authorization: off",
			core.Cause(err))
	}
	return err
}

// redeemCode exchanges the code in the browser's answer for a token. The token request has no
// scopes: those of the authorization request apply.
func (conn *connection) redeemCode(ctx context.Context, a *authorization,
	answer url.Values) (core.Credential, error) {
	code, err := a.code(answer, conn.cfg.secrets())
	if err != nil {
		return core.Credential{}, err
	}
	token, err := conn.clientWithoutScopes().Exchange(ctx, url.Values{
		"grant_type": {"authorization_code"}, "code": {code},
		"redirect_uri": {a.redirect}, "code_verifier": {a.verifier},
	}, core.NewSecret(code), core.NewSecret(a.verifier))
	switch {
	case grant.ErrorCode(err, "invalid_grant"):
		return core.Credential{}, core.Errorf(core.CodeDenied,
			"the server did not take the code of this sign-in: it was used before, has ended or belongs to "+
				"another: %w",
			errors.Unwrap(err))
	case err != nil:
		return core.Credential{}, err
	}
	return conn.signedInCredential(ctx, token, a.nonce)
}

// code returns the code in the browser's answer, or the reason why there is none. The listener has
// compared the state already. The checks come before error and code are read, as an answer of
// another server may contain anything (RFC 9207 §1).
func (a *authorization) code(answer url.Values, secrets []core.Secret) (string, error) {
	for _, name := range []string{"code", "error", "error_description", "iss"} {
		if len(answer[name]) > 1 {
			return "", core.Errorf(core.CodeDenied,
				"the answer in the browser has more than one %s (RFC 6749 §3.1)", name)
		}
	}
	switch {
	case answer.Has("iss") && a.issuer != "" && answer.Get("iss") != a.issuer:
		return "", core.Errorf(core.CodeDenied,
			"the answer in the browser is of another server: its iss is not %.200q (RFC 9207)", a.issuer)
	case !answer.Has("iss") && a.issRequired:
		return "", core.Errorf(core.CodeDenied,
			"the answer in the browser does not name its server, as issuer %.200q promises (RFC 9207)",
			a.issuer)
	case answer.Get("error") != "":
		doc, _ := json.Marshal(map[string]string{
			"error": answer.Get("error"), "error_description": answer.Get("error_description"),
		})
		err := providerhttp.AnswerCode(doc,
			append(secrets, core.NewSecret(a.state), core.NewSecret(a.nonce))...)
		if err == nil {
			return "", core.Errorf(core.CodeDenied, "the answer in the browser is an error")
		}
		return "", core.Prefix(err, "in the browser")
	case answer.Get("code") == "":
		return "", core.Errorf(core.CodeUnavailable,
			"the answer in the browser has neither code nor error")
	}
	return answer.Get("code"), nil
}
