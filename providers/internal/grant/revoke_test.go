package grant_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/stretchr/testify/require"
)

func TestRevoke(t *testing.T) {
	var got *http.Request
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r
	})
	require.NoError(t, c.Revoke(t.Context(), c.TokenURL, core.NewSecret("a"), "access_token"))
	user, pass, ok := got.BasicAuth()
	require.True(t, ok)
	require.Equal(t, []string{"app%3A1", url.QueryEscape(secret)}, []string{user, pass})
	require.Equal(t, url.Values{"token": {"a"}, "token_type_hint": {"access_token"}}, got.PostForm)

	c.Auth = grant.Post(core.NewSecret(secret))
	require.NoError(t, c.Revoke(t.Context(), c.TokenURL, core.NewSecret("r"), "refresh_token"))
	require.Empty(t, got.Header.Get("Authorization"))
	require.Equal(t, url.Values{
		"token": {"r"}, "token_type_hint": {"refresh_token"}, "client_id": {"app:1"},
		"client_secret": {secret},
	}, got.PostForm)
	require.ErrorIs(t, c.Revoke(t.Context(), "", core.NewSecret("r"), ""), core.CodeBadConfig)
}

func TestRevokeRefused(t *testing.T) {
	c := serve(t, reply(400, "application/json", `{"error":"unsupported_token_type"}`))
	err := c.Revoke(t.Context(), c.TokenURL, core.NewSecret("a"), "access_token")
	require.ErrorIs(t, err, errors.ErrUnsupported)

	c = serve(t, reply(503, "text/html", secret))
	err = c.Revoke(t.Context(), c.TokenURL, core.NewSecret("a"), "access_token")
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.NotErrorIs(t, err, errors.ErrUnsupported)
	requireClean(t, err)
}

func TestErrorCode(t *testing.T) {
	for _, status := range []int{200, 400, 401} {
		c := serve(t, reply(status, "application/json", `{"error":"invalid_grant"}`))
		_, err := c.Refresh(t.Context(), core.NewSecret("r"))
		require.ErrorIs(t, err, core.CodeDenied)
		require.True(t, grant.ErrorCode(err, "invalid_grant"))
		require.False(t, grant.ErrorCode(err, "invalid_client"))
	}
	require.False(t, grant.ErrorCode(nil, "invalid_client"))
}

func TestParamsStaySecret(t *testing.T) {
	c := serve(t,
		reply(400, "application/json",
			`{"error":"invalid_request","error_description":"pin 4711-4712 is wrong"}`))
	c.Params = url.Values{"pin": {"4711-4712"}}
	c.Secrets = []core.Secret{core.NewSecret("4711-4712")}
	_, err := c.ClientCredentials(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.NotContains(t, err.Error(), "4711")
}

// TestReplacedRefreshToken checks that a refresh token is kept only if the answer has no other one.
func TestReplacedRefreshToken(t *testing.T) {
	for member, want := range map[string]string{
		``: "sent", `,"refresh_token":null`: "sent", `,"refresh_token":""`: "sent",
		`,"refresh_token":"new"`: "new", `,"refresh_token":7`: "", `,"refresh_token":{"a":1}`: "",
		`,"refresh_token":["new"]`: "", `,"refresh_token":false`: "",
	} {
		c := serve(t, reply(200, "application/json", `{"access_token":"a"`+member+`}`))
		token, err := c.Refresh(t.Context(), core.NewSecret("sent"))
		require.NoError(t, err, member)
		require.Equal(t, want, token.Refresh.Reveal(), member)
	}
}
