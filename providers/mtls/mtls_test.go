package mtls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/mtls"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

type object = map[string]any

// pairFiles are the two files of a client.
type pairFiles struct{ cert, key string }

func newFiles(t *testing.T, p certstest.Pair) pairFiles {
	t.Helper()
	dir := t.TempDir()
	f := pairFiles{filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")}
	write(t, f.cert, p.Cert)
	write(t, f.key, p.Key)
	return f
}

func (f pairFiles) settings() object { return object{"cert_file": f.cert, "key_file": f.key} }

func write(t *testing.T, path string, parts ...[]byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, bytes.Join(parts, nil), 0o600))
}

func TestConformance(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair := ca.Issue(t, certstest.Options{Name: "client"})
	files := newFiles(t, pair)
	t.Run("files", func(t *testing.T) {
		providertest.Run(t, providertest.Fixture{
			Factory:  mtls.Factory,
			Settings: func(providertest.Server) map[string]any { return files.settings() },
			Secrets:  []string{string(pair.Key)},
		})
	})
	t.Run("PKCS #12", func(t *testing.T) {
		providertest.Run(t, providertest.Fixture{
			Factory: mtls.Factory,
			Settings: func(s providertest.Server) map[string]any {
				p12, err := pkcs12.Modern.Encode(pair.Signer, pair.X509, nil, s.Secret)
				require.NoError(t, err)
				return object{"p12": base64.StdEncoding.EncodeToString(p12), "p12_password": s.Secret, "ca": string(ca.PEM)}
			},
		})
	})
}

// The settings of package certs are all here, word by word.
func TestSettingsAreThoseOfCerts(t *testing.T) {
	ours, theirs := reflect.TypeFor[mtls.Config](), reflect.TypeFor[certs.Config]()
	for i := range theirs.NumField() {
		want := theirs.Field(i)
		got, ok := ours.FieldByName(want.Name)
		require.True(t, ok, want.Name)
		require.Equal(t, want.Type, got.Type)
		require.Equal(t, want.Tag.Get("json"), got.Tag.Get("json"))
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings object
		want     string
	}{
		{"nothing", object{}, "cert_file: missing: give cert_file, cert, p12_file or p12"},
		{"roots alone", object{"ca_file": "f"}, "cert_file: missing"},
		{"key alone", object{"key_file": "f"}, "cert: a key is given without a certificate"},
		{"cert twice", object{"cert_file": "f", "cert": "x"}, "cert: give either cert or cert_file"},
		{"inline garbage", object{"cert": "hunter2", "key": "hunter2"}, "cert: holds no PEM; key: holds no PEM"},
		{"too often", object{"cert_file": "f", "interval": "10ms"}, "interval: want at least 1s"},
		{"base URL", object{"cert_file": "f", "base_url": "x"}, "base_url: want the address"},
		{"misspelt", object{"cert_fil": "f"}, `cert_fil: unknown key, did you mean "cert_file"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := mtls.Factory.Check("", c.settings)
			require.ErrorIs(t, err, core.BadConfig)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := mtls.New(mtls.Config{})
	require.EqualError(t, err, "bad config: cert_file: missing: give cert_file, cert, p12_file or p12")
}

func TestCredential(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair := ca.Issue(t, certstest.Options{Name: "client", URI: "spiffe://example.org/desk"})
	plain := ca.Issue(t, certstest.Options{Name: "client"})
	nameless := ca.Issue(t, certstest.Options{})
	for _, c := range []struct {
		name, subject string
		pair          certstest.Pair
		want          string
	}{
		{"SPIFFE id", "", pair, "spiffe://example.org/desk"},
		{"common name", "", plain, "client"},
		{"DNS name", "", nameless, "localhost"},
		{"setting", "desk", pair, "desk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := mtls.New(mtls.Config{Cert: core.NewSecret(string(c.pair.Cert)), Key: core.NewSecret(string(c.pair.Key)), CA: core.NewSecret(string(ca.PEM)), Subject: c.subject})
			require.NoError(t, err)
			cred, err := p.Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Equal(t, c.want, cred.Subject)
			require.Equal(t, string(c.pair.Cert)+string(c.pair.Key), cred.Attach.Cert.Reveal())
			require.Equal(t, string(ca.PEM), cred.Attach.Roots)
			require.True(t, c.pair.X509.NotAfter.Equal(cred.Expiry))
			require.Zero(t, cred.RenewAfter, "text in the settings does not change")
		})
	}
}

func TestFilesThatDidNotChange(t *testing.T) {
	files := newFiles(t, certstest.NewCA(t, "root").Issue(t, certstest.Options{}))
	p, err := mtls.Factory.Open(t.Context(), "", files.settings())
	require.NoError(t, err)
	first, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(10*time.Second), first.RenewAfter, 5*time.Second)
	again, err := p.Authenticate(t.Context(), core.Request{Reason: core.Expiring, Previous: first})
	require.NoError(t, err)
	require.True(t, first.Attach.Cert.Equal(again.Attach.Cert))
}

func TestBadFiles(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair, other := ca.Issue(t, certstest.Options{}), ca.Issue(t, certstest.Options{})
	past := ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(-time.Second)})
	future := ca.Issue(t, certstest.Options{NotBefore: time.Now().Add(time.Hour)})
	for _, c := range []struct {
		name           string
		cert, key      []byte
		want           string
		first, renewal core.Code
	}{
		{"torn", pair.Cert, other.Key, "do not belong together", core.BadConfig, core.Unavailable},
		{"cut short", pair.Cert[:200], pair.Key, "damaged or cut short", core.BadConfig, core.Unavailable},
		{"empty key", pair.Cert, nil, "is empty", core.BadConfig, core.Unavailable},
		{"expired", past.Cert, past.Key, "expired at", core.BadConfig, core.BadConfig},
		{"not yet valid", future.Cert, future.Key, "is not valid before", core.BadConfig, core.BadConfig},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := newFiles(t, certstest.Pair{Cert: c.cert, Key: c.key})
			p, err := mtls.Factory.Open(t.Context(), "", files.settings())
			require.NoError(t, err)
			for reason, code := range map[core.Reason]core.Code{core.Initial: c.first, core.Expiring: c.renewal, core.Rejected: c.renewal} {
				_, err = p.Authenticate(t.Context(), core.Request{Reason: reason})
				require.Equal(t, code, core.CodeOf(err))
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "client.")
			}
		})
	}
}

// A certificate is not served past its end: the session has an error then.
func TestSessionPastTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := certstest.NewCA(t, "root")
		files := newFiles(t, ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(time.Minute)}))
		p, err := mtls.Factory.Open(t.Context(), "", files.settings())
		require.NoError(t, err)
		s := core.New("api", p, nil)
		require.NoError(t, s.Init(t.Context()))
		defer s.Close(t.Context())
		time.Sleep(59 * time.Second)
		_, err = s.Credential(t.Context())
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.BadConfig)
		require.ErrorContains(t, err, "expired at")

		next := ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(24 * time.Hour)})
		write(t, files.cert, next.Cert)
		write(t, files.key, next.Key)
		time.Sleep(time.Minute)
		_, err = s.Credential(t.Context())
		require.NoError(t, err)
	})
}

// A torn pair is kept out while the old one is served.
func TestSessionTornPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := certstest.NewCA(t, "root")
		one, two := ca.Issue(t, certstest.Options{Name: "one"}), ca.Issue(t, certstest.Options{Name: "two"})
		files := newFiles(t, one)
		p, err := mtls.Factory.Open(t.Context(), "", files.settings())
		require.NoError(t, err)
		s := core.New("api", p, &core.Options{KeepFresh: true})
		require.NoError(t, s.Init(t.Context()))
		defer s.Close(t.Context())

		write(t, files.cert, two.Cert)
		time.Sleep(15 * time.Second)
		require.Equal(t, "one", s.Status().Subject)
		require.ErrorIs(t, s.Status().LastError, core.Unavailable)
		write(t, files.key, two.Key)
		time.Sleep(15 * time.Second)
		require.Equal(t, "two", s.Status().Subject)
		require.NoError(t, s.Status().LastError)
	})
}

// api is a TLS server that wants a certificate of a CA and counts by whom and
// on which connection it is called.
type api struct {
	*httptest.Server
	calls  chan call
	hold   chan struct{}
	closed sync.Map // the remote addresses of connections that are gone
}

type call struct{ name, from string }

func newAPI(t *testing.T, ca *certstest.CA) *api {
	a := &api{calls: make(chan call, 1), hold: make(chan struct{})}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.TLS.PeerCertificates[0].Subject.CommonName
		if r.URL.Path == "/hold" {
			a.calls <- call{name, r.RemoteAddr}
			<-a.hold
		}
		w.Header().Set("Name", name)
		w.Header().Set("From", r.RemoteAddr)
	}))
	a.TLS = &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, certstest.Options{Name: "server"}).TLS(t)},
		ClientCAs:    ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert,
	}
	a.Config.ErrorLog = log.New(io.Discard, "", 0)
	a.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			a.closed.Store(c.RemoteAddr().String(), true)
		}
	}
	a.StartTLS()
	t.Cleanup(a.Close)
	return a
}

func (a *api) call(client *http.Client, path string) (call, error) {
	resp, err := client.Get(a.URL + path)
	if err != nil {
		return call{}, err
	}
	_ = resp.Body.Close()
	return call{resp.Header.Get("Name"), resp.Header.Get("From")}, nil
}

// Over real connections: a rotated certificate makes new connections, requests
// under way end on the old ones, nothing fails meanwhile.
func TestRotation(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	one, two := ca.Issue(t, certstest.Options{Name: "one"}), ca.Issue(t, certstest.Options{Name: "two"})
	a := newAPI(t, ca)
	files := newFiles(t, one)
	roots := filepath.Join(t.TempDir(), "ca.pem")
	write(t, roots, ca.PEM)
	settings := files.settings()
	settings["ca_file"], settings["interval"] = roots, "1s"
	p, err := mtls.Factory.Open(t.Context(), "", settings)
	require.NoError(t, err)
	s := core.New("api", p, nil)
	require.NoError(t, s.Init(t.Context()))
	defer s.Close(context.Background())
	client := s.Client()

	first, err := a.call(client, "/")
	require.NoError(t, err)
	require.Equal(t, "one", first.name)
	again, err := a.call(client, "/")
	require.NoError(t, err)
	require.Equal(t, first, again, "the connection is kept")

	type outcome struct {
		call
		err error
	}
	held := make(chan outcome, 1)
	go func() {
		c, err := a.call(client, "/hold")
		held <- outcome{c, err}
	}()
	underWay := <-a.calls

	write(t, files.cert, two.Cert) // torn from here
	failures := make(chan error, 4)
	stop := make(chan struct{})
	for range cap(failures) {
		go func() {
			for {
				select {
				case <-stop:
					failures <- nil
					return
				default:
				}
				if _, err := a.call(client, "/"); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	now := func() call {
		c, err := a.call(client, "/")
		if err != nil {
			return call{name: err.Error()}
		}
		return c
	}
	require.Eventually(t, func() bool { return s.Status().LastError != nil }, 20*time.Second, 20*time.Millisecond)
	require.ErrorIs(t, s.Status().LastError, core.Unavailable)
	require.Equal(t, "one", now().name)
	write(t, files.key, two.Key) // whole again
	require.Eventually(t, func() bool { return now().name == "two" }, 20*time.Second, 20*time.Millisecond)
	require.NotEqual(t, first.from, now().from)
	close(stop)
	for range cap(failures) {
		require.NoError(t, <-failures)
	}
	close(a.hold)
	got := <-held
	require.NoError(t, got.err)
	require.Equal(t, underWay, got.call, "it ended where it began")
	require.Eventually(t, func() bool {
		_, closed := a.closed.Load(first.from)
		return closed
	}, 10*time.Second, 10*time.Millisecond, "the old connection is retired")
}

// A server that the roots do not know, or a certificate that the server does
// not know, is refused.
func TestStrangers(t *testing.T) {
	ca, stranger := certstest.NewCA(t, "root"), certstest.NewCA(t, "stranger")
	a := newAPI(t, ca)
	for _, c := range []struct {
		name   string
		issuer *certstest.CA
		roots  *certstest.CA
	}{
		{"unknown server", ca, stranger},
		{"unknown client", stranger, ca},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair := c.issuer.Issue(t, certstest.Options{Name: "client"})
			p, err := mtls.New(mtls.Config{Cert: core.NewSecret(string(pair.Cert) + string(pair.Key)), CA: core.NewSecret(string(c.roots.PEM))})
			require.NoError(t, err)
			s := core.New("api", p, nil)
			require.NoError(t, s.Init(t.Context()))
			defer s.Close(context.Background())
			_, err = a.call(s.Client(), "/")
			require.Error(t, err)
			var unknown x509.UnknownAuthorityError
			require.Equal(t, c.roots == stranger, errors.As(err, &unknown), "%v", err)
		})
	}
}
