package core_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// securedProxy is an https proxy of an authority of its own. It asks for a certificate, leads
// every CONNECT to one server, and answers other requests itself.
type securedProxy struct {
	*httptest.Server
	authority *authority

	mu    sync.Mutex // guards the others
	seen  []string   // who presented a certificate; "" for none
	names []string   // of the handshakes
	auths []string
	hosts []string
}

func newSecuredProxy(t *testing.T, server *httptest.Server) *securedProxy {
	p := &securedProxy{authority: newAuthority(t, "proxy's", nil)}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(
		w http.ResponseWriter, r *http.Request,
	) {
		name := ""
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		p.mu.Lock()
		p.seen, p.names = append(p.seen, name), append(p.names, r.TLS.ServerName)
		p.auths = append(p.auths, r.Header.Get("Proxy-Authorization"))
		p.hosts = append(p.hosts, r.Method+" "+r.Host)
		p.mu.Unlock()
		if r.Method == http.MethodConnect {
			tunnel(w, server.Listener.Addr().String())
		}
	}))
	leaf := sign(t, x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, p.authority)
	p.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{{
		Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key,
	}}}
	p.EnableHTTP2 = true
	p.Config.ErrorLog = quietLog
	p.StartTLS()
	t.Cleanup(p.Close)
	return p
}

// tunnel connects a client with a server.
func tunnel(w http.ResponseWriter, to string) {
	server, err := net.Dial("tcp", to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, buffered)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
	_ = client.Close()
}

func (p *securedProxy) url(t *testing.T) *url.URL {
	u, err := url.Parse(p.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("me", "s3cr3t")
	return u
}

// roots is the configuration of a program that trusts the proxy.
func (p *securedProxy) roots() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(p.authority.cert)
	return &tls.Config{RootCAs: pool}
}

// TestProxiesDoNotSeeTheCertificate proves that an https proxy that asks for a certificate does
// not get the session's, and that it is verified neither with the session's roots nor with its
// server name, while the API gets the one and is verified with the others.
func TestProxiesDoNotSeeTheCertificate(t *testing.T) {
	api, _ := mutual(t)
	p := newSecuredProxy(t, api)
	chain, key, _ := issue(t, "me")
	apiRoots := x509.NewCertPool()
	apiRoots.AddCert(api.Certificate())
	cred := core.Credential{Attach: core.Attachment{
		Cert: core.NewSecret(chain + key), Roots: rootsOf(api),
		Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
	}}
	bare := core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
	}}
	given := func() *http.Transport { // its roots take precedence over those of the credential
		config := p.roots()
		config.RootCAs.AddCert(api.Certificate())
		return &http.Transport{TLSClientConfig: config}
	}
	hooks := given()
	hooks.Proxy = http.ProxyURL(p.url(t))
	hooks.GetProxyConnectHeader = func(_ context.Context, u *url.URL, _ string) (http.Header, error) {
		require.Equal(t, p.url(t).String(), u.String())
		return http.Header{"Proxy-Authorization": {"from the hook"}}, nil
	}
	hooks.OnProxyConnectResponse = func(
		_ context.Context, u *url.URL, _ *http.Request, _ *http.Response,
	) error {
		require.Equal(t, p.url(t).String(), u.String())
		return nil
	}
	http2 := given()
	http2.ForceAttemptHTTP2 = true
	for _, c := range []struct {
		name string
		cred core.Credential
		opts core.Options
		want string // what the API sees
	}{
		{"Options.Proxy", cred, core.Options{Proxy: p.url(t), Transport: given()}, "me"},
		{"the transport's proxy", cred, core.Options{Transport: hooks}, "me"},
		{"HTTP/2", cred, core.Options{Proxy: p.url(t), Transport: http2}, "me"},
		{"Options.TLS", cred, core.Options{Proxy: p.url(t), Transport: given(),
			TLS: &tls.Config{RootCAs: apiRoots, ServerName: "example.com"}}, "me"},
		{"Options.TLS without a certificate", bare, core.Options{Proxy: p.url(t), Transport: given(),
			TLS: &tls.Config{RootCAs: apiRoots, ServerName: "example.com"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.seen, p.names, p.auths, p.hosts = nil, nil, nil, nil
			c.opts.Origins = []string{"https://example.com"}
			s := ready(t, fixed(c.cred), &c.opts)
			require.Equal(t, c.want, body(t, s.Client(), "https://example.com"))
			require.Equal(t, []string{""}, p.seen)
			require.Equal(t, []string{""}, p.names, "it is dialled by its address")
			require.Equal(t, []string{"Basic bWU6czNjcjN0"}, p.auths)
			require.Equal(t, []string{"CONNECT example.com:443"}, p.hosts)
		})
	}
	t.Run("plain HTTP", func(t *testing.T) {
		p.seen, p.hosts = nil, nil
		s := ready(t, fixed(cred), &core.Options{Proxy: p.url(t), Transport: given(), AllowHTTP: true,
			Origins: []string{"http://api.example"}})
		body(t, s.Client(), "http://api.example")
		require.Equal(t, []string{""}, p.seen)
		require.Equal(t, []string{"GET api.example"}, p.hosts)
	})
	t.Run("roots of the API do not verify the proxy", func(t *testing.T) {
		both := cred
		both.Attach.Roots += p.authority.pem()
		s := ready(t, fixed(both), &core.Options{Proxy: p.url(t),
			Origins: []string{"https://example.com"}})
		_, err := s.Client().Get("https://example.com")
		require.ErrorAs(t, err, new(x509.UnknownAuthorityError))
		require.ErrorContains(t, err, "the TLS handshake with the proxy "+p.Listener.Addr().String())
		require.NotContains(t, err.Error(), "s3cr3t")
		require.NotContains(t, err.Error(), ".invalid")
	})
	t.Run("no proxy at the address", func(t *testing.T) {
		gone := newSecuredProxy(t, api)
		gone.Close()
		s := ready(t, fixed(cred), &core.Options{Proxy: gone.url(t), Transport: given(),
			Origins: []string{"https://example.com"}})
		_, err := s.Client().Get("https://example.com")
		require.ErrorContains(t, err, gone.Listener.Addr().String())
		require.NotContains(t, err.Error(), ".invalid")
	})
	t.Run("a transport with DialTLSContext is not changed", func(t *testing.T) {
		base := given()
		base.Proxy = http.ProxyURL(p.url(t))
		base.DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
			return nil, io.EOF
		}
		core.SeparateProxyTLS(base, nil)
		require.Nil(t, base.DialContext)
		core.SeparateProxyTLS(&http.Transport{}, nil)
	})
}

// TestBaseWithTLSConfig proves that a transport of the program's that has the session's
// configuration presents the certificate to the API, not to a host to which a redirect leads, and
// to a proxy only without SeparateProxyTLS.
func TestBaseWithTLSConfig(t *testing.T) {
	api, _ := mutual(t)
	other, _ := mutual(t)
	api.Config.Handler = http.RedirectHandler(other.URL, http.StatusFound)
	chain, key, _ := issue(t, "me")
	s := ready(t, fixed(core.Credential{Attach: core.Attachment{
		Cert: core.NewSecret(chain + key), Roots: rootsOf(api) + rootsOf(other),
		Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
	}}), &core.Options{Origins: []string{api.URL}})
	for _, rt := range []func(http.RoundTripper) http.RoundTripper{
		s.Transport, s.For(core.Need{}).Transport,
	} {
		config := s.TLSConfig(nil)
		config.ServerName = "example.com"
		client := &http.Client{Transport: rt(&http.Transport{TLSClientConfig: config})}
		require.Equal(t, "", body(t, client, api.URL), "the redirect")
	}
	api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	})
	for _, separate := range []bool{false, true} {
		p := newSecuredProxy(t, api)
		s := ready(t, fixed(core.Credential{Attach: core.Attachment{
			Cert: core.NewSecret(chain + key), Roots: rootsOf(api) + p.authority.pem(),
			Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
		}}), &core.Options{Origins: []string{"https://example.com"}})
		u := p.url(t)
		u.Host = strings.Replace(u.Host, "127.0.0.1", "localhost", 1) // TLSConfig needs a name
		base := &http.Transport{TLSClientConfig: s.TLSConfig(nil), Proxy: http.ProxyURL(u)}
		if separate {
			core.SeparateProxyTLS(base, p.roots())
		}
		require.Equal(t, "me", body(t, &http.Client{Transport: s.Transport(base)}, "https://example.com"))
		require.Equal(t, []string{map[bool]string{false: "me", true: ""}[separate]}, p.seen)
	}
}
