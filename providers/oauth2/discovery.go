package oauth2

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// metadata is what an authorization server says about itself (RFC 8414 §2),
// as far as we use it. It is public.
type metadata struct {
	Issuer             string `json:"issuer"`
	TokenEndpoint      string `json:"token_endpoint"`
	RevocationEndpoint string `json:"revocation_endpoint"`

	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	GrantTypes  []string `json:"grant_types_supported"`
	Aliases     aliases  `json:"mtls_endpoint_aliases"`

	ProofAlgorithms []string `json:"dpop_signing_alg_values_supported"` // RFC 9449 §5.1

	AuthorizationEndpoint string `json:"authorization_endpoint"`
	DeviceEndpoint        string `json:"device_authorization_endpoint"`         // RFC 8628 §4
	PushedEndpoint        string `json:"pushed_authorization_request_endpoint"` // RFC 9126 §5
	PushedRequired        bool   `json:"require_pushed_authorization_requests"`
	IssParameter          bool   `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	JWKSURI               string `json:"jwks_uri"`
}

// errAbsent marks a place that has no metadata.
var errAbsent = errors.New("no metadata")

// metadata returns the issuer's metadata, from memory or from the first
// well-known place that has it.
func (p *provider) metadata(ctx context.Context, req core.Request, web *http.Client) (m *metadata, err error) {
	if m := p.meta.Load(); m != nil {
		return m, nil
	}
	err = providerhttp.Retry(ctx, req, func() error {
		m, err = p.discover(ctx, web)
		return err
	})
	return m, err
}

// discover asks the well-known places in turn.
func (p *provider) discover(ctx context.Context, web *http.Client) (*metadata, error) {
	var worst error
	for _, place := range wellKnown(p.cfg.Issuer) {
		m, err := p.fetch(ctx, web, place)
		if err == nil {
			p.meta.Store(m)
			return m, nil
		}
		if worst == nil || weight(err) > weight(worst) {
			worst = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if errors.Is(worst, errAbsent) {
		return nil, core.Errorf(core.BadConfig, "issuer %.200q publishes no metadata (RFC 8414, OpenID Connect Discovery); check it, or give token_url", p.cfg.Issuer)
	}
	return nil, worst
}

// weight orders the outcomes of the places: what may pass says most.
func weight(err error) int {
	switch {
	case core.CodeOf(err) == core.Unavailable:
		return 2
	case errors.Is(err, errAbsent):
		return 0
	}
	return 1
}

// wellKnown returns where an issuer's metadata may be: RFC 8414 §3.1 puts the
// well-known part before the issuer's path, OpenID Connect Discovery 1.0 §4.1
// behind it.
func wellKnown(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	host, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	return []string{
		host + "/.well-known/oauth-authorization-server" + path,
		host + path + "/.well-known/openid-configuration",
	}
}

func (p *provider) fetch(ctx context.Context, web *http.Client, place string) (*metadata, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, core.Errorf(core.BadConfig, "issuer is not a URL")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := web.Do(req)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if refusal := providerhttp.AnswerError(resp, nil, p.cfg.secrets()...); refusal != nil {
		if core.CodeOf(refusal) == core.Unavailable {
			return nil, refusal
		}
		return nil, core.Errorf(core.BadConfig, "%w", errAbsent)
	}
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	return p.read(body)
}

// read checks a metadata document: it must be the issuer's own, to the letter
// (RFC 8414 §3.3), and name a token endpoint that a secret may be sent to.
func (p *provider) read(body []byte) (*metadata, error) {
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, core.Errorf(core.Unavailable, "the metadata of issuer %.200q is not a JSON object of strings, as RFC 8414 §2 has it", p.cfg.Issuer)
	}
	if m.Issuer != p.cfg.Issuer {
		return nil, core.Errorf(core.BadConfig, "the metadata of issuer %.200q is for %q; the setting must be the same to the letter", p.cfg.Issuer, core.Printable(m.Issuer, 200, p.cfg.secrets()...))
	}
	if err := checkURL(m.TokenEndpoint, p.cfg.AllowHTTP); err != nil {
		return nil, core.Errorf(core.BadConfig, "the metadata of issuer %.200q: token_endpoint %w", p.cfg.Issuer, err)
	}
	m.Aliases.usable(p.cfg.AllowHTTP)
	if checkURL(m.RevocationEndpoint, p.cfg.AllowHTTP) != nil {
		m.RevocationEndpoint = "" // tokens then end by themselves
	}
	return &m, nil
}
