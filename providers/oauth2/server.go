package oauth2

import (
	"cmp"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

// aliases are the endpoints for clients that show a certificate (RFC 8705 §5).
type aliases struct {
	TokenEndpoint      string `json:"token_endpoint"`
	RevocationEndpoint string `json:"revocation_endpoint"`
	DeviceEndpoint     string `json:"device_authorization_endpoint"`
	PushedEndpoint     string `json:"pushed_authorization_request_endpoint"`
}

// seenBy returns m with the endpoints that a client uses: the aliases, if the
// certificate matters to the server.
func (m *metadata) seenBy(c *ClientSettings) metadata {
	seen := *m
	if !c.isBound() {
		return seen
	}
	for _, pair := range []struct {
		endpoint *string
		alias    string
	}{
		{&seen.TokenEndpoint, m.Aliases.TokenEndpoint},
		{&seen.RevocationEndpoint, m.Aliases.RevocationEndpoint},
		{&seen.DeviceEndpoint, m.Aliases.DeviceEndpoint},
		{&seen.PushedEndpoint, m.Aliases.PushedEndpoint},
	} {
		if pair.alias != "" {
			*pair.endpoint = pair.alias
		}
	}
	return seen
}

// usable clears the aliases that no secret may be sent to.
func (a *aliases) usable(allowHTTP bool) {
	for _, alias := range []*string{&a.TokenEndpoint, &a.RevocationEndpoint, &a.DeviceEndpoint, &a.PushedEndpoint} {
		if checkURL(*alias, allowHTTP) != nil {
			*alias = ""
		}
	}
}

// explain adds to a refusal what the server says about itself, where that is
// the reason: it lacks the grant, or the way in which the client authenticates.
// Lists that are incomplete do no harm, as they are looked at after a refusal
// only.
func (m *metadata) explain(err error, c *Config) error {
	name, grantType, method := c.grantName(), c.grantType(), c.method()
	switch {
	case core.CodeOf(err) != core.Denied && core.CodeOf(err) != core.BadConfig:
		return err
	case lacks(m.GrantTypes, grantType) && (grant.ErrorCode(err, "unsupported_grant_type") || grant.ErrorCode(err, "unauthorized_client")):
		return core.Errorf(core.BadConfig, "%w; the server does not offer the grant %s, but %s", core.Cause(err), name, c.list(m.GrantTypes))
	case lacks(m.AuthMethods, method) && (grant.ErrorCode(err, "invalid_client") || grant.ErrorCode(err, "unauthorized_client")):
		return core.Errorf(core.BadConfig, "%w; the server does not offer the client_auth %s, but %s", core.Cause(err), method, c.list(m.AuthMethods))
	}
	return err
}

// lacks reports whether a server that names what it offers does not name s.
func lacks(offered []string, s string) bool { return len(offered) > 0 && !slices.Contains(offered, s) }

// list makes the names that a server gave fit for an error.
func (c *Config) list(names []string) string {
	return cmp.Or(core.Printable(strings.Join(names, ", "), 300, c.secrets()...), "others")
}

// secrets returns the texts of the settings that no error may repeat, whatever
// the server answers.
func (c *Config) secrets() []core.Secret {
	list := []core.Secret{c.ClientSecret, c.RefreshToken, c.Assertion.Text, c.SubjectToken, c.ActorToken}
	for _, value := range c.Params {
		list = append(list, value)
	}
	return list
}

// grantName returns the setting, with its default.
func (c *Config) grantName() string {
	if c.Grant == "" {
		return ClientCredentials
	}
	return c.Grant
}

// grantType returns the grant_type of the setting.
func (c *Config) grantType() string {
	if urn, ok := grantTypes[c.Grant]; ok {
		return urn
	}
	return c.grantName()
}

// grantTypes are the grants whose type is a URN.
var grantTypes = map[string]string{
	DeviceCode:    "urn:ietf:params:oauth:grant-type:device_code",    // RFC 8628 §3.4
	JWTBearer:     "urn:ietf:params:oauth:grant-type:jwt-bearer",     // RFC 7523 §2.1
	TokenExchange: "urn:ietf:params:oauth:grant-type:token-exchange", // RFC 8693 §2.1
}
