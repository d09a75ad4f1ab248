// Package grant asks an OAuth 2.0 token endpoint for tokens: the client
// credentials grant (RFC 6749 §4.4) and the refresh token grant (§6), with
// golang.org/x/oauth2 and without its faults. The context of the call bounds
// the whole exchange, a redirect is never followed, the client authenticates
// by the one mechanism that was chosen, no answer's body reaches an error, and
// whatever lifetime the endpoint names is survived.
//
//	c := grant.Client{TokenURL: "https://login.example.com/token", ID: "app", Secret: secret}
//	token, err := c.ClientCredentials(ctx)
//
// It keeps nothing: no token, no connection. That is the session's business.
// Errors are core errors with a code.
//
// Read on in answer.go.
package grant

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/authsession/authsession/core"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Style is how a client authenticates to the token endpoint.
type Style string

// The styles (RFC 6749 §2.3.1).
const (
	Basic Style = "basic" // HTTP Basic, id and secret form-urlencoded first
	Post  Style = "post"  // client_id and client_secret in the body
)

// Client is a client of one token endpoint. It is safe for concurrent use as
// long as its fields are not changed; its methods do not write to them.
type Client struct {
	TokenURL string
	ID       string
	// Secret of the client. Zero: a public client, or one that a certificate
	// in HTTP authenticates (RFC 8705 §2); then the id goes in the body,
	// whatever the Style.
	Secret core.Secret
	Style  Style // "": Basic
	// Scopes to ask for. Empty: what the server gives by default.
	Scopes []string
	// Params are further parameters of the request, such as "audience" and
	// "resource". Those of the grant itself are refused (see [Reserved]).
	Params url.Values
	// Header are further headers of the request. They cannot replace
	// Authorization and Content-Type.
	Header http.Header
	// Secrets are further texts, such as values of Params, that no error may
	// repeat.
	Secrets []core.Secret
	// HTTP sends the request. Nil: core.NewHTTPClient(nil). Its redirect
	// policy and cookie jar play no part.
	HTTP *http.Client
}

// Token is what a token endpoint issued.
type Token struct {
	Access  core.Secret // fit for a header: visible ASCII (RFC 6750 §2.1)
	Refresh core.Secret // the one that was sent, if the server returned none
	// Expiry is when Access ends. Zero: the server did not say, or said
	// nonsense.
	Expiry time.Time
}

// Header returns the value of the Authorization header (RFC 6750 §2.1).
func (t Token) Header() core.Secret { return core.NewSecret("Bearer " + t.Access.Reveal()) }

// ClientCredentials asks for a token in the name of the client itself
// (RFC 6749 §4.4).
func (c *Client) ClientCredentials(ctx context.Context) (Token, error) {
	return c.exchange(ctx, url.Values{"grant_type": {"client_credentials"}})
}

// Refresh trades a refresh token for a new access token (RFC 6749 §6). The
// server may return a new refresh token with it; the old one is then spent.
func (c *Client) Refresh(ctx context.Context, refresh core.Secret) (Token, error) {
	if refresh.IsZero() {
		return Token{}, core.Errorf(core.BadConfig, "there is no refresh token")
	}
	return c.exchange(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}}, refresh)
}

// Reserved reports whether a parameter belongs to the grant or to the client's
// authentication, so that [Client.Params] may not hold it.
func Reserved(name string) bool {
	return slices.Contains([]string{
		"grant_type", "scope", "client_id", "client_secret", "refresh_token", "client_assertion", "client_assertion_type",
	}, name)
}

// exchange sends one token request. secrets are those of the request besides
// the client's own.
func (c *Client) exchange(ctx context.Context, form url.Values, secrets ...core.Secret) (Token, error) {
	if err := CheckURL(c.TokenURL); err != nil {
		return Token{}, core.Errorf(core.BadConfig, "the token URL %w", err)
	}
	for name, values := range c.Params {
		if Reserved(name) {
			return Token{}, core.Errorf(core.BadConfig, "the parameter %q belongs to the grant", name)
		}
		form[name] = values
	}
	secrets = c.hide(secrets)
	style := oauth2.AuthStyleInHeader
	if c.Style == Post || c.Secret.IsZero() {
		style = oauth2.AuthStyleInParams
	}
	// x/oauth2 allows a grant_type among the parameters, so that its client
	// credentials config serves for every grant that takes parameters.
	config := clientcredentials.Config{
		ClientID:       c.ID,
		ClientSecret:   c.Secret.Reveal(),
		TokenURL:       c.TokenURL,
		Scopes:         c.Scopes,
		EndpointParams: form,
		AuthStyle:      style,
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, c.http(secrets)))
	if err != nil {
		return Token{}, coded(err)
	}
	return Token{
		Access:  core.NewSecret(token.AccessToken),
		Refresh: core.NewSecret(token.RefreshToken),
		Expiry:  token.Expiry,
	}, nil
}

// hide adds the client's own secrets to those of a request.
func (c *Client) hide(secrets []core.Secret) []core.Secret {
	return append(append(secrets, c.Secret, basic(c.ID, c.Secret)), c.Secrets...)
}

// http returns c.HTTP with our transport around its own.
func (c *Client) http(secrets []core.Secret) *http.Client {
	client := c.HTTP
	if client == nil {
		client = core.NewHTTPClient(nil)
	}
	base := client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	return &http.Client{
		Transport:     &exchanger{base: base, header: c.Header, secrets: secrets},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       client.Timeout,
	}
}

// coded makes an error of x/oauth2 one of ours. Those of the exchanger come
// through as they are.
func coded(err error) error {
	if err = core.HTTPError(err); errors.As(err, new(*core.Error)) {
		return err
	}
	return core.Errorf(core.Unavailable, "the token request: %w", err)
}

// basic returns what HTTP Basic makes of the client's id and secret, so that
// it can be recognised in an answer that echoes it.
func basic(id string, secret core.Secret) core.Secret {
	if secret.IsZero() {
		return core.Secret{}
	}
	pair := url.QueryEscape(id) + ":" + url.QueryEscape(secret.Reveal())
	return core.NewSecret(base64.StdEncoding.EncodeToString([]byte(pair)))
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
