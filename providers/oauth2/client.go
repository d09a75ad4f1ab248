package oauth2

import (
	"errors"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/grant"
)

// The values of [ClientSettings.ClientAuth], as servers name them in their
// metadata (token_endpoint_auth_methods_supported).
const (
	SecretBasic   = "client_secret_basic"         // RFC 6749 §2.3.1
	SecretPost    = "client_secret_post"          // RFC 6749 §2.3.1
	TLSClient     = "tls_client_auth"             // RFC 8705 §2.1
	SelfSignedTLS = "self_signed_tls_client_auth" // RFC 8705 §2.2
	NoClientAuth  = "none"                        // a public client
)

// ClientSettings say who the client is and how it proves it, at every endpoint
// of the authorization server alike.
type ClientSettings struct {
	ClientID     string       `json:"client_id" required:"true" doc:"The client that the server knows."`
	ClientSecret core.Secret  `json:"client_secret" doc:"Its secret."`
	ClientAuth   string       `json:"client_auth" enum:"client_secret_basic,client_secret_post,tls_client_auth,self_signed_tls_client_auth,none" doc:"How the client proves who it is. Default: by what is given, a secret (client_secret_basic), a certificate in tls (tls_client_auth), or none."`
	TLS          certs.Config `json:"tls" doc:"Certificates for the requests to the authorization server."`
}

// method returns how the client authenticates.
func (c *ClientSettings) method() string {
	switch {
	case c.ClientAuth != "":
		return c.ClientAuth
	case !c.ClientSecret.IsZero():
		return SecretBasic
	case c.TLS.HasClient():
		return TLSClient
	}
	return NoClientAuth
}

func (c *ClientSettings) validate(whole *Config) error {
	faults := []error{c.TLS.Check("tls")}
	add := func(setting, format string, args ...any) {
		faults = append(faults, core.Faultf(setting, format, args...))
	}
	if c.ClientID == "" {
		add("client_id", "is empty")
	}
	switch method := c.method(); method {
	case SecretBasic, SecretPost:
		if c.ClientSecret.IsZero() {
			add("client_secret", "missing; client_auth is %s", method)
		}
	case TLSClient, SelfSignedTLS:
		if !c.TLS.HasClient() {
			add("tls", "has no certificate; client_auth is %s", method)
		}
	case NoClientAuth:
		if whole.Grant == "" || whole.Grant == ClientCredentials {
			add("client_secret", "missing; the grant %s needs a client that proves who it is", ClientCredentials)
		}
	default:
		add("client_auth", "want one of %s", strings.Join(methods, ", "))
	}
	return errors.Join(faults...)
}

var methods = []string{SecretBasic, SecretPost, TLSClient, SelfSignedTLS, NoClientAuth}

// auth returns what proves who the client is; nil where nothing in the request
// does.
func (c *ClientSettings) auth() (grant.Auth, error) {
	switch c.method() {
	case SecretBasic:
		return grant.Basic(c.ClientSecret), nil
	case SecretPost:
		return grant.Post(c.ClientSecret), nil
	}
	return nil, nil
}
