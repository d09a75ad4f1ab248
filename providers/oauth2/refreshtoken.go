// The grant refresh_token: a token for a refresh token that the settings hold.
//
// Read on in jwtbearer.go.

package oauth2

import (
	"context"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

// refreshToken is the grant of RFC 6749 §6. Its tokens are not revoked at the end: the server may
// revoke the refresh token of the settings with them.
var refreshToken = grantType{
	name:        RefreshToken,
	parameter:   "refresh_token",
	settings:    []string{"refresh_token"},
	keepsTokens: true,
	check: func(c *Config) error {
		if c.RefreshToken.IsZero() {
			return core.Faultf("refresh_token", "missing; the grant %s needs it", RefreshToken)
		}
		return nil
	},
	request: func(ctx context.Context, conn *connection,
		_ map[string]core.Credential) (grant.Token, error) {
		return conn.client.Refresh(ctx, conn.cfg.RefreshToken)
	},
	renew: renewIssuedToken,
	advice: func(*connection) string {
		return "check refresh_token: it has ended, was used before, or is of another client"
	},
}

// renewIssuedToken renews with the refresh token that the server issued last. If the server refuses
// that one, it tries the token of the settings: a newer one may have been put there since.
func renewIssuedToken(ctx context.Context, conn *connection, refresh core.Secret,
	requestNew requestFunc) (grant.Token, error) {
	if refresh.Equal(conn.cfg.RefreshToken) {
		return requestNew()
	}
	token, err := conn.client.Refresh(ctx, refresh)
	if grant.ErrorCode(err, "invalid_grant") {
		return requestNew()
	}
	return token, err
}
