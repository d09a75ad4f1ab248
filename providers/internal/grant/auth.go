// How a client authenticates.
//
// Read on in refusal.go.

package grant

import (
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/authsession/authsession/core"
)

// Auth adds to a request what authenticates the client. It is called for each request, also for one
// that is repeated, and must be safe for concurrent use.
type Auth func(r *AuthRequest) error

// AuthRequest is the request that an [Auth] authenticates.
type AuthRequest struct {
	ClientID string
	Endpoint string      // the URL of the request
	Form     url.Values  // its body; Auth adds to it
	Header   http.Header // Auth adds to it
	// Secrets are the texts that no error may repeat. Auth adds its own.
	Secrets []core.Secret
}

// Basic returns an Auth that sends id and secret by HTTP Basic. Both are form-urlencoded first, as
// RFC 6749 §2.3.1 requires.
func Basic(secret core.Secret) Auth {
	return func(r *AuthRequest) error {
		pair := url.QueryEscape(r.ClientID) + ":" + url.QueryEscape(secret.Reveal())
		text := base64.StdEncoding.EncodeToString([]byte(pair))
		r.Header.Set("Authorization", "Basic "+text)
		r.Secrets = append(r.Secrets, secret, core.NewSecret(text))
		return nil
	}
}

// Post returns an Auth that sends id and secret in the body (RFC 6749 §2.3.1).
func Post(secret core.Secret) Auth {
	return func(r *AuthRequest) error {
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_secret", secret.Reveal())
		r.Secrets = append(r.Secrets, secret)
		return nil
	}
}

// sendID is the Auth of a client that sends its id and no proof of it.
func sendID(r *AuthRequest) error {
	r.Form.Set("client_id", r.ClientID)
	return nil
}
