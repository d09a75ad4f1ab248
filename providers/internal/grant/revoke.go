package grant

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
)

// Revoke tells a revocation endpoint that a token is no longer wanted
// (RFC 7009 §2.1). hint is "access_token" or "refresh_token". The error wraps
// errors.ErrUnsupported if the server does not revoke tokens of that type.
func (c *Client) Revoke(ctx context.Context, endpoint string, token core.Secret, hint string) error {
	if err := CheckURL(endpoint); err != nil {
		return core.Errorf(core.BadConfig, "the revocation URL %w", err)
	}
	secrets := c.hide([]core.Secret{token})
	form := url.Values{"token": {token.Reveal()}, "token_type_hint": {hint}}
	inBody := c.Style == Post || c.Secret.IsZero()
	if inBody {
		form.Set("client_id", c.ID)
		if !c.Secret.IsZero() {
			form.Set("client_secret", c.Secret.Reveal())
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return core.Errorf(core.BadConfig, "the revocation URL is not an https URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if !inBody {
		req.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	client := c.http(secrets)
	client.Transport.(*exchanger).bodiless = true
	resp, err := client.Do(req)
	if err == nil {
		return resp.Body.Close()
	}
	if err = coded(err); ErrorCode(err, "unsupported_token_type") {
		return core.Errorf(core.CodeOf(err), "%w (%w)", errors.Unwrap(err), errors.ErrUnsupported)
	}
	return err
}

// discard drops the body of a success that has nothing to say.
func discard(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal))
	_ = resp.Body.Close()
	resp.Body = http.NoBody
}
