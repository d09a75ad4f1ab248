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
// on its error. A page loads nothing and contains nothing of the request, and only the page for an
// address without an answer has a script.
//
// A person whose browser does not reach the listener pastes the address into the program (see
// [Listener.Paste]).
//
// Read on in request.go.
package browser

import (
	"cmp"
	"context"
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
	Path  string // empty: that of RedirectURL, or "/"
	// Listen is the address to listen on, such as 0.0.0.0 within a container. Empty: that of Host.
	Listen string
	// RedirectURL is the redirect URI if it is not that of Host, Port and Path, as behind a proxy.
	// Requests under its host are then accepted, too. Empty: that of Host, Port and Path.
	RedirectURL string
	// NoAnswer is called, once, if the browser comes back without an answer in the address, as it
	// does if the server puts the answer into the fragment. It must not wait. Nil: no call.
	NoAnswer func()
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
	port    int
	hosts   []string // the Host headers that are accepted; the first one is the listener's own
	server  *http.Server
	serving sync.WaitGroup

	redirects chan *redirect
	closing   chan struct{} // closed by Close

	mu       sync.Mutex // guards all fields below
	conns    map[net.Conn]*connection
	accepted uint64    // how many connections there were
	redirect *redirect // nil: it has not arrived
	noAnswer bool      // the browser came back without an answer
	closed   bool      // Close was called
}

// redirect is the request that answers the sign-in.
type redirect struct {
	answer  url.Values
	mode    string        // the response_mode that cannot be read; empty: the answer can be
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
	own, err := url.Parse(cfg.RedirectURL)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "the redirect URL is not a URL")
	}
	cfg.Path = cmp.Or(cfg.Path, own.Path, "/")
	sockets, err := listen(cfg)
	if err != nil {
		if cfg.Port != 0 {
			return nil, core.Errorf(core.CodeBadConfig,
				"the redirect port %d cannot be opened; end what uses it, or choose another: %w", cfg.Port, err)
		}
		return nil, core.Errorf(core.CodeUnavailable, "no port for the redirect: %w", err)
	}
	port := sockets[0].Addr().(*net.TCPAddr).Port
	l := &Listener{
		cfg: cfg, port: port, hosts: []string{hostHeader(cfg.Host, port)},
		redirects: make(chan *redirect, 1), closing: make(chan struct{}), conns: map[net.Conn]*connection{},
	}
	if own.Host != "" {
		l.hosts = append(l.hosts, own.Host)
	}
	l.server = &http.Server{
		Handler: l, ReadHeaderTimeout: readTimeout, MaxHeaderBytes: maxHeader, ConnState: l.noteState,
		ConnContext: withConnection, ErrorLog: noLog,
	}
	l.server.SetKeepAlivesEnabled(false)
	for _, socket := range sockets {
		l.serving.Go(func() { _ = l.server.Serve(limitedListener{socket, l}) })
	}
	return l, nil
}

// listen opens the sockets for cfg.
func listen(cfg Config) ([]net.Listener, error) {
	if cfg.Listen == "" {
		return listenLoopback(cfg.Host, cfg.Port)
	}
	socket, err := net.Listen("tcp", net.JoinHostPort(cfg.Listen, strconv.Itoa(cfg.Port)))
	return []net.Listener{socket}, err
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
func (l *Listener) URL() string {
	return cmp.Or(l.cfg.RedirectURL, "http://"+l.hosts[0]+l.cfg.Path)
}

// Port returns the port that the listener has.
func (l *Listener) Port() int { return l.port }

// Wait waits for the redirect with the state, calls finish with its query and shows the person the
// page for the result (see [Of]). Requests with another state get a page that says so and are
// ignored, and so are those that are not a navigation of a window. Wait returns the error of finish
// after the page was sent. If the server sends the answer as a form or in the fragment, finish is
// not called, and the error is [core.CodeBadConfig] and names response_mode. If ctx ends before the
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
		return core.Errorf(code, "nobody finished the sign-in in the browser%s: %w", l.hint(), ctx.Err())
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
		if r.mode != "" {
			r.page = WrongMode
			return modeError(r.mode)
		}
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
	for conn, c := range l.conns {
		if c.isSilent { // a browser opens connections before it needs them
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
