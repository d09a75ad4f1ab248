package grant

import (
	"testing"
	"time"

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
		`{"access_token":"a","token_type":"dpop","id_token":"e30.e30.","scope":"a b","issued_token_type":"urn:x"}`,
		`{"access_token":"a","token_type":"N_A","scope":[]}`,
		`{"error":"invalid_client","error_description":"x"}`,
		`access_token=a&expires_in=60`,
		`<html>`, ``, `{`, `{"error":[]}`, "\ufeff{}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		fields, err := parseAnswer([]byte(body), false, core.NewSecret("canary"))
		var token Token
		if err == nil {
			token, err = (&Client{Prover: anyProver{}}).token(fields, nil)
		}
		if err != nil {
			require.NotZero(t, core.CodeOf(err))
			require.NotContains(t, err.Error(), "canary")
			return
		}
		require.False(t, token.Access.IsZero())
		for _, c := range []byte(token.Access.Reveal()) {
			require.True(t, c > ' ' && c <= '~', "a byte %#x in the token", c)
		}
		require.Contains(t, []string{"Bearer", "DPoP"}, token.Type)
		if !token.Expiry.IsZero() {
			require.WithinRange(t, token.Expiry, time.Now().Add(-time.Minute), time.Now().AddDate(10, 0, 1))
		}
	})
}

type anyProver struct{ Prover }
