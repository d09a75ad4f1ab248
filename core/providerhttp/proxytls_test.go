package providerhttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// TestProxiesDoNotSeeTheCertificate proves that the client certificate of a token request is not
// shown to an https proxy that asks for one, and that the roots of the token endpoint do not verify
// the proxy: those of http.DefaultTransport do.
func TestProxiesDoNotSeeTheCertificate(t *testing.T) {
	var connects, certificates atomic.Int64
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(
		w http.ResponseWriter, r *http.Request,
	) {
		connects.Add(1)
		certificates.Add(int64(len(r.TLS.PeerCertificates)))
		w.WriteHeader(http.StatusBadGateway)
	}))
	proxy.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	proxy.Config.ErrorLog = quietLog
	proxy.StartTLS()
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(proxy.Certificate())
	usual := http.DefaultTransport
	defer func() { http.DefaultTransport = usual }()
	for _, trusted := range []bool{true, false} {
		own := &tls.Config{Certificates: proxy.TLS.Certificates}
		http.DefaultTransport = &http.Transport{}
		if trusted {
			http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
		} else {
			own.RootCAs = roots
		}
		connects.Store(0)
		s := core.New("a", core.ProviderFunc(
			func(ctx context.Context, _ core.Request) (core.Credential, error) {
				client := providerhttp.NewClient(&providerhttp.Options{TLS: own})
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://token.example", nil)
				_, err := client.Do(r)
				return core.Credential{}, providerhttp.ClientError(err)
			}), &core.Options{Proxy: u})
		err := s.Init(t.Context())
		if trusted {
			require.ErrorContains(t, err, "Bad Gateway")
			require.Positive(t, connects.Load())
		} else {
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, "the TLS handshake with the proxy "+u.Host)
			require.Zero(t, connects.Load())
		}
		require.Zero(t, certificates.Load())
	}
}

// TestRenegotiation proves that a token endpoint that asks for a renegotiation is a fault of the
// settings, named.
func TestRenegotiation(t *testing.T) {
	cause := &net.OpError{Op: "local error", Err: errors.New("tls: no renegotiation")}
	err := providerhttp.ClientError(&url.Error{Op: "Post", URL: "https://token.example/x?canary",
		Err: cause})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.EqualError(t, err, "bad config: https://token.example asks for a TLS renegotiation, as for "+
		"a client certificate, which is off: set tls.renegotiation to once")
	cause.Op = "remote error"
	err = providerhttp.ClientError(&url.Error{Op: "Post", URL: "https://token.example",
		Err: cause})
	require.ErrorIs(t, err, core.CodeUnavailable)
}
