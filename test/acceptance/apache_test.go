//go:build acceptance

package acceptance

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

// Tokens that are bound to a key or to a certificate, at an API that checks that by
// itself; a proof that comes again, or is for another request, is refused.
func TestApacheTakesBoundTokens(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := clients(t, ca)
	p := startFor(t, ca, servers.OIDCOptions{}, list)
	a := servers.StartApache(t, ca, p.Key(t))
	another := ca.Issue(t, "another").TLS
	for _, c := range list {
		url, more, algorithms := a.DPoP, "dpop: true\n      dpop_algorithm: ", []string{"ES256"}
		switch c.id {
		case "basic":
			algorithms = []string{"ES256", "RS256", "PS256"}
		case "tls", "self-signed":
			url, more, algorithms = a.Certificate, "", []string{""}
		case "key-ES256", "post":
		default:
			continue
		}
		for _, alg := range algorithms {
			for _, way := range ways {
				t.Run(c.id+" "+alg+" "+way, func(t *testing.T) {
					text := c.config(p.Issuer, a.URL, "client_credentials",
						"scopes: [read]\n      resource: ["+apiResource+"]\n      "+more+alg)
					s := initialised(t, setup{ca: ca, way: way}.load(t, text, secretVariable), "it")
					for range 2 {
						says(t, s, url, c.id)
						says(t, s, url+"/deeper?a=b", c.id)
						cred, err := s.Credential(t.Context())
						require.NoError(t, err)
						s.Reject(cred, "") // and the renewed one
					}
					cred, err := s.Credential(t.Context())
					require.NoError(t, err)
					for _, with := range []func() (int, string){
						func() (int, string) { return stolen(t, ca, nil, url, cred) },
						func() (int, string) { return stolen(t, ca, &another, url, cred) },
					} {
						status, _ := with()
						require.Equal(t, http.StatusUnauthorized, status)
					}
					if alg == "" {
						return
					}
					base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
					defer base.CloseIdleConnections()
					keep := &seen{base: base}
					require.Equal(t, 200, send(t, s.Transport(keep), "GET", url+"/a", http.Header{}))
					require.Equal(t, 401, send(t, base, "GET", url+"/a", keep.header), "a proof comes again")
					for _, tt := range [][2]string{{"POST", url + "/a"}, {"GET", url + "/b"}} {
						keep := &seen{base: unsent{}}
						_ = send(t, s.Transport(keep), "GET", url+"/a", http.Header{})
						require.Equal(t, 401, send(t, base, tt[0], tt[1], keep.header), "for another request")
						require.Equal(t, 200, send(t, base, "GET", url+"/a", keep.header), "for this one")
					}
				})
			}
		}
	}
}

// seen keeps the headers of the last request that it lets through.
type seen struct {
	base   http.RoundTripper
	header http.Header
}

func (s *seen) RoundTrip(r *http.Request) (*http.Response, error) {
	s.header = r.Header.Clone()
	return s.base.RoundTrip(r)
}

// unsent answers requests itself.
type unsent struct{}

func (unsent) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func send(t testing.TB, through http.RoundTripper, method, url string, header http.Header) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	req.Header = header.Clone()
	resp, err := through.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode
}
