package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/mtls"
	"github.com/stretchr/testify/require"
)

// api is a TLS server that requires a certificate of a CA and counts by whom and
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
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
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
	one, two := ca.Issue(t, certstest.Options{Name: "one"}),
		ca.Issue(t, certstest.Options{Name: "two"})
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
	require.Eventually(t, func() bool { return s.Status().LastError != nil }, 20*time.Second,
		20*time.Millisecond)
	require.ErrorIs(t, s.Status().LastError, core.CodeUnavailable)
	require.Equal(t, "one", now().name)
	write(t, files.key, two.Key) // whole again
	require.Eventually(t, func() bool { return now().name == "two" }, 20*time.Second,
		20*time.Millisecond)
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
			p, err := mtls.New(mtls.Config{Cert: core.NewSecret(string(pair.Cert) + string(pair.Key)),
				CA: core.NewSecret(string(c.roots.PEM))})
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
