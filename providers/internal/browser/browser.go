// Package browser receives the answer of an authorization server in the browser of the
// person who signs in: it listens on the loopback interface for the redirect (RFC 8252
// §7.3), and answers with a page that tells the person the result.
//
//	l, err := browser.Listen(browser.Config{State: state, Server: "login.example.com"})
//	if err != nil {
//		return err
//	}
//	defer l.Close()
//	// … send the person to a URL with redirect_uri=l.URL() and state …
//	err = l.Wait(ctx, func(ctx context.Context, answer url.Values) error {…})
//
// It does not interpret the answer: the function that is given to Wait does, and the page depends
// on its error. A page has no script, loads nothing and contains nothing of the request.
//
// Read on in page.go.
package browser

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/authsession/authsession/core"
)

// Config says where to listen, and for which redirect. Only State is required.
type Config struct {
	State string // the state parameter of the sign-in, which the redirect repeats (RFC 6749 §10.12)
	Host  string // 127.0.0.1, ::1 or localhost, which is both; empty: 127.0.0.1
	Port  int    // 0: any free port
	Path  string // empty: "/"
	// Server is the name of the authorization server that the pages show, such as its host. Empty:
	// none.
	Server string
}

const (
	readTimeout = 10 * time.Second // for a browser to send its request
	pageTimeout = 2 * time.Second  // for the last page to be sent
	// maxHeader is the size of the largest request in bytes; codes and states are much shorter.
	maxHeader = 32 << 10
)

// Listener waits for one redirect. It is safe for concurrent use. The caller of Listen closes it.
//
// The first request with the state is the redirect; accept stores it and sends it to Wait. Its
// handler then waits for Wait to choose the page, and Wait waits for the handler to send it, so
// that the process does not end before the person sees the result. Invariant: redirect is set once,
// and redirects has a capacity of one, so that accept never blocks while it holds mu.
type Listener struct {
	cfg     Config
	host    string // the required Host header
	server  *http.Server
	serving sync.WaitGroup

	redirects chan *redirect
	closing   chan struct{} // closed by Close

	mu       sync.Mutex // guards all fields below
	conns    map[net.Conn]http.ConnState
	redirect *redirect // nil: it has not arrived
	closed   bool      // Close was called
}

// redirect is the request that answers the sign-in.
type redirect struct {
	answer  url.Values
	page    Kind          // the page to show; written before decided is closed
	decided chan struct{} // closed by Wait
	sent    chan struct{} // closed by the handler after it has sent the page
}

// Listen returns a listener that is open. The error is [core.CodeBadConfig] if the
// configured port is in use or the state is empty, and [core.CodeUnavailable] if there is no
// free port.
func Listen(cfg Config) (*Listener, error) {
	if cfg.State == "" {
		return nil, core.Errorf(core.CodeBadConfig, "a sign-in needs a state")
	}
	if cfg.Host == "" {
		cfg.Host = "127.0.0.1"
	}
	if cfg.Path == "" {
		cfg.Path = "/"
	}
	sockets, err := listenLoopback(cfg.Host, cfg.Port)
	if err != nil {
		if cfg.Port != 0 {
			return nil, core.Errorf(core.CodeBadConfig,
				"the redirect port %d cannot be opened; end what uses it, or choose another: %w", cfg.Port, err)
		}
		return nil, core.Errorf(core.CodeUnavailable, "no port for the redirect: %w", err)
	}
	port := sockets[0].Addr().(*net.TCPAddr).Port
	l := &Listener{
		cfg: cfg, host: hostHeader(cfg.Host, port), redirects: make(chan *redirect, 1),
		closing: make(chan struct{}), conns: map[net.Conn]http.ConnState{},
	}
	l.server = &http.Server{
		Handler: l, ReadHeaderTimeout: readTimeout, MaxHeaderBytes: maxHeader, ConnState: l.noteState,
		ErrorLog: noLog,
	}
	l.server.SetKeepAlivesEnabled(false)
	for _, socket := range sockets {
		l.serving.Go(func() { _ = l.server.Serve(socket) })
	}
	return l, nil
}

// listenLoopback listens on the loopback interface. A browser may resolve localhost to either
// address: both must have the same port, so that no other process can receive the redirect on one
// of them.
func listenLoopback(host string, port int) ([]net.Listener, error) {
	if host != "localhost" {
		socket, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		return []net.Listener{socket}, err
	}
	for try := 0; ; try++ {
		four, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, err
		}
		six, err := net.Listen("tcp6",
			net.JoinHostPort("::1", strconv.Itoa(four.Addr().(*net.TCPAddr).Port)))
		switch {
		case err == nil:
			return []net.Listener{four, six}, nil
		// a machine without IPv6
		case errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT):
			return []net.Listener{four}, nil
		}
		_ = four.Close()
		if port != 0 || try == 10 {
			return nil, err
		}
	}
}

// hostHeader returns the Host header that browsers send for host and port: without the default
// port.
func hostHeader(host string, port int) string {
	address := net.JoinHostPort(host, strconv.Itoa(port))
	if port == 80 {
		return strings.TrimSuffix(address, ":80")
	}
	return address
}

// URL returns the redirect URI.
func (l *Listener) URL() string { return "http://" + l.host + l.cfg.Path }

// Wait waits for the redirect with the state, calls finish with its query and shows the person the
// page for the result (see [Of]). Requests with another state get a page that says so and are
// ignored. Wait returns the error of finish after the page was sent. If ctx ends before the
// redirect arrives, Wait returns an error that wraps that of ctx: [core.CodeUnavailable] if ctx was
// cancelled, otherwise [core.CodeInteractive]. Wait is called once.
func (l *Listener) Wait(ctx context.Context,
	finish func(ctx context.Context, answer url.Values) error) error {
	select {
	case <-ctx.Done():
		code := core.CodeInteractive
		if errors.Is(ctx.Err(), context.Canceled) { // the caller no longer wants the result
			code = core.CodeUnavailable
		}
		return core.Errorf(code, "nobody finished the sign-in in the browser: %w", ctx.Err())
	case r := <-l.redirects:
		r.page = Failed // if finish panics
		defer func() {
			close(r.decided)
			t := time.NewTimer(pageTimeout)
			defer t.Stop()
			select {
			case <-r.sent:
			case <-t.C:
			}
		}()
		err := finish(ctx, r.answer)
		r.page = Of(err)
		return err
	}
}

// Close closes the listener after the page that is being sent. It returns when all goroutines of
// the listener have ended. Later calls do nothing.
func (l *Listener) Close() {
	l.mu.Lock()
	if !l.closed {
		close(l.closing)
	}
	l.closed = true
	for conn, state := range l.conns {
		if state == http.StateNew { // a browser opens connections before it needs them
			_ = conn.Close()
		}
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
	l.serving.Wait()
}

// noteState keeps the states of connections: Shutdown does not close new ones.
func (l *Listener) noteState(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(l.conns, conn)
	} else {
		l.conns[conn] = state
	}
}

// ServeHTTP answers the browser. It accepts only a GET of the redirect URI, under the URI's own
// host: with another name that resolves to this address, the page of another site could send the
// request (DNS rebinding).
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !strings.EqualFold(r.Host, l.host):
		http.Error(w, "This address is not served here.", http.StatusMisdirectedRequest)
		return
	case r.URL.Path != l.cfg.Path:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "Only GET is answered here.", http.StatusMethodNotAllowed)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	accepted, kind := l.accept(query, err)
	if accepted != nil {
		defer close(accepted.sent)
		select {
		case <-accepted.decided:
			kind = accepted.page
		case <-l.closing:
			kind = Failed
		}
	}
	l.sendPage(w, kind)
}

// accept returns the redirect if the query has the state and is the first one that has it, and
// otherwise the page to show. err is the error of the query's parser.
func (l *Listener) accept(query url.Values, err error) (*redirect, Kind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := query["state"]
	switch {
	case err != nil, len(states) != 1, l.closed,
		subtle.ConstantTimeCompare([]byte(states[0]), []byte(l.cfg.State)) != 1:
		return nil, OtherSignIn
	case l.redirect != nil:
		return nil, AlreadyAnswered
	}
	l.redirect = &redirect{answer: query, decided: make(chan struct{}), sent: make(chan struct{})}
	l.redirects <- l.redirect
	return l.redirect, 0
}

// sendPage sends a page. It flushes, as Wait may end the process after the page was sent.
func (l *Listener) sendPage(w http.ResponseWriter, kind Kind) {
	page := Page(kind, l.cfg.Server)
	h := w.Header()
	for name, value := range pageHeader {
		h.Set(name, value)
	}
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(kind.status())
	_, _ = w.Write(page)
	_ = http.NewResponseController(w).Flush()
}
