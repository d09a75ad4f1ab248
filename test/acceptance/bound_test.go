//go:build acceptance

package acceptance

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

const apiResource = "https://api.example.com/v1"

// Tokens that are bound to the client's certificate, at an API that checks that
// by itself.
func TestHAProxyTakesBoundTokens(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := clients(t, ca)
	// A client that proves itself by a key, and has its tokens bound nevertheless.
	cert, key := ca.Issue(t, "some").Write(t, t.TempDir(), "some")
	for _, c := range list {
		if c.id != "key-ES256" {
			continue
		}
		known := map[string]any{"client_id": "key-bound", "tls_client_certificate_bound_access_tokens": true}
		for name, value := range c.known {
			if known[name] == nil {
				known[name] = value
			}
		}
		settings := strings.Replace(c.settings, "client_id: key-ES256", "client_id: key-bound", 1)
		settings = strings.Replace(
			settings,
			"tls: {",
			fmt.Sprintf("certificate_bound: true\n      tls: {cert_file: %q, key_file: %q, ", cert, key),
			1,
		)
		list = append(list, client{"key-bound", settings, known})
	}
	p := startFor(t, ca, servers.OIDCOptions{}, list)
	h := servers.StartHAProxy(t, ca, servers.HAProxyOptions{Issuer: p.Issuer, Audience: apiResource, Key: p.Key(t)})
	another := ca.Issue(t, "another").TLS
	for _, c := range list {
		bound := c.id == "tls" || c.id == "self-signed" || c.id == "key-bound"
		for grant, more := range map[string]string{
			"client_credentials": "scopes: [read]",
			"authorization_code": "scopes: [openid, read]\n      authorization_params: {prompt: consent}",
		} {
			if c.id == "public" && grant == "client_credentials" {
				continue
			}
			for _, way := range ways {
				t.Run(c.id+" "+grant+" "+way, func(t *testing.T) {
					t.Parallel()
					ui, _ := person(t, ca)
					text := c.config(p.Issuer, h.URL, grant, more+"\n      resource: ["+apiResource+"]")
					s := initialised(t, setup{ca: ca, way: way, ui: ui}.load(t, text, secretVariable), "it")
					who := "ada"
					if grant == "client_credentials" {
						who = c.id
					}
					for range 2 {
						resp, err := s.Client().Get(h.URL)
						require.NoError(t, err)
						body, err := io.ReadAll(resp.Body)
						require.NoError(t, err)
						resp.Body.Close()
						require.Equal(t, who, string(body))
						require.Equal(t, bound, resp.Header.Get("X-Bound") == "yes")
						cred, err := s.Credential(t.Context())
						require.NoError(t, err)
						s.Reject(cred, "") // and the renewed one
					}

					// Who has stolen the token is let in only if it is not bound.
					cred, err := s.Credential(t.Context())
					require.NoError(t, err)
					for name, with := range map[string]*tls.Certificate{"another certificate": &another, "none": nil} {
						status, said := stolen(t, ca, with, h.URL, cred)
						if bound {
							require.Equal(t, http.StatusUnauthorized, status, name)
							require.Equal(t, "wrong certificate", said, name)
						} else {
							require.Equal(t, http.StatusOK, status, name)
						}
					}
				})
			}
		}
	}
}

// stolen presents a credential's header over a connection with another
// certificate.
func stolen(t testing.TB, ca *servers.CA, with *tls.Certificate, url string, cred core.Credential) (int, string) {
	t.Helper()
	settings := &tls.Config{RootCAs: ca.Pool()}
	if with != nil {
		settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return with, nil }
	}
	thief := &http.Client{Transport: &http.Transport{TLSClientConfig: settings}}
	defer thief.CloseIdleConnections()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for name, value := range cred.Attach.Header {
		req.Header.Set(name, value.Reveal())
	}
	resp, err := thief.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}
