package grant

import (
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/authsession/authsession/core"
)

// Auth is how a client authenticates to the endpoints of its authorization
// server: it adds to a request what proves who the client is. It is called
// anew for each request, a repeated one included, and is safe for concurrent
// use.
type Auth func(r *AuthRequest) error

// AuthRequest is a request of a client that is about to be authenticated.
type AuthRequest struct {
	ClientID string
	Endpoint string      // where it goes
	Form     url.Values  // its body, to be added to
	Header   http.Header // to be added to
	// Secrets are the texts that no error may repeat, to be added to.
	Secrets []core.Secret
}

// Basic sends id and secret by HTTP Basic, form-urlencoded first (RFC 6749
// §2.3.1).
func Basic(secret core.Secret) Auth {
	return func(r *AuthRequest) error {
		pair := url.QueryEscape(r.ClientID) + ":" + url.QueryEscape(secret.Reveal())
		text := base64.StdEncoding.EncodeToString([]byte(pair))
		r.Header.Set("Authorization", "Basic "+text)
		r.Secrets = append(r.Secrets, secret, core.NewSecret(text))
		return nil
	}
}

// Post sends id and secret in the body (RFC 6749 §2.3.1).
func Post(secret core.Secret) Auth {
	return func(r *AuthRequest) error {
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_secret", secret.Reveal())
		r.Secrets = append(r.Secrets, secret)
		return nil
	}
}

// none says the id alone.
func none(r *AuthRequest) error {
	r.Form.Set("client_id", r.ClientID)
	return nil
}
