// Package grant asks the endpoints of an OAuth 2.0 authorization server: the
// token endpoint for tokens (RFC 6749 §3.2), and those that take a form from an
// authenticated client, too, for revocation, device authorization and pushed
// authorization requests. The context of the call bounds the whole exchange, a
// redirect is never followed, the client authenticates by the one mechanism
// that was chosen, no answer's body reaches an error, and whatever lifetime the
// endpoint names is survived.
//
//	c := grant.Client{TokenURL: "https://login.example.com/token", ID: "app", Auth: grant.Basic(secret)}
//	token, err := c.ClientCredentials(ctx)
//
// It keeps nothing: no token, no connection. That is the session's business.
// Errors are core errors with a code.
//
// Read on in auth.go, exchanger.go and answer.go.
package grant

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// Client is a client of one authorization server. It is safe for concurrent
// use as long as its fields are not changed; its methods do not write to them.
type Client struct {
	TokenURL string
	ID       string
	// Auth proves who the client is, at each endpoint alike. Nil: nothing does,
	// or a certificate in HTTP (RFC 8705 §2); then the id alone is sent.
	Auth Auth
	// Prover makes the DPoP proofs of token requests (RFC 9449 §5). Nil: none,
	// and only bearer tokens are taken.
	Prover Prover
	// Scopes to ask for. Empty: what the server gives by default.
	Scopes []string
	// Params are further parameters of token requests, such as "audience" and
	// "resource". Those of the grant itself are refused (see [Reserved]).
	Params url.Values
	// Header are further headers of the requests. They cannot replace
	// Authorization, Content-Type and DPoP.
	Header http.Header
	// Secrets are further texts, such as values of Params, that no error may
	// repeat.
	Secrets []core.Secret
	// HTTP sends the requests. Nil: providerhttp.NewClient(nil). Its redirect
	// policy and cookie jar play no part.
	HTTP *http.Client
	// MayRetry is core.Request.MayRetry of the attempt that the client serves:
	// whether ClientCredentials may send its request once more.
	MayRetry bool
}

// Token is what a token endpoint issued.
type Token struct {
	Access core.Secret // fit for a header: visible ASCII (RFC 6750 §2.1)
	// Type is how Access is used: "Bearer" or, if the request was proven, "DPoP"
	// (RFC 9449 §5).
	Type    string
	Refresh core.Secret // the one that was sent, if the server returned none
	ID      core.Secret // the ID token of OpenID Connect, not checked; zero: none
	// Scope is what was granted, where the server says so (RFC 6749 §5.1).
	Scope string
	// Issued is the issued_token_type of a token exchange (RFC 8693 §2.2.1);
	// empty: the server did not say.
	Issued string
	// Expiry is when Access ends. Zero: the server did not say, or said
	// nonsense.
	Expiry time.Time
}

// Header returns the value of the Authorization header (RFC 6750 §2.1, RFC
// 9449 §7.1).
func (t Token) Header() core.Secret {
	return core.NewSecret(t.Type + " " + t.Access.Reveal())
}

// ClientCredentials asks for a token in the name of the client itself
// (RFC 6749 §4.4). That spends nothing: with MayRetry it asks once more as
// [providerhttp.Retry] says, and Auth and Prover prove the second request anew.
func (c *Client) ClientCredentials(ctx context.Context) (token Token, err error) {
	err = providerhttp.Retry(ctx, core.Request{MayRetry: c.MayRetry}, func() error {
		token, err = c.Exchange(ctx, url.Values{"grant_type": {"client_credentials"}})
		return err
	})
	return token, err
}

// Refresh trades a refresh token for a new access token (RFC 6749 §6). The
// server may return a new refresh token with it; the old one is then spent.
func (c *Client) Refresh(ctx context.Context, refresh core.Secret) (Token, error) {
	if refresh.IsZero() {
		return Token{}, core.Errorf(core.BadConfig, "there is no refresh token")
	}
	return c.Exchange(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}}, refresh)
}

// Reserved reports whether a parameter belongs to the grant or to the client's
// authentication, so that [Client.Params] may not hold it.
func Reserved(name string) bool {
	return slices.Contains([]string{
		"grant_type", "scope", "client_id", "client_secret", "refresh_token", "client_assertion", "client_assertion_type",
		"assertion", "subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type",
		"code", "code_verifier", "device_code", "redirect_uri",
	}, name)
}

// Exchange sends one token request, which it does not repeat: form has the parameters of the grant, to
// which it adds Scopes and Params, and secrets are those among them that no
// error may repeat. It does not change form.
func (c *Client) Exchange(ctx context.Context, form url.Values, secrets ...core.Secret) (Token, error) {
	all := url.Values{}
	if len(c.Scopes) > 0 {
		all.Set("scope", strings.Join(c.Scopes, " "))
	}
	for name, values := range c.Params {
		if Reserved(name) {
			return Token{}, core.Errorf(core.BadConfig, "the parameter %q belongs to the grant", name)
		}
		all[name] = values
	}
	for name, values := range form {
		all[name] = values
	}
	fields, err := c.send(ctx, request{endpoint: c.TokenURL, what: "token", form: all, secrets: secrets, prover: c.Prover})
	if err != nil {
		return Token{}, err
	}
	token, err := fields.token(c.Prover != nil)
	if err != nil {
		return Token{}, core.Prefix(err, origin(c.TokenURL))
	}
	if token.Refresh.IsZero() {
		token.Refresh = core.NewSecret(form.Get("refresh_token"))
	}
	return token, nil
}

// Post sends a form, which it does not change, to another endpoint of the
// authorization server and returns the members of the answer. secrets are
// those of the form that no error may repeat.
func (c *Client) Post(ctx context.Context, endpoint string, form url.Values, secrets ...core.Secret) (Fields, error) {
	return c.send(ctx, request{endpoint: endpoint, what: "endpoint's", form: form, secrets: secrets})
}

// CheckURL reports what is wrong with the URL of a token endpoint: it must be
// an absolute http or https URL without user and fragment (RFC 6749 §3.2). The
// text fits behind the URL's name and does not quote it. Whether plain HTTP is
// allowed is for the HTTP client to say.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return errors.New("is missing")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is not an https URL")
	case u.User != nil:
		return errors.New("must not hold a user or password")
	case u.Fragment != "":
		return errors.New("must not have a fragment")
	}
	return nil
}

// origin returns scheme and host of a URL, for errors.
func origin(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the endpoint"
	}
	return u.Scheme + "://" + u.Host
}
