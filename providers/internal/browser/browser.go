// Package browser receives the answer of an authorization server in the
// browser of the person who signs in: a listener on the loopback that the
// browser is redirected to (RFC 8252 §7.3), and the pages that it ends on.
//
//	l, err := browser.Listen(browser.Config{State: state, Server: "login.example.com"})
//	if err != nil {
//		return err
//	}
//	defer l.Close()
//	// … send the person to a URL with redirect_uri=l.URL() and state …
//	err = l.Wait(ctx, func(ctx context.Context, answer url.Values) error {…})
//
// It knows nothing of tokens: who waits reads the answer, and the page says
// what came of it. A page holds no script, asks the network for nothing and
// repeats nothing of the request.
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

// Config says where to listen, and for what. All but State may be zero.
type Config struct {
	State string // of the sign-in, which the redirect brings back (RFC 6749 §10.12)
	Host  string // 127.0.0.1, ::1 or localhost, which is both. Empty: 127.0.0.1
	Port  int    // 0: any that is free
	Path  string // empty: "/"
	// Server is the name of the authorization server for the pages, such as
	// its host. Empty: they name none.
	Server string
}

const (
	slow    = 10 * time.Second // for a browser to send its request
	parting = 2 * time.Second  // for the last page to leave
	// maxHeader bounds the bytes of a request; codes and states are far shorter.
	maxHeader = 32 << 10
)

// Listener waits for one redirect. It is safe for concurrent use. Whoever made
// it closes it.
type Listener struct {
	cfg    Config
	host   string // what the Host header must be
	server *http.Server
	serve  sync.WaitGroup

	came  chan *visit   // has room for the one there is
	ended chan struct{} // closed by Close

	mu    sync.Mutex // guards all below
	conns map[net.Conn]http.ConnState
	visit *visit // the answer, once it came
	over  bool   // Close was called
}

// visit is the redirect that answers the sign-in.
type visit struct {
	answer url.Values
	page   Kind          // what to show; written before told is closed
	told   chan struct{} // closed when page is known
	gone   chan struct{} // closed when the page was sent
}

// Listen opens the listener. A port that is taken is [core.BadConfig], as is a
// missing state.
func Listen(cfg Config) (*Listener, error) {
	if cfg.State == "" {
		return nil, core.Errorf(core.BadConfig, "a sign-in needs a state")
	}
	if cfg.Host == "" {
		cfg.Host = "127.0.0.1"
	}
	if cfg.Path == "" {
		cfg.Path = "/"
	}
	sockets, err := open(cfg.Host, cfg.Port)
	if err != nil {
		if cfg.Port != 0 {
			return nil, core.Errorf(core.BadConfig, "the redirect port %d cannot be opened; end what uses it, or choose another: %w", cfg.Port, err)
		}
		return nil, core.Errorf(core.Unavailable, "no port for the redirect: %w", err)
	}
	port := sockets[0].Addr().(*net.TCPAddr).Port
	l := &Listener{cfg: cfg, host: hostOf(cfg.Host, port), came: make(chan *visit, 1), ended: make(chan struct{}), conns: map[net.Conn]http.ConnState{}}
	l.server = &http.Server{
		Handler: l, ReadHeaderTimeout: slow, MaxHeaderBytes: maxHeader, ConnState: l.follow, ErrorLog: silent,
	}
	l.server.SetKeepAlivesEnabled(false)
	for _, socket := range sockets {
		l.serve.Go(func() { _ = l.server.Serve(socket) })
	}
	return l, nil
}

// open listens on the loopback. The name localhost may mean either address, so
// that nobody else may have the port on one of them.
func open(host string, port int) ([]net.Listener, error) {
	if host != "localhost" {
		socket, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		return []net.Listener{socket}, err
	}
	for try := 0; ; try++ {
		four, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return nil, err
		}
		six, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(four.Addr().(*net.TCPAddr).Port)))
		switch {
		case err == nil:
			return []net.Listener{four, six}, nil
		case errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT): // a machine without IPv6
			return []net.Listener{four}, nil
		}
		_ = four.Close()
		if port != 0 || try == 10 {
			return nil, err
		}
	}
}

// hostOf returns host and port as browsers write them.
func hostOf(host string, port int) string {
	return strings.TrimSuffix(net.JoinHostPort(host, strconv.Itoa(port)), map[bool]string{true: ":80"}[port == 80])
}

// URL returns the redirect URI.
func (l *Listener) URL() string { return "http://" + l.host + l.cfg.Path }

// Wait waits for the redirect with the state, calls finish with its query and
// shows the person what came of it: who is not signed in sees why (see [Of]).
// Requests with another state are answered and do not count. Wait returns
// finish's error once the page has left, or an error that wraps ctx's when ctx
// ends before a redirect: [core.Interactive], or [core.Unavailable] if it was
// cancelled. It is called once.
func (l *Listener) Wait(ctx context.Context, finish func(ctx context.Context, answer url.Values) error) error {
	select {
	case <-ctx.Done():
		code := core.Interactive
		if errors.Is(ctx.Err(), context.Canceled) { // nobody wants it any more
			code = core.Unavailable
		}
		return core.Errorf(code, "nobody finished the sign-in in the browser: %w", ctx.Err())
	case v := <-l.came:
		v.page = Failed // should finish panic
		defer func() {
			close(v.told)
			t := time.NewTimer(parting)
			defer t.Stop()
			select {
			case <-v.gone:
			case <-t.C:
			}
		}()
		err := finish(ctx, v.answer)
		v.page = Of(err)
		return err
	}
}

// Close ends the listener: the page that is being sent still goes out. It
// returns when no goroutine of the listener is left. Later calls do nothing.
func (l *Listener) Close() {
	l.mu.Lock()
	if !l.over {
		close(l.ended)
	}
	l.over = true
	for conn, state := range l.conns {
		if state == http.StateNew { // a browser opens connections ahead
			_ = conn.Close()
		}
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), parting)
	defer cancel()
	if l.server.Shutdown(ctx) != nil {
		_ = l.server.Close()
	}
	l.serve.Wait()
}

// follow keeps track of connections.
func (l *Listener) follow(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(l.conns, conn)
	} else {
		l.conns[conn] = state
	}
}

// ServeHTTP answers the browser. Only a GET of the redirect URI counts, under
// its own name: another name that leads here is not ours (DNS rebinding).
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
	v, kind := l.accept(query, err)
	if v != nil {
		defer close(v.gone)
		select {
		case <-v.told:
			kind = v.page
		case <-l.ended:
			kind = Failed
		}
	}
	l.show(w, kind)
}

// accept returns the visit if the query answers the sign-in that is waited
// for, or else which page says what it is.
func (l *Listener) accept(query url.Values, err error) (*visit, Kind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := query["state"]
	switch {
	case err != nil || len(states) != 1 || subtle.ConstantTimeCompare([]byte(states[0]), []byte(l.cfg.State)) != 1 || l.over:
		return nil, Foreign
	case l.visit != nil:
		return nil, Finished
	}
	l.visit = &visit{answer: query, told: make(chan struct{}), gone: make(chan struct{})}
	l.came <- l.visit
	return l.visit, 0
}

// show sends a page, down to the socket.
func (l *Listener) show(w http.ResponseWriter, kind Kind) {
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
