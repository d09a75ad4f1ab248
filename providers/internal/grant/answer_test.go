package grant

import (
	"encoding/json"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// FuzzTokenAnswer checks that no answer makes the parser panic, that what it
// accepts fits a header and x/oauth2, and that its errors have a code.
func FuzzTokenAnswer(f *testing.F) {
	for _, body := range []string{
		`{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r"}`,
		`{"access_token":"a","expires_in":"1e300"}`,
		`{"access_token":"a\n"}`,
		`{"error":"invalid_client","error_description":"x"}`,
		`access_token=a&expires_in=60`,
		`<html>`, ``, `{`, `{"error":[]}`, "\ufeff{}",
	} {
		f.Add("application/json", body)
		f.Add("text/plain; charset=utf-8", body)
	}
	f.Fuzz(func(t *testing.T, contentType, body string) {
		a, err := parseAnswer(contentType, []byte(body), core.NewSecret("canary"))
		if err != nil {
			require.NotZero(t, core.CodeOf(err))
			require.NotContains(t, err.Error(), "canary")
			return
		}
		require.NotEmpty(t, a.AccessToken)
		for _, c := range []byte(a.AccessToken) {
			require.True(t, c > ' ' && c <= '~', "a byte %#x in the token", c)
		}
		require.GreaterOrEqual(t, a.ExpiresIn, int64(0))
		require.LessOrEqual(t, a.ExpiresIn, int64(maxLifetime))
		text, err := json.Marshal(a)
		require.NoError(t, err)
		again, err := parseAnswer("application/json", text)
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}
