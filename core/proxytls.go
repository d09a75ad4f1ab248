// Read on in transportcache.go.

package core

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// SeparateProxyTLS changes t so that its TLS connections to https proxies use config, and
// no longer t.TLSClientConfig: net/http uses that for proxies, too, so that a proxy that asks
// for a certificate gets the one that is for the server, and is verified with the roots and
// the name of the server. A nil config is for no certificate and the system's roots; it is
// cloned, and is for HTTP/1.1 and TLS 1.2 at least. Clients of package providerhttp and the
// transports of sessions do so; a provider with another client that presents a certificate
// calls it. Call it after Proxy has been set and before the first request. A transport
// without Proxy, or with a DialTLS or DialTLSContext, which dial https proxies themselves,
// or with the old function Dial, is not changed.
func SeparateProxyTLS(t *http.Transport, config *tls.Config) {
	//lint:ignore SA1019 a transport with one of the old functions works as before
	if t.Proxy == nil || t.DialTLSContext != nil || t.DialTLS != nil || t.Dial != nil {
		return
	}
	d := &proxyDialer{t.DialContext, tlsConfig(config, nil), t.TLSHandshakeTimeout}
	d.config.NextProtos = nil
	if d.dial == nil {
		d.dial = new(net.Dialer).DialContext
	}
	t.DialContext = d.dialContext
	proxyOf := t.Proxy
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		u, err := proxyOf(r)
		return hideProxyTLS(u), err
	}
	if header := t.GetProxyConnectHeader; header != nil {
		t.GetProxyConnectHeader = func(
			ctx context.Context, proxy *url.URL, target string,
		) (http.Header, error) {
			return header(ctx, showProxyTLS(proxy), target)
		}
	}
	if answered := t.OnProxyConnectResponse; answered != nil {
		t.OnProxyConnectResponse = func(
			ctx context.Context, proxy *url.URL, r *http.Request, resp *http.Response,
		) error {
			return answered(ctx, showProxyTLS(proxy), r, resp)
		}
	}
}

// proxyDialer dials for a transport. net/http takes https proxies for http ones, and the
// dialer secures its connections to them.
type proxyDialer struct {
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	config  *tls.Config
	timeout time.Duration // of the handshake; zero: none but the context's
}

// secureProxy ends the names of hosts that stand for https proxies. No host has such a name
// (RFC 6761 §6.4); before it is the name of the proxy, in hexadecimal digits.
const secureProxy = ".https-proxy.invalid"

// hideProxyTLS returns the URL that net/http gets for a proxy. u may be nil.
func hideProxyTLS(u *url.URL) *url.URL {
	if u == nil || u.Scheme != "https" {
		return u
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	hidden := *u
	hidden.Scheme = "http"
	hidden.Host = hex.EncodeToString([]byte(u.Hostname())) + secureProxy + ":" + port
	return &hidden
}

// showProxyTLS is the opposite of hideProxyTLS. u may be nil.
func showProxyTLS(u *url.URL) *url.URL {
	if u == nil {
		return nil
	}
	host, ok := secureProxyHost(u.Hostname())
	if !ok {
		return u
	}
	shown := *u
	shown.Scheme, shown.Host = "https", net.JoinHostPort(host, u.Port())
	return &shown
}

// secureProxyHost returns the host that a name stands for.
func secureProxyHost(name string) (string, bool) {
	digits, ok := strings.CutSuffix(name, secureProxy)
	if !ok {
		return "", false
	}
	host, err := hex.DecodeString(digits)
	return string(host), err == nil
}

func (d *proxyDialer) dialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(addr)
	if err != nil {
		return d.dial(ctx, network, addr)
	}
	host, ok := secureProxyHost(name)
	if !ok {
		return d.dial(ctx, network, addr)
	}
	conn, err := d.dial(ctx, network, net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.timeout)
		defer cancel()
	}
	config := d.config.Clone()
	config.ServerName = host
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("the TLS handshake with the proxy %s: %w",
			net.JoinHostPort(host, port), err)
	}
	return secured, nil
}
