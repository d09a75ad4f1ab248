// Token revocation. This is the last file.

package grant

import (
	"context"
	"errors"
	"net/url"

	"github.com/authsession/authsession/core"
)

// Revoke revokes a token at a revocation endpoint (RFC 7009 §2.1). hint is "access_token" or
// "refresh_token". The error wraps errors.ErrUnsupported if the server does not revoke tokens of
// that type.
func (c *Client) Revoke(ctx context.Context, endpoint string, token core.Secret,
	hint string) error {
	form := url.Values{"token": {token.Reveal()}, "token_type_hint": {hint}}
	_, err := c.send(ctx, request{
		endpoint: endpoint, what: "revocation", form: form, secrets: []core.Secret{token}, noBody: true,
	})
	if ErrorCode(err, "unsupported_token_type") {
		return core.Errorf(core.CodeOf(err), "%w (%w)", errors.Unwrap(err), errors.ErrUnsupported)
	}
	return err
}
