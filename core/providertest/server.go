package providertest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// testServer is the server that the kit plays for one check, over HTTP and HTTPS.
type testServer struct {
	good     http.Handler
	endpoint string
	bad      atomic.Pointer[http.Handler] // nil: good
	stop     chan struct{}                // closed at the end, so that no handler remains
	canary   string
	plain    *listener
	secure   *listener
	requests atomic.Int64
	began    chan struct{} // receives once per request, if there is room
}

// listener is one http.Server that counts its connections.
type listener struct {
	url    string
	server http.Server
	mu     sync.Mutex // guards conns and opened
	conns  map[net.Conn]http.ConnState
	opened int
}

// serve starts a server that answers as bad does; nil: as the fixture's Good. It ends with
// the check.
func (r *run) serve(bad http.HandlerFunc) *testServer {
	st := &testServer{good: r.Good, endpoint: r.Endpoint, canary: r.canary, stop: make(chan struct{}),
		began: make(chan struct{}, 1)}
	if st.good == nil {
		st.good = http.NotFoundHandler()
	}
	st.misbehave(bad)
	st.plain = r.listen(st, nil)
	st.secure = r.listen(st, &tls.Config{Certificates: []tls.Certificate{serverCert()}})
	r.cleanup = append(r.cleanup, st.close)
	return st
}

func (st *testServer) misbehave(bad http.HandlerFunc) {
	if bad == nil {
		st.bad.Store(nil)
		return
	}
	h := http.Handler(bad)
	st.bad.Store(&h)
}

func (st *testServer) server() Server {
	return Server{URL: st.plain.url, TLSURL: st.secure.url, CA: serverCA(), Secret: st.canary}
}

// ServeHTTP implements http.Handler.
func (st *testServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	st.requests.Add(1)
	select {
	case st.began <- struct{}{}:
	default:
	}
	if bad := st.bad.Load(); bad != nil && (st.endpoint == "" || st.endpoint == req.URL.Path) {
		// Only with the body read does the server see the client leave.
		body, _ := io.ReadAll(io.LimitReader(req.Body, 1<<20))
		req.Body = io.NopCloser(bytes.NewReader(body))
		(*bad).ServeHTTP(w, req)
		return
	}
	st.good.ServeHTTP(w, req)
}

func (st *testServer) close() {
	close(st.stop)
	_ = st.plain.server.Close()
	_ = st.secure.server.Close()
}

// opened returns how many connections were made, open how many there are.
func (st *testServer) opened() int { return st.plain.count(false) + st.secure.count(false) }
func (st *testServer) open() int   { return st.plain.count(true) + st.secure.count(true) }

// listen serves h on a free port of the loopback.
func (r *run) listen(h http.Handler, config *tls.Config) *listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // the machine has no loopback
	}
	l := &listener{conns: map[net.Conn]http.ConnState{}, url: "http://" + ln.Addr().String()}
	l.server = http.Server{
		Handler: h, ErrorLog: log.New(io.Discard, "", 0), ConnState: l.track,
		// HTTP/2 cannot be hijacked
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	if config != nil {
		l.url = "https://" + ln.Addr().String()
		ln = tls.NewListener(ln, config)
	}
	go func() { _ = l.server.Serve(ln) }()
	return l
}

func (l *listener) track(c net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		l.opened++
		l.conns[c] = state
	case http.StateClosed, http.StateHijacked:
		delete(l.conns, c)
	default:
		l.conns[c] = state
	}
}

func (l *listener) count(now bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now {
		return len(l.conns)
	}
	return l.opened
}

// unreachable returns a server that does not listen any more.
func (r *run) unreachable() Server {
	st := r.serve(nil)
	_ = st.plain.server.Close()
	_ = st.secure.server.Close()
	return st.server()
}

// serverCert is the certificate of all the kit's servers, serverCA its PEM.
var serverCert = sync.OnceValue(newCert)

func serverCA() string { return certPEM(serverCert()) }

func certPEM(c tls.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

// newCert makes a self-signed certificate for the loopback.
func newCert() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "providertest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
