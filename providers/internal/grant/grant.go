// Package grant sends requests to the endpoints of an OAuth 2.0 authorization server: token
// requests (RFC 6749 §3.2), and the forms of an authenticated client for revocation, device
// authorization and pushed authorization requests.
//
//	c := grant.Client{TokenURL: "https://login.example.com/token", ID: "app", Auth: grant.Basic(s)}
//	token, err := c.ClientCredentials(ctx)
//
// The context of a call bounds the whole exchange. The package follows no redirect, authenticates
// the client by the one mechanism that the caller chose, puts no body of an answer into an error,
// and accepts any lifetime that the server states. It keeps no token and no connection. Errors are
// core errors with a code.
//
// Read on in auth.go.
package grant

import (
	"cmp"
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

// Client is a client of one authorization server. Its methods do not change it; it is safe for
// concurrent use as long as the caller does not change it either.
type Client struct {
	TokenURL string
	ID       string
	// Auth authenticates the client, at each endpoint. Nil: only the id is sent, as the client is
	// public or authenticates by the certificate of HTTP (RFC 8705 §2).
	Auth Auth
	// Prover makes the DPoP proofs of token requests (RFC 9449 §5). Nil: there are no
	// proofs, and only bearer tokens are accepted.
	Prover Prover
	// AuthMethod names how Auth authenticates the client, for errors. Empty: they do not say it.
	AuthMethod string
	// Advice returns what a refusal calls for, such as "check client_secret", for the error of the
	// refusal. Nil, and empty: the error ends with the server's words.
	Advice func(r Refusal) string
	// TokenPath is where a token answer has the access token: names of members, separated by dots.
	// Empty: access_token. Members beside the token count before those of the whole answer.
	TokenPath string
	// BearerType is a further name of the type Bearer, which some servers use. Empty: none.
	BearerType string
	// GrantType is the grant_type of ClientCredentials, for a grant of the server's own. Empty:
	// client_credentials.
	GrantType string
	// Scopes are requested. Empty: the server chooses.
	Scopes []string
	// Params are further parameters of token requests, such as "audience" and "resource". A parameter
	// of the grant itself is an error (see [Reserved]).
	Params url.Values
	// Header are further headers of the requests. They cannot replace
	// Authorization, Content-Type and DPoP.
	Header http.Header
	// Secrets are further texts that no error may repeat, such as values of Params.
	Secrets []core.Secret
	// HTTP sends the requests. Nil: providerhttp.NewClient(nil). Its redirect policy and its cookie
	// jar are not used.
	HTTP *http.Client
	// MayRetry is core.Request.MayRetry of the call that the client serves: whether ClientCredentials
	// may send its request a second time.
	MayRetry bool
}

// Refusal is an answer that is an error, for [Client.Advice].
type Refusal struct {
	Code     string // its "error"; empty: it has none
	Status   int
	Grant    string // the grant_type of the request; empty: it is not a token request
	Endpoint string // the URL of the request
}

// Token is what a token endpoint issued.
type Token struct {
	Access core.Secret // visible ASCII, so that it can be sent in a header (RFC 6750 §2.1)
	// Type is how Access is used: "Bearer" or, if the request had a proof, "DPoP" (RFC 9449 §5).
	Type    string
	Refresh core.Secret // the one that was sent, if the server returned none
	ID      core.Secret // the ID token of OpenID Connect, not checked; zero: none
	// Scope is what the server granted (RFC 6749 §5.1); empty: the server did not state it.
	Scope string
	// Issued is the issued_token_type of a token exchange (RFC 8693 §2.2.1); empty: the
	// server did not state it.
	Issued string
	// Expiry is when Access ends. Zero: the server did not state it, or not as a number.
	Expiry time.Time
	// Fields are all members of the answer.
	Fields Fields

	replacesRefresh bool // the answer has a refresh token, also one that cannot be used
}

// Header returns the value of the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1).
func (t Token) Header() core.Secret {
	return core.NewSecret(t.Type + " " + t.Access.Reveal())
}

// ClientCredentials requests a token for the client itself (RFC 6749 §4.4). With MayRetry it sends
// the request a second time as [providerhttp.Retry] says, which is safe, as the request uses up
// nothing. The second request has a new assertion and a new proof.
func (c *Client) ClientCredentials(ctx context.Context) (token Token, err error) {
	err = providerhttp.Retry(ctx, core.Request{MayRetry: c.MayRetry}, func() error {
		token, err = c.Exchange(ctx, url.Values{
			"grant_type": {cmp.Or(c.GrantType, "client_credentials")},
		})
		return err
	})
	return token, err
}

// Refresh exchanges a refresh token for a new access token (RFC 6749 §6). If the server returns a
// new refresh token with it, the old one can no longer be used.
func (c *Client) Refresh(ctx context.Context, refresh core.Secret) (Token, error) {
	if refresh.IsZero() {
		return Token{}, core.Errorf(core.CodeBadConfig, "there is no refresh token")
	}
	return c.Exchange(ctx,
		url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh.Reveal()}}, refresh)
}

// Reserved reports whether a parameter belongs to a grant or to the authentication of the client,
// so that [Client.Params] must not contain it.
func Reserved(name string) bool {
	return slices.Contains([]string{
		"grant_type", "scope", "client_id", "client_secret", "refresh_token", "client_assertion",
		"client_assertion_type",
		"assertion", "subject_token", "subject_token_type", "actor_token", "actor_token_type",
		"requested_token_type",
		"code", "code_verifier", "device_code", "redirect_uri",
	}, name)
}

// Exchange sends one token request and does not repeat it. form has the parameters of the grant;
// Exchange adds Scopes and Params and does not change form. secrets are the values of form that no
// error may repeat.
func (c *Client) Exchange(ctx context.Context, form url.Values,
	secrets ...core.Secret) (Token, error) {
	all := url.Values{}
	if len(c.Scopes) > 0 {
		all.Set("scope", strings.Join(c.Scopes, " "))
	}
	for name, values := range c.Params {
		if Reserved(name) {
			return Token{}, core.Errorf(core.CodeBadConfig, "the parameter %q belongs to the grant", name)
		}
		all[name] = values
	}
	for name, values := range form {
		all[name] = values
	}
	answer, err := c.send(ctx,
		request{endpoint: c.TokenURL, what: "token", form: all, secrets: secrets, prover: c.Prover})
	if err != nil {
		return Token{}, err
	}
	token, err := c.token(answer.fields, answer.secrets)
	if err != nil {
		return Token{}, core.Prefix(err, endpointText(c.TokenURL, answer.secrets))
	}
	// One that was replaced by a token that cannot be used is spent, and is not kept.
	if token.Refresh.IsZero() && !token.replacesRefresh {
		token.Refresh = core.NewSecret(form.Get("refresh_token"))
	}
	return token, nil
}

// Post sends form, which it does not change, to another endpoint of the authorization server and
// returns the members of the answer. secrets are the values of form that no error may repeat.
func (c *Client) Post(ctx context.Context, endpoint string, form url.Values,
	secrets ...core.Secret) (Fields, error) {
	answer, err := c.send(ctx,
		request{endpoint: endpoint, what: "endpoint's", form: form, secrets: secrets})
	return answer.fields, err
}

// CheckURL reports what is wrong with the URL of an endpoint: it must be an absolute http or https
// URL without user and fragment (RFC 6749 §3.2). Whether plain HTTP is allowed is decided by the
// HTTP client. The error is a phrase that follows the name of the URL; it does not contain the URL.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return errors.New("is missing")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is not an https URL, such as https://login.example.com/token")
	case u.User != nil:
		return errors.New("must not hold a user or password")
	case strings.Contains(s, "#"):
		return errors.New("must not have a fragment")
	}
	return core.CheckHost(u)
}

// IsScope reports whether s is one scope (RFC 6749 §3.3).
func IsScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}

// endpointText returns the scheme, host and path of a URL, for errors.
func endpointText(endpoint string, secrets []core.Secret) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the endpoint"
	}
	origin := core.OriginText(u)
	return cmp.Or(core.Printable(origin+u.EscapedPath(), maxEndpoint, secrets...), origin)
}

const maxEndpoint = 300 // characters of an endpoint in an error
