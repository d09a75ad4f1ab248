package core_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestCookieJarOfTheCaller proves what the documentation says of a cookie jar: its cookies are the
// caller's, so that one of the name of the session's cookie is sent in its place. The client of a
// session has no jar.
func TestCookieJarOfTheCaller(t *testing.T) {
	var got []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "SID", Value: "theirs"})
		http.SetCookie(w, &http.Cookie{Name: "other", Value: "x"})
	}))
	defer api.Close()
	s := ready(t, fixed(core.Credential{Attach: core.Attachment{
		Cookie: map[string]core.Secret{"SID": core.NewSecret("ours")},
	}}), nil)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	for _, client := range []*http.Client{s.Client(), {Transport: s.Transport(nil), Jar: jar}} {
		got = nil
		body(t, client, api.URL)
		body(t, client, api.URL)
		require.Equal(t, "SID=ours", got[0])
		if client.Jar == nil {
			require.Equal(t, "SID=ours", got[1])
		} else {
			require.Equal(t, "SID=theirs; other=x", got[1])
		}
	}
}
