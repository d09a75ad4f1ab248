// The metadata of an authorization server, and which of its endpoints a client uses.
//
// Read on in discovery.go.

package oauth2

import (
	"errors"
	"net/url"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/providers/internal/baseurl"
)

// metadata is what an authorization server publishes about itself (RFC 8414 §2), as far as this
// package uses it. It holds no secret.
type metadata struct {
	Issuer             string
	TokenEndpoint      string
	RevocationEndpoint string

	AuthMethods []string
	GrantTypes  []string
	Aliases     mtlsAliases

	ProofAlgorithms []string // RFC 9449 §5.1

	AuthorizationEndpoint string
	DeviceEndpoint        string // RFC 8628 §4
	PushedEndpoint        string // RFC 9126 §5
	PushedRequired        bool
	IssParameter          bool // RFC 9207 §3
	JWKSURI               string
}

// mtlsAliases are the endpoints for clients that present a certificate (RFC 8705 §5).
type mtlsAliases struct {
	TokenEndpoint      string
	RevocationEndpoint string
	DeviceEndpoint     string
	PushedEndpoint     string
}

// readMetadata returns the members of a metadata document that this package uses. A member of an
// unexpected type is absent.
func readMetadata(doc members.Object) metadata {
	aliases := doc.Object("mtls_endpoint_aliases")
	return metadata{
		Issuer:             doc.Text("issuer"),
		TokenEndpoint:      doc.Text("token_endpoint"),
		RevocationEndpoint: doc.Text("revocation_endpoint"),
		AuthMethods:        doc.List("token_endpoint_auth_methods_supported"),
		GrantTypes:         doc.List("grant_types_supported"),
		Aliases: mtlsAliases{
			TokenEndpoint:      aliases.Text("token_endpoint"),
			RevocationEndpoint: aliases.Text("revocation_endpoint"),
			DeviceEndpoint:     aliases.Text("device_authorization_endpoint"),
			PushedEndpoint:     aliases.Text("pushed_authorization_request_endpoint"),
		},
		ProofAlgorithms:       doc.List("dpop_signing_alg_values_supported"),
		AuthorizationEndpoint: doc.Text("authorization_endpoint"),
		DeviceEndpoint:        doc.Text("device_authorization_endpoint"),
		PushedEndpoint:        doc.Text("pushed_authorization_request_endpoint"),
		PushedRequired:        doc.Bool("require_pushed_authorization_requests"),
		IssParameter:          doc.Bool("authorization_response_iss_parameter_supported"),
		JWKSURI:               doc.Text("jwks_uri"),
	}
}

// parseMetadata parses and checks the metadata document of cfg.Issuer: its issuer must be exactly
// that one (RFC 8414 §3.3), and its token endpoint must be a URL that a secret may be sent to.
func parseMetadata(body []byte, cfg *Config) (*metadata, error) {
	doc, err := members.Read(body)
	switch {
	case errors.Is(err, members.ErrNotObject):
		return nil, core.Errorf(core.CodeBadConfig,
			"the metadata of issuer %.200q %w: is the address that of an authorization server?",
			cfg.Issuer, err)
	case err != nil:
		return nil, core.Errorf(core.CodeUnavailable, "the metadata of issuer %.200q %w", cfg.Issuer, err)
	}
	m := readMetadata(doc)
	if m.Issuer != cfg.Issuer {
		return nil, core.Errorf(core.CodeBadConfig,
			"the metadata of issuer %.200q is for %q; the setting must be the same to the letter",
			cfg.Issuer, core.Printable(m.Issuer, 200, cfg.secrets()...))
	}
	if err := cfg.checkPublished(m.TokenEndpoint); err != nil && cfg.TokenURL == "" {
		return nil, core.Errorf(core.CodeBadConfig, "the metadata of issuer %.200q: token_endpoint %w",
			cfg.Issuer, err)
	}
	m.Aliases.clearUnusable(cfg)
	if cfg.checkPublished(m.RevocationEndpoint) != nil {
		m.RevocationEndpoint = "" // tokens then end when they expire
	}
	return &m, nil
}

// checkPublished reports what is wrong with an endpoint that the issuer publishes. The loopback
// interface, which needs no https, is accepted only of an issuer that is there itself: otherwise an
// issuer could have a secret sent to another program of this machine.
func (c *Config) checkPublished(endpoint string) error {
	if err := checkURL(endpoint, c.AllowHTTP); err != nil {
		return err
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return err
	}
	if !c.AllowHTTP && baseurl.IsLoopback(u.Hostname()) && !baseurl.IsLoopback(issuer.Hostname()) {
		return errors.New("is on the loopback interface and the issuer is not; if that is right, set " +
			"allow_http or give the address as a setting")
	}
	return nil
}

// clearUnusable clears the aliases that no secret may be sent to.
func (a *mtlsAliases) clearUnusable(cfg *Config) {
	for _, alias := range []*string{&a.TokenEndpoint, &a.RevocationEndpoint, &a.DeviceEndpoint,
		&a.PushedEndpoint} {
		if cfg.checkPublished(*alias) != nil {
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
		{&m.TokenEndpoint, c.TokenURL},
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
