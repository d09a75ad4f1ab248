package core_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// authority issues certificates.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	chain [][]byte // its own certificates, up to the root and without it
}

var serial atomic.Int64

// sign makes a certificate. by is nil for one that signs itself.
func sign(t *testing.T, template x509.Certificate, by *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber = big.NewInt(serial.Add(1))
	if template.NotAfter.IsZero() {
		template.NotBefore = time.Now().Add(-time.Hour)
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := &template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{cert: cert, key: key}
	if by != nil {
		a.chain = append([][]byte{der}, by.chain...)
	}
	return a
}

func newAuthority(t *testing.T, name string, by *authority) *authority {
	return sign(t, x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, by)
}

func (a *authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// serve answers TLS handshakes with a certificate until the test ends.
func serve(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = conn.(*tls.Conn).Handshake()
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func (a *authority) serve(t *testing.T) string {
	return serve(t, tls.Certificate{Certificate: a.chain, PrivateKey: a.key})
}

// reach performs a handshake as most clients do: with a clone of the
// configuration that has the server's name.
func reach(addr, name string, config *tls.Config) error {
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = name
	}
	conn, err := tls.Dial("tcp", addr, config)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

func rooted(roots string) core.Provider {
	c := bearer("T")
	c.Attach.Roots = roots
	return fixed(c)
}

// The verification of TLSConfig and DialTLS agrees with that of crypto/tls.
func TestServersAreVerifiedAsTheStandardLibraryDoes(t *testing.T) {
	root, other := newAuthority(t, "root", nil), newAuthority(t, "other", nil)
	below := newAuthority(t, "below", root)
	limited := sign(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "limited"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, PermittedDNSDomains: []string{"other.example"},
	}, root)
	noCA := sign(t, x509.Certificate{Subject: pkix.Name{CommonName: "no authority"}}, root)
	const name = "api.example.com"
	names, loopback := []string{name, "*.wild.example.com"}, []net.IP{{127, 0, 0, 1}}
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	past, future := time.Now().Add(-time.Minute), time.Now().Add(time.Minute)
	verified, refused := 0, 0
	for _, tc := range []struct {
		what     string
		by       *authority
		template x509.Certificate
		time     func() time.Time
	}{
		{"good", root, x509.Certificate{DNSNames: names, IPAddresses: loopback}, nil},
		{"good, with its usage", root, x509.Certificate{DNSNames: names, ExtKeyUsage: server}, nil},
		{"below another", below, x509.Certificate{DNSNames: names, IPAddresses: loopback}, nil},
		{"another authority", other, x509.Certificate{DNSNames: names, IPAddresses: loopback}, nil},
		{"another name", root, x509.Certificate{DNSNames: []string{"evil.example"}}, nil},
		{"no name", root, x509.Certificate{Subject: pkix.Name{CommonName: name}}, nil},
		{"another address", root, x509.Certificate{IPAddresses: []net.IP{{127, 0, 0, 2}}}, nil},
		{"the address as a name", root, x509.Certificate{DNSNames: []string{"127.0.0.1"}}, nil},
		{
			"another usage", root,
			x509.Certificate{DNSNames: names, IPAddresses: loopback, ExtKeyUsage: client}, nil,
		},
		{
			"ended", root,
			x509.Certificate{DNSNames: names, NotBefore: past.Add(-time.Hour), NotAfter: past}, nil,
		},
		{
			"not valid yet", root,
			x509.Certificate{DNSNames: names, NotBefore: future, NotAfter: future.Add(time.Hour)}, nil,
		},
		{"of an authority for other names", limited, x509.Certificate{DNSNames: names}, nil},
		{"of what is no authority", noCA, x509.Certificate{DNSNames: names, IPAddresses: loopback}, nil},
		{
			"good, at another time", root, x509.Certificate{DNSNames: names, IPAddresses: loopback},
			func() time.Time { return time.Now().Add(2 * time.Hour) },
		},
	} {
		addr := sign(t, tc.template, tc.by).serve(t)
		s := ready(t, rooted(root.pem()), nil)
		for _, name := range []string{
			name, "API.example.com", "a.wild.example.com", "b.a.wild.example.com", "127.0.0.1", "::1",
		} {
			want := reach(addr, name, &tls.Config{RootCAs: root.pool(), ServerName: name, Time: tc.time})
			got := reach(addr, name, s.TLSConfig(&tls.Config{ServerName: name, Time: tc.time}))
			same(t, want, got, tc.what+" "+name)
			if net.ParseIP(name) == nil {
				same(t, want, reach(addr, name, s.TLSConfig(&tls.Config{Time: tc.time})), tc.what+" "+name)
			}
			if name == "127.0.0.1" && tc.time == nil {
				conn, err := s.DialTLS(t.Context(), "tcp", addr)
				require.Equal(t, want == nil, err == nil, "%s: %v, %v", tc.what, want, err)
				if err == nil {
					require.NoError(t, conn.Close())
				}
			}
			if want == nil {
				verified++
			} else {
				refused++
			}
		}
	}
	require.Greater(t, verified, 5)
	require.Greater(t, refused, 20)
}

var now = regexp.MustCompile(`current time \S+ `)

func same(t *testing.T, want, got error, where ...any) {
	t.Helper()
	if want == nil {
		require.NoError(t, got, where...)
		return
	}
	require.Error(t, got, where...)
	text := func(err error) string { return now.ReplaceAllString(err.Error(), "") }
	require.Equal(t, text(want), text(got), where...)
	require.ErrorAs(t, got, new(*tls.CertificateVerificationError), where...)
}

// A configuration made before the session, or before its roots were corrected,
// follows both.
func TestTLSConfigFollowsTheRoots(t *testing.T) {
	root, wrong := newAuthority(t, "root", nil), newAuthority(t, "wrong", nil)
	addr := sign(t, x509.Certificate{DNSNames: []string{"api.example.com"}}, root).serve(t)
	s := core.New("api", rooted(wrong.pem()), nil)
	config := s.TLSConfig(nil)
	require.ErrorIs(t, reach(addr, "api.example.com", config), core.CodeNotInitialized)
	require.NoError(t, s.Init(t.Context()))
	require.ErrorAs(t, reach(addr, "api.example.com", config), new(x509.UnknownAuthorityError))
	s.Reconfigure(rooted(root.pem()), nil)
	require.Eventually(t, func() bool {
		return reach(addr, "api.example.com", config) == nil
	}, 5*time.Second, 5*time.Millisecond)
	require.ErrorAs(t, reach(addr, "evil.example.com", config), new(x509.HostnameError))
	s.Reconfigure(rooted(""), nil)
	require.Eventually(t, func() bool { // the system's
		return errors.As(reach(addr, "api.example.com", config), new(x509.UnknownAuthorityError))
	}, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, s.Close(t.Context()))
	require.ErrorIs(t, reach(addr, "api.example.com", config), core.CodeClosed)
}

// A handshake with an address says no name. A certificate of the same authority
// for another name must not do.
func TestTLSConfigNeedsAName(t *testing.T) {
	root := newAuthority(t, "root", nil)
	evil := sign(t, x509.Certificate{DNSNames: []string{"evil.example"}}, root).serve(t)
	good := sign(t, x509.Certificate{IPAddresses: []net.IP{{127, 0, 0, 1}}}, root).serve(t)
	s := ready(t, rooted(root.pem()), nil)
	for _, addr := range []string{evil, good} {
		err := reach(addr, "127.0.0.1", s.TLSConfig(nil))
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "Session.DialTLS")
	}
	_, err := s.DialTLS(t.Context(), "tcp", evil)
	require.ErrorAs(t, err, new(x509.HostnameError))
	require.ErrorIs(t, err, core.CodeBadConfig)
	conn, err := s.DialTLS(t.Context(), "tcp", good)
	require.NoError(t, err)
	require.IsType(t, (*tls.Conn)(nil), conn)
	require.NoError(t, conn.Close())

	client := &http.Client{Transport: &http.Transport{DialTLSContext: s.DialTLS}}
	_, err = client.Get("https://" + evil)
	require.ErrorAs(t, err, new(x509.HostnameError))
}

func TestDialTLSFails(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	s := core.New("api", rooted(""), &core.Options{Kind: "kind", Timeout: 50 * time.Millisecond})
	_, err = s.DialTLS(t.Context(), "tcp", silent.Addr().String())
	require.ErrorIs(t, err, core.CodeNotInitialized)
	require.NoError(t, s.Init(t.Context()))
	start := time.Now()
	_, err = s.DialTLS(t.Context(), "tcp", silent.Addr().String())
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, `session "api" (kind): dial: unavailable: https://127.0.0.1:`)
	require.Less(t, time.Since(start), hangBound, "Options.Timeout bounds the handshake")
	_, err = s.DialTLS(t.Context(), "tcp", "127.0.0.1")
	require.ErrorIs(t, err, core.CodeBadConfig)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.DialTLS(ctx, "tcp", silent.Addr().String())
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, silent.Close())
	_, err = s.DialTLS(t.Context(), "tcp", silent.Addr().String())
	require.ErrorIs(t, err, core.CodeUnavailable)
}

// The caller's own checks come after the session's.
func TestTLSConfigRunsTheCallersChecks(t *testing.T) {
	root := newAuthority(t, "root", nil)
	below := newAuthority(t, "below", root)
	addr := sign(t, x509.Certificate{DNSNames: []string{"api.example.com"}}, below).serve(t)
	s := ready(t, rooted(root.pem()), nil)
	var called []string
	var fails error
	base := &tls.Config{
		VerifyPeerCertificate: func(raw [][]byte, chains [][]*x509.Certificate) error {
			require.Len(t, raw, 2)
			require.Len(t, chains[0], 3)
			called = append(called, "peer")
			return nil
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			require.Len(t, state.VerifiedChains[0], 3)
			called = append(called, "connection")
			return fails
		},
	}
	require.NoError(t, reach(addr, "api.example.com", s.TLSConfig(base)))
	require.Equal(t, []string{"peer", "connection"}, called)
	fails = errors.New("pinned")
	require.ErrorIs(t, reach(addr, "api.example.com", s.TLSConfig(base)), fails)
	called = nil
	require.Error(t, reach(addr, "evil.example", s.TLSConfig(base)))
	require.Empty(t, called, "nothing is asked about a server that is not verified")

	// Roots of the caller's stand alone, and so does its wish to verify nothing.
	wrong := newAuthority(t, "wrong", nil)
	given := s.TLSConfig(&tls.Config{RootCAs: wrong.pool()})
	require.False(t, given.InsecureSkipVerify)
	require.ErrorAs(t, reach(addr, "api.example.com", given), new(x509.UnknownAuthorityError))
	s = ready(t, rooted(wrong.pem()), nil)
	require.NoError(t, reach(addr, "api.example.com", s.TLSConfig(&tls.Config{RootCAs: root.pool()})))
	require.NoError(t, reach(addr, "evil.example", s.TLSConfig(&tls.Config{InsecureSkipVerify: true})))
}
