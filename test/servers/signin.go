package servers

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// signIn goes through the authorization code flow with redirects as the only
// user interface and returns the refresh token.
func signIn(t testing.TB, base *http.Client, authorize, token string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Transport: base.Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	query := url.Values{
		"response_type": {"code"}, "client_id": {WebID}, "redirect_uri": {RedirectURI},
		"scope": {"openid offline_access"}, "prompt": {"consent"}, "state": {"1"},
	}
	next := authorize + "?" + query.Encode()
	var code string
	for hop := 0; code == ""; hop++ {
		require.Less(t, hop, 10, "the sign-in goes round in circles at %s", next)
		resp, err := browser.Get(next)
		require.NoError(t, err)
		resp.Body.Close()
		to, err := resp.Location()
		require.NoError(t, err, "%s answers %s", next, resp.Status)
		next = to.String()
		if strings.HasPrefix(next, RedirectURI) {
			code = to.Query().Get("code")
			require.NotEmpty(t, code, "the sign-in ends with %q", to.Query().Get("error_description"))
		}
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {RedirectURI},
		"client_id": {WebID}, "client_secret": {WebSecret},
	}
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	require.NoError(t, postForm(t.Context(), browser, token, form, &answer))
	require.NotEmpty(t, answer.RefreshToken)
	return answer.RefreshToken
}
