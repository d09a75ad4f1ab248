package oauth2_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/oauth2"
)

// The kit signs a person in where there is nothing to renew.
func TestSignInConformance(t *testing.T) {
	providertest.Run(t, providertest.Fixture{
		Factory: oauth2.Factory,
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{
				"grant": "authorization_code", "issuer": s.TLSURL, "authorization_url": s.TLSURL + "/authorize",
				"client_id": "app", "client_secret": s.Secret, "tls": map[string]any{"ca": s.CA},
			}
		},
		Good: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/authorize" {
				good(w, r)
				return
			}
			asked := r.URL.Query()
			answer := url.Values{"state": asked["state"], "code": {"a-good-code"}}
			if asked.Has("unwilling") {
				answer = url.Values{"state": asked["state"], "error": {"access_denied"}}
			}
			http.Redirect(w, r, asked.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
		}),
		Endpoint: "/token",
		Person: func(s providertest.Server, willing bool) core.UI {
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM([]byte(s.CA))
			browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
				TLSClientConfig: &tls.Config{RootCAs: roots}}}
			return core.UI{Open: func(ctx context.Context, link string) error {
				if !willing {
					link += "&unwilling=yes"
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
				if err != nil {
					return err
				}
				resp, err := browser.Do(req)
				if err != nil {
					return err
				}
				return resp.Body.Close()
			}}
		},
	})
}
