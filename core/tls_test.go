package core_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

var quietLog = log.New(io.Discard, "", 0)

// issue makes a self-signed certificate for a name.
func issue(t testing.TB, name string) (chain, key string, priv *ecdsa.PrivateKey) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &priv.PublicKey, priv)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(priv)
	require.NoError(t, err)
	return string(
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		), string(
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		), priv
}

// mutual is a TLS API that answers with the name on the client's certificate
// and counts connections.
func mutual(t *testing.T) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	var conns atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		}
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.Config.ErrorLog = quietLog
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, &conns
}

func rootsOf(srv *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
}

func body(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

func TestClientCertificateRotates(t *testing.T) {
	srv, conns := mutual(t)
	var name atomic.Pointer[string]
	set := func(s string) { name.Store(&s) }
	certs := map[string]string{}
	for _, n := range []string{"one", "two"} {
		chain, key, _ := issue(t, n)
		certs[n] = chain + key
	}
	set("one")
	p := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{
			Attach:  core.Attachment{Cert: core.NewSecret(certs[*name.Load()]), Roots: rootsOf(srv)},
			Origins: []string{srv.URL},
		}, nil
	})
	s := ready(t, p, nil)
	client := s.Client()
	for range 5 {
		require.Equal(t, "one", body(t, client, srv.URL))
	}
	require.EqualValues(t, 1, conns.Load(), "connections are kept")
	config := s.TLSConfig(&tls.Config{ServerName: "example.com"})
	dial := func() string {
		c, err := tls.Dial("tcp", srv.Listener.Addr().String(), config)
		require.NoError(t, err)
		defer c.Close()
		cert, err := config.GetClientCertificate(new(tls.CertificateRequestInfo))
		require.NoError(t, err)
		return cert.Leaf.Subject.CommonName
	}
	require.Equal(t, "one", dial())

	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	s.Reject(c, "") // the same again: nothing to retire
	before := conns.Load()
	require.Equal(t, "one", body(t, client, srv.URL))
	require.Equal(t, before, conns.Load())

	set("two")
	s.Reconfigure(p, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				require.Contains(t, []string{"one", "two"}, body(t, client, srv.URL), "no request fails")
			}
		})
	}
	wg.Wait()
	require.Equal(t, "two", body(t, client, srv.URL), "old connections are not used again")
	require.Equal(t, "two", dial())

	require.NoError(t, s.Close(t.Context()))
	_, err = tls.Dial("tcp", srv.Listener.Addr().String(), config)
	require.ErrorIs(t, err, core.CodeClosed)
}

func TestServersAreVerified(t *testing.T) {
	srv, _ := mutual(t)
	chain, key, _ := issue(t, "me")
	for name, roots := range map[string]string{"the system's roots": "", "other roots": chain} {
		s := ready(
			t,
			fixed(core.Credential{Attach: core.Attachment{Cert: core.NewSecret(chain + key), Roots: roots}}),
			nil,
		)
		_, err := s.Client().Get(srv.URL)
		require.Error(t, err, name)
		config := s.TLSConfig(&tls.Config{ServerName: "example.com"})
		_, err = tls.Dial("tcp", srv.Listener.Addr().String(), config)
		require.ErrorAs(t, err, new(*tls.CertificateVerificationError), name)
		_, err = s.DialTLS(t.Context(), "tcp", srv.Listener.Addr().String())
		require.ErrorAs(t, err, new(*tls.CertificateVerificationError), name)
		require.ErrorIs(t, err, core.CodeBadConfig, name)
	}
	// One session that verifies nothing leaves the others alone.
	careless := http.DefaultTransport.(*http.Transport).Clone()
	careless.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	s := ready(
		t,
		fixed(core.Credential{Attach: core.Attachment{Cert: core.NewSecret(chain + key)}}),
		&core.Options{Transport: careless},
	)
	require.Equal(t, "me", body(t, s.Client(), srv.URL))
	require.Nil(t, careless.TLSClientConfig.GetClientCertificate, "the caller's transport is not written to")
	_, err := ready(t, fixed(bearer("x")), nil).Client().Get(srv.URL)
	require.Error(t, err)
	require.GreaterOrEqual(
		t,
		s.TLSConfig(&tls.Config{MinVersion: tls.VersionTLS10}).MinVersion,
		uint16(tls.VersionTLS12),
	)
}

// keyHolder is a provider that keeps its private key.
type keyHolder struct {
	chain string
	key   crypto.Signer
	fail  error
	calls int
	used  string // the handle that Sign was last asked with
}

func (k *keyHolder) Authenticate(context.Context, core.Request) (core.Credential, error) {
	k.calls++
	return core.Credential{
		Attach:       core.Attachment{Cert: core.NewSecret(k.chain)},
		RefreshState: core.NewSecret(fmt.Sprintf("handle %d", k.calls)),
	}, nil
}

func (k *keyHolder) SignDigest(_ context.Context, req core.SignatureRequest) ([]byte, error) {
	k.used = req.Credential.RefreshState.Reveal()
	if k.fail != nil {
		return nil, k.fail
	}
	return k.key.Sign(rand.Reader, req.Digest, req.Hash)
}

func TestSignerKeepsTheKey(t *testing.T) {
	srv, _ := mutual(t)
	chain, key, priv := issue(t, "held")
	k := &keyHolder{chain: chain, key: priv}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig
	s := ready(t, k, &core.Options{Transport: base})
	require.Equal(t, "held", body(t, s.Client(), srv.URL))
	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	s.Reject(c, "")
	_, err = s.Credential(t.Context())
	require.NoError(t, err)
	conn, err := tls.Dial("tcp", srv.Listener.Addr().String(), s.TLSConfig(base.TLSClientConfig))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Equal(t, "handle 2", k.used, "the key is asked with the credential of now, though the chain is the same")
	signer, err := s.Signer(t.Context())
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("an assertion"))
	signature, err := signer.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(t, err)
	require.True(t, ecdsa.VerifyASN1(&priv.PublicKey, digest[:], signature))
	k.fail = errors.New("locked")
	_, err = tls.Dial("tcp", srv.Listener.Addr().String(), s.TLSConfig(base.TLSClientConfig))
	require.ErrorContains(t, err, "locked")

	_, err = signer.Sign(nil, digest[:], crypto.SHA256)
	require.ErrorContains(t, err, "locked")
	_, err = core.New("x", k, nil).Signer(t.Context())
	require.ErrorIs(t, err, core.CodeNotInitialized)
	_, err = ready(t, fixed(bearer("x")), nil).Signer(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)

	s = core.New("x", fixed(core.Credential{Attach: core.Attachment{Cert: core.NewSecret(chain)}}), nil)
	require.ErrorIs(t, s.Init(t.Context()), core.CodeBadConfig, "no key and no Signer")
	other, _, _ := issue(t, "other")
	s = core.New("x", fixed(core.Credential{Attach: core.Attachment{Cert: core.NewSecret(other + key)}}), nil)
	require.ErrorIs(t, s.Init(t.Context()), core.CodeBadConfig, "the key of another")
	require.NotContains(t, s.Status().LastError.Error(), "PRIVATE")
}

// A client certificate says who its holder is: a redirect elsewhere must not
// carry it.
func TestRedirectElsewhereShowsNoCertificate(t *testing.T) {
	other, _ := mutual(t)
	srv, _ := mutual(t)
	srv.Config.Handler = http.RedirectHandler(other.URL, http.StatusFound)
	chain, key, _ := issue(t, "me")
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	pool.AddCert(other.Certificate())
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.TLSClientConfig = &tls.Config{RootCAs: pool}
	s := ready(
		t,
		fixed(core.Credential{Attach: core.Attachment{Cert: core.NewSecret(chain + key)}}),
		&core.Options{Transport: base},
	)
	require.Equal(t, "", body(t, s.Client(), srv.URL))
	require.Equal(t, "me", body(t, s.Client(), other.URL))
}
