package demo

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServers(t *testing.T) {
	s, err := Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	v := s.Variables
	trust := &http.Client{Transport: s.Transport()}
	t.Cleanup(trust.CloseIdleConnections)
	pair, err := tls.LoadX509KeyPair(v["DEMO_CLIENT_CERT"], v["DEMO_CLIENT_KEY"])
	require.NoError(t, err)
	withCert := s.Transport()
	withCert.TLSClientConfig.Certificates = []tls.Certificate{pair}
	certified := &http.Client{Transport: withCert}
	t.Cleanup(certified.CloseIdleConnections)
	token := func(environment string) http.Header {
		return http.Header{
			"Authorization": {
				"Bearer " + fetch(
					t,
					trust,
					v["DEMO_"+environment+"_ISSUER"],
					"gs-app",
					v["DEMO_"+environment+"_SECRET"],
				),
			},
		}
	}
	revoked := token("QA")
	s.Revoke("qa")

	for name, c := range map[string]struct {
		client *http.Client
		site   string
		header http.Header
		want   Caller // zero: 401
	}{
		"nothing": {client: trust, site: "PROD"},
		"key": {
			client: trust,
			site:   "PROD",
			header: http.Header{"X-Api-Key": {v["DEMO_PROD_KEY"]}},
			want:   Caller{"prices-reader", "API key", "prod"},
		},
		"key of another": {client: trust, site: "PROD", header: http.Header{"X-Api-Key": {v["DEMO_QA_KEY"]}}},
		"certificate": {
			client: certified,
			site:   "QA",
			want:   Caller{"ledger-reader", "client certificate", "qa"},
		},
		"token": {
			client: trust,
			site:   "QA",
			header: token("QA"),
			want:   Caller{"gs-app", "access token", "qa"},
		},
		"token of another": {client: trust, site: "PROD", header: token("QA")},
		"revoked token":    {client: trust, site: "QA", header: revoked},
		"something else":   {client: trust, site: "QA", header: http.Header{"Authorization": {"Basic eDp5"}}},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(
				t.Context(),
				http.MethodGet,
				v["DEMO_"+c.site+"_API"]+"/v1/whoami",
				nil,
			)
			require.NoError(t, err)
			req.Header = c.header
			resp, err := c.client.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			if c.want == (Caller{}) {
				require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
				require.NotEmpty(t, resp.Header.Get("WWW-Authenticate"))
				return
			}
			require.Equal(t, http.StatusOK, resp.StatusCode)
			var got Caller
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
			require.Equal(t, c.want, got)
		})
	}
}

func fetch(t *testing.T, c *http.Client, issuer, id, secret string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	resp, err := c.Post(issuer+"/oauth/token", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var answer struct {
		Token string `json:"access_token"`
		Life  int    `json:"expires_in"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.NotEmpty(t, answer.Token)
	return answer.Token
}
