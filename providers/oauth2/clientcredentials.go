// The grant client_credentials: a token for the program itself.
//
// Read on in refreshtoken.go.

package oauth2

import (
	"context"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

// clientCredentials is the grant of RFC 6749 §4.4, and the default.
var clientCredentials = grantType{
	name:      ClientCredentials,
	parameter: "client_credentials",
	settings:  []string{"grant_type"},
	check: func(c *Config) error {
		if c.GrantType == "" && c.authMethod() == NoClientAuth && c.ClientSecret.IsZero() {
			return core.Faultf("client_secret",
				"missing; the grant %s needs a client that proves who it is", ClientCredentials)
		}
		return nil
	},
	request: func(ctx context.Context, conn *connection,
		_ map[string]core.Credential) (grant.Token, error) {
		return conn.client.ClientCredentials(ctx)
	},
	renew: renewOrRequest,
}
