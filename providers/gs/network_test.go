package gs_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// network is an internet in memory: every address leads to one TLS server,
// whose certificate is good for whatever name is asked for. It is made of
// pipes, so that it runs inside a synctest bubble, and only there.
type network struct {
	conns chan net.Conn
	done  chan struct{}
	dials atomic.Int32
	ca    *x509.Certificate
	key   *ecdsa.PrivateKey
	roots core.Secret // PEM
}

// newNetwork starts the network; it takes the place of the real one for the
// transports that are made while the test runs.
func newNetwork(t *testing.T, h http.Handler) *network {
	n := &network{conns: make(chan net.Conn), done: make(chan struct{})}
	n.makeCA(t)
	server := &http.Server{
		Handler: h,
		TLSConfig: &tls.Config{GetCertificate: n.certificate, SessionTicketsDisabled: true,
			MinVersion: tls.VersionTLS12},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.ServeTLS(n, "", "")
	}()
	old := http.DefaultTransport
	ours := old.(*http.Transport).Clone()
	ours.DialContext, ours.Proxy = n.dial, nil
	http.DefaultTransport = ours
	t.Cleanup(func() {
		http.DefaultTransport = old
		ours.CloseIdleConnections()
		_ = server.Close()
		<-served
		// What closed connections still had to say ends soon by the bubble's
		// clock.
		time.Sleep(10 * time.Second)
	})
	return n
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.dials.Add(1)
	a, b := net.Pipe()
	ours, theirs := newBuffered(a), newBuffered(b)
	select {
	case n.conns <- theirs:
		return ours, nil
	case <-n.done:
		return nil, errors.New("the network is gone")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// buffered is one end of a pipe that takes what is written at once, as a socket
// does: TLS has moments at which both ends write.
type buffered struct {
	net.Conn
	out  chan []byte
	once sync.Once
	done chan struct{}
}

func newBuffered(c net.Conn) *buffered {
	b := &buffered{Conn: c, out: make(chan []byte, 1024), done: make(chan struct{})}
	go b.pump()
	return b
}

func (b *buffered) pump() {
	defer b.Conn.Close()
	for {
		select {
		case p := <-b.out:
			_, _ = b.Conn.Write(p)
			continue
		default:
		}
		select {
		case p := <-b.out:
			_, _ = b.Conn.Write(p)
		case <-b.done:
			return
		}
	}
}

func (b *buffered) Write(p []byte) (int, error) {
	select {
	case <-b.done:
		return 0, net.ErrClosed
	default:
	}
	select {
	case b.out <- bytes.Clone(p):
		return len(p), nil
	case <-b.done:
		return 0, net.ErrClosed
	}
}

// A deadline for writing has no effect: a write never blocks.
func (b *buffered) SetWriteDeadline(time.Time) error { return nil }
func (b *buffered) SetDeadline(t time.Time) error    { return b.SetReadDeadline(t) }

func (b *buffered) Close() error {
	b.once.Do(func() {
		close(b.done)
		_ = b.Conn.SetReadDeadline(time.Unix(1, 0))
		_ = b.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	})
	return nil
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	select {
	case <-n.done:
	default:
		close(n.done)
	}
	return nil
}

func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

// The bubble's clock starts in the year 2000.
var certStart, certEnd = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

func (n *network) makeCA(t *testing.T) {
	var err error
	n.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: certStart,
		NotAfter: certEnd,
		IsCA:     true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, n.key.Public(), n.key)
	require.NoError(t, err)
	n.ca, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	n.roots = core.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

func (n *network) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{hello.ServerName},
		NotBefore: certStart, NotAfter: certEnd}
	der, err := x509.CreateCertificate(rand.Reader, template, n.ca, key.Public(), n.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
