package core_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// forward is a forward proxy that answers requests itself, and notes their hosts
// and its own credentials.
type forward struct {
	*httptest.Server
	mu    sync.Mutex
	hosts []string
	auths []string
}

func newForward(t *testing.T) *forward {
	f := &forward{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.hosts = append(f.hosts, r.Method+" "+r.Host)
		f.auths = append(f.auths, r.Header.Get("Proxy-Authorization"))
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *forward) url(t *testing.T) *url.URL {
	u, err := url.Parse(f.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("me", "s3cr3t")
	return u
}

// TestProxy proves that Options.Proxy carries the requests to the API and those of
// the provider, and none to loopback hosts.
func TestProxy(t *testing.T) {
	f := newForward(t)
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer api.Close()
	provider := core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
		transport := &http.Transport{
			DisableKeepAlives: true,
			Proxy:             func(r *http.Request) (*url.URL, error) { return core.RequestProxy(r, nil) },
		}
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://token.example", nil)
		resp, err := transport.RoundTrip(r)
		if err != nil {
			return core.Credential{}, err
		}
		_ = resp.Body.Close()
		return core.Credential{Attach: core.Attachment{
			Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
		}}, nil
	})
	for _, transport := range []http.RoundTripper{nil, &http.Transport{}} {
		f.hosts, f.auths = nil, nil
		s := core.New("a", provider, &core.Options{
			Proxy: f.url(t), AllowHTTP: true, Transport: transport,
			Origins: []string{"http://api.example", api.URL},
		})
		require.NoError(t, s.Init(t.Context()))
		for _, target := range []string{"http://api.example", api.URL} {
			resp, err := s.Client().Get(target)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		require.NoError(t, s.Close(t.Context()))
		require.Equal(t, []string{"GET token.example", "GET api.example"}, f.hosts)
		require.Equal(t, []string{"Basic bWU6czNjcjN0", "Basic bWU6czNjcjN0"}, f.auths)
	}
}

func TestProxyIsChecked(t *testing.T) {
	for text, good := range map[string]bool{
		"http://p:1": true, "https://u:p@p": true, "socks5://p:1": true, "socks5h://[::1]:1/": true,
		"direct:": true, "": false, "p:1": false, "ftp://p": false, "http://": false,
		"http://:1": false, "http:p": false, "http://p/canary": false, "http://p?canary": false,
		"direct://p": false,
	} {
		u, err := url.Parse(text)
		require.NoError(t, err, text)
		err = (&core.Options{Proxy: u}).Check()
		if good {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorIs(t, err, core.CodeBadConfig, text)
		require.NotContains(t, err.Error(), "canary")
	}
}

// TestOptionsTLS proves that Options.TLS verifies the API, with a transport of the
// session's and with a given one.
func TestOptionsTLS(t *testing.T) {
	api := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer api.Close()
	roots := x509.NewCertPool()
	roots.AddCert(api.Certificate())
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{Attach: core.Attachment{
			Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
		}}, nil
	})
	for _, transport := range []http.RoundTripper{nil, &http.Transport{}} {
		for _, config := range []*tls.Config{nil, {RootCAs: roots}} {
			s := core.New("a", provider, &core.Options{
				TLS: config, Transport: transport, Lazy: true, Origins: []string{api.URL},
			})
			resp, err := s.Client().Get(api.URL)
			if config == nil {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				_ = resp.Body.Close()
			}
			require.NoError(t, s.Close(t.Context()))
		}
	}
}
