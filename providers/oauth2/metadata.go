// The metadata of an authorization server, and which of its endpoints a client uses.
//
// Read on in discovery.go.

package oauth2

import (
	"encoding/json"
	"slices"

	"github.com/authsession/authsession/core"
)

// metadata is what an authorization server publishes about itself (RFC 8414 §2), as far as this
// package uses it. It holds no secret.
type metadata struct {
	Issuer             string `json:"issuer"`
	TokenEndpoint      string `json:"token_endpoint"`
	RevocationEndpoint string `json:"revocation_endpoint"`

	AuthMethods []string    `json:"token_endpoint_auth_methods_supported"`
	GrantTypes  []string    `json:"grant_types_supported"`
	Aliases     mtlsAliases `json:"mtls_endpoint_aliases"`

	ProofAlgorithms []string `json:"dpop_signing_alg_values_supported"` // RFC 9449 §5.1

	AuthorizationEndpoint string `json:"authorization_endpoint"`
	DeviceEndpoint        string `json:"device_authorization_endpoint"`         // RFC 8628 §4
	PushedEndpoint        string `json:"pushed_authorization_request_endpoint"` // RFC 9126 §5
	PushedRequired        bool   `json:"require_pushed_authorization_requests"`
	IssParameter          bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	JWKSURI               string `json:"jwks_uri"`
}

// mtlsAliases are the endpoints for clients that present a certificate (RFC 8705 §5).
type mtlsAliases struct {
	TokenEndpoint      string `json:"token_endpoint"`
	RevocationEndpoint string `json:"revocation_endpoint"`
	DeviceEndpoint     string `json:"device_authorization_endpoint"`
	PushedEndpoint     string `json:"pushed_authorization_request_endpoint"`
}

// parseMetadata parses and checks the metadata document of cfg.Issuer: its issuer must be exactly
// that one (RFC 8414 §3.3), and its token endpoint must be a URL that a secret may be sent to.
func parseMetadata(body []byte, cfg *Config) (*metadata, error) {
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, core.Errorf(core.CodeUnavailable,
			"the metadata of issuer %.200q is not a JSON object of strings, as RFC 8414 §2 has it",
			cfg.Issuer)
	}
	if m.Issuer != cfg.Issuer {
		return nil, core.Errorf(core.CodeBadConfig,
			"the metadata of issuer %.200q is for %q; the setting must be the same to the letter",
			cfg.Issuer, core.Printable(m.Issuer, 200, cfg.secrets()...))
	}
	if err := checkURL(m.TokenEndpoint, cfg.AllowHTTP); err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "the metadata of issuer %.200q: token_endpoint %w",
			cfg.Issuer, err)
	}
	m.Aliases.clearUnusable(cfg.AllowHTTP)
	if checkURL(m.RevocationEndpoint, cfg.AllowHTTP) != nil {
		m.RevocationEndpoint = "" // tokens then end when they expire
	}
	return &m, nil
}

// clearUnusable clears the aliases that no secret may be sent to.
func (a *mtlsAliases) clearUnusable(allowHTTP bool) {
	for _, alias := range []*string{&a.TokenEndpoint, &a.RevocationEndpoint, &a.DeviceEndpoint,
		&a.PushedEndpoint} {
		if checkURL(*alias, allowHTTP) != nil {
			*alias = ""
		}
	}
}

// withAliases returns m with the endpoints of a client that presents a certificate.
func (m *metadata) withAliases() metadata {
	out := *m
	for _, pair := range []struct {
		endpoint *string
		alias    string
	}{
		{&out.TokenEndpoint, m.Aliases.TokenEndpoint},
		{&out.RevocationEndpoint, m.Aliases.RevocationEndpoint},
		{&out.DeviceEndpoint, m.Aliases.DeviceEndpoint},
		{&out.PushedEndpoint, m.Aliases.PushedEndpoint},
	} {
		if pair.alias != "" {
			*pair.endpoint = pair.alias
		}
	}
	return out
}

// override replaces endpoints by those that the settings name.
func (m *metadata) override(c *Config) {
	for _, pair := range []struct {
		endpoint *string
		setting  string
	}{
		{&m.RevocationEndpoint, c.RevocationURL},
		{&m.AuthorizationEndpoint, c.AuthorizationURL},
		{&m.DeviceEndpoint, c.DeviceAuthorizationURL},
		{&m.PushedEndpoint, c.PushedAuthorizationURL},
		{&m.JWKSURI, c.JWKSURL},
	} {
		if pair.setting != "" {
			*pair.endpoint = pair.setting
		}
	}
}

// assertionAudience returns the audience of an assertion for this server: the issuer, so that no
// other server accepts the assertion, or the token endpoint if the issuer is unknown.
func (m *metadata) assertionAudience() string {
	if m.Issuer != "" {
		return m.Issuer
	}
	return m.TokenEndpoint
}

// omits reports whether a list that the server publishes lacks s. A list that is absent omits
// nothing.
func omits(published []string, s string) bool {
	return len(published) > 0 && !slices.Contains(published, s)
}
