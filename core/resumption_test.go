package core_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// resuming is a TLS API that answers with the name on the client's certificate
// and whether the TLS session was resumed.
func resuming(t *testing.T, version uint16) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		_, _ = fmt.Fprint(w, name, " ", r.TLS.DidResume)
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MaxVersion: version}
	srv.Config.ErrorLog = quietLog
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func presenting(t *testing.T, srv *httptest.Server, name string) core.Provider {
	chain, key, _ := issue(t, name)
	return fixed(core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{"X-A": core.NewSecret("b")},
		Cert:   core.NewSecret(chain + key), Roots: rootsOf(srv),
	}})
}

// caching is a transport that resumes TLS sessions and keeps no connection.
func caching(srv *httptest.Server) *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: pool, ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}}
}

// A TLS session that is resumed shows the certificate that it began with, so
// no certificate's may be resumed for another, or for none.
func TestResumedSessionsShowTheCertificateOfNow(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			srv := resuming(t, version)
			base := caching(srv)
			opts := &core.Options{Transport: base}
			one, two := ready(t, presenting(t, srv, "one"), opts), ready(t, presenting(t, srv, "two"), opts)
			none := ready(t, fixed(bearer("T")), opts)
			require.Equal(t, "one false", body(t, one.Client(), srv.URL))
			require.Equal(t, "one true", body(t, one.Client(), srv.URL), "its own is resumed")
			require.Equal(t, "nobody false", body(t, none.Client(), srv.URL))
			require.Equal(t, "two false", body(t, two.Client(), srv.URL))

			one.Reconfigure(presenting(t, srv, "three"), opts)
			require.Eventually(t, func() bool {
				return body(t, one.Client(), srv.URL) == "three true"
			}, 5*time.Second, time.Millisecond)
			one.Reconfigure(presenting(t, srv, "one"), opts)
			require.Eventually(t, func() bool {
				return body(t, one.Client(), srv.URL) == "one true"
			}, 5*time.Second, time.Millisecond)

			// A redirect that must not carry the credential.
			elsewhere := resuming(t, version)
			chain, key, _ := issue(t, "me")
			pool := base.TLSClientConfig.RootCAs
			pool.AddCert(elsewhere.Certificate())
			c := core.Credential{Attach: core.Attachment{Cert: core.NewSecret(chain + key)}}
			me := ready(t, fixed(c), opts)
			require.Equal(t, "me false", body(t, me.Client(), elsewhere.URL))
			away := resuming(t, version)
			away.Config.Handler = http.RedirectHandler(elsewhere.URL, http.StatusFound)
			pool.AddCert(away.Certificate())
			for range 2 {
				require.Equal(t, "nobody false", body(t, me.Client(), away.URL))
			}
		})
	}
}

func TestTLSConfigResumesNothing(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		srv := resuming(t, version)
		base := caching(srv)
		one, two := ready(t, presenting(t, srv, "one"), nil), ready(t, presenting(t, srv, "two"), nil)
		client := func(s *core.Session) *http.Client {
			return &http.Client{Transport: &http.Transport{
				DisableKeepAlives: true, TLSClientConfig: s.TLSConfig(base.TLSClientConfig),
			}}
		}
		for range 2 {
			require.Equal(t, "one false", body(t, client(one), srv.URL))
			require.Equal(t, "two false", body(t, client(two), srv.URL))
		}
		kept := client(one)
		require.Equal(t, "one false", body(t, kept, srv.URL))
		require.NoError(t, one.Close(t.Context()))
		_, err := kept.Get(srv.URL)
		require.ErrorIs(t, err, core.CodeClosed)
	}
}

// Handshakes look at the clock again: at the credential's end, and at that of the
// certificate.
func TestHandshakesLookAtTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		me := sign(t, x509.Certificate{
			Subject:   pkix.Name{CommonName: "me"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(4 * time.Hour),
		}, nil)
		calls := 0
		s := ready(t, core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			calls++
			return core.Credential{
				Attach: core.Attachment{Cert: core.NewSecret(me.withKey(t))}, Expiry: time.Now().Add(time.Hour),
			}, nil
		}), nil)
		present := func() error {
			_, err := s.TLSConfig(nil).GetClientCertificate(new(tls.CertificateRequestInfo))
			return err
		}
		for hour := range 4 {
			for range 3 {
				require.NoError(t, present())
			}
			require.Equal(t, hour+1, calls)
			time.Sleep(time.Hour + time.Second)
			synctest.Wait()
		}
		require.ErrorIs(t, present(), core.CodeUnavailable)
		require.NoError(t, s.Close(t.Context()))
		require.ErrorIs(t, present(), core.CodeClosed)
	})
}

// withKey returns the certificate and its key as PEM.
func (a *authority) withKey(t *testing.T) string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(a.key)
	require.NoError(t, err)
	return a.pem() + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
}

// A certificate that has ended is not presented, and what was opened with it is
// not used any more.
func TestEndedClientCertificate(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		var open atomic.Int64
		gate := make(chan struct{})
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
			if r.URL.Path == "/halves" {
				w.(http.Flusher).Flush()
				<-gate
			}
		}))
		srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		srv.EnableHTTP2 = http2
		srv.Config.ErrorLog = quietLog
		srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			}
		}
		srv.StartTLS()
		me := sign(t, x509.Certificate{
			Subject:   pkix.Name{CommonName: "me"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(4 * time.Second),
		}, nil)
		c := core.Credential{Attach: core.Attachment{
			Cert: core.NewSecret(me.withKey(t)), Roots: rootsOf(srv),
		}}
		s := ready(t, fixed(c), &core.Options{Kind: "mtls"})
		config := s.TLSConfig(&tls.Config{ServerName: "example.com"})
		_, err := config.GetClientCertificate(new(tls.CertificateRequestInfo))
		require.NoError(t, err)
		require.Equal(t, "me", body(t, s.Client(), srv.URL))
		used, err := s.Client().Get(srv.URL + "/halves")
		require.NoError(t, err)
		if !http2 { // over HTTP/2, one connection serves both
			require.Equal(t, "me", body(t, s.Client(), srv.URL))
			require.EqualValues(t, 2, open.Load())
		}
		require.Eventually(t, func() bool {
			return time.Now().After(me.cert.NotAfter) && open.Load() == 1
		}, 30*time.Second, 10*time.Millisecond, "the idle connection is closed")

		// The connection in use is not used for another request.
		_, err = s.Client().Get(srv.URL)
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorContains(t, err, `session "api" (mtls): authorize: unavailable: `+
			`the client certificate of "CN=me" ended at `)
		_, err = config.GetClientCertificate(new(tls.CertificateRequestInfo))
		require.ErrorIs(t, err, core.CodeUnavailable)
		_, err = s.DialTLS(context.Background(), "tcp", srv.Listener.Addr().String())
		require.ErrorIs(t, err, core.CodeUnavailable)
		close(gate)
		_, err = io.Copy(io.Discard, used.Body)
		require.NoError(t, err)
		require.NoError(t, used.Body.Close())
		requireNone(t, &open)
		srv.Close()
	}
}
