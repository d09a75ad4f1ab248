package core_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestProxyAnswers checks what the refusals of a forward proxy become, for the requests to
// the API and those of the provider, and that they name the proxy without its password.
func TestProxyAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		status    int
		challenge []string
		user      bool
		code      core.Code
		want      string
	}{
		"none":             {407, []string{`Basic realm="p"`}, false, core.CodeBadConfig, "wants credentials (407)"},
		"without a word":   {407, nil, false, core.CodeBadConfig, "wants credentials (407)"},
		"wrong":            {407, []string{`Basic realm="p"`}, true, core.CodeBadConfig, "refuses the user name or the password"},
		"Digest":           {407, []string{`Digest realm="p", nonce="n"`}, true, core.CodeBadConfig, "by Digest,"},
		"Negotiate, NTLM":  {407, []string{"Negotiate", "NTLM"}, false, core.CodeBadConfig, "by Negotiate, NTLM,"},
		"Basic beside it":  {407, []string{"Negotiate", `Basic realm="p"`}, false, core.CodeBadConfig, "wants credentials (407)"},
		"hostile":          {407, []string{"Digest s3cret-ada"}, true, core.CodeBadConfig, "(407)"},
		"not allowed":      {403, nil, true, core.CodeUnavailable, "answers 403 Forbidden"},
		"cannot reach":     {502, nil, true, core.CodeUnavailable, "answers 502 Bad Gateway"},
		"not what is said": {204, nil, true, core.CodeUnavailable, "answers 204"},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Proxy-Authenticate"] = tc.challenge
				w.WriteHeader(tc.status)
			}))
			defer proxy.Close()
			u, err := url.Parse(proxy.URL)
			require.NoError(t, err)
			if tc.user {
				u.User = url.UserPassword("ada", "s3cret-ada")
			}
			check := func(err error) {
				require.ErrorIs(t, err, tc.code)
				require.ErrorContains(t, err, tc.want)
				require.ErrorContains(t, err, "the proxy "+u.Host+", the session's proxy,")
				require.NotContains(t, err.Error(), "s3cret")
				require.NotContains(t, err.Error(), "\x1b")
			}
			s := core.New("a", fixed(bearer("T")), &core.Options{Proxy: u, Lazy: true})
			_, err = s.Client().Get("https://api.example.com")
			check(err)
			asks := core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
				transport := &http.Transport{
					DisableKeepAlives:      true,
					Proxy:                  func(r *http.Request) (*url.URL, error) { return core.RequestProxy(r, nil) },
					OnProxyConnectResponse: core.CheckProxyAnswer,
				}
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://token.example.com", nil)
				_, err := transport.RoundTrip(r)
				return core.Credential{}, err
			})
			check(core.New("a", asks, &core.Options{Proxy: u}).Init(t.Context()))
		})
	}
}
