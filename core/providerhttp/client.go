// Package providerhttp is for authors of providers: what requests to a server
// that issues credentials have in common. [Post] sends a form or JSON and reads
// the answer:
//
//	var answer struct {
//		Token   core.Secret
//		Seconds providerhttp.Lifetime
//	}
//	err := providerhttp.Post(ctx, req, providerhttp.Call{
//		URL:  "https://login.example.com/token",
//		JSON: map[string]any{"user": cfg.User, "password": cfg.Password},
//	}, &answer)
//
// Its parts are for other requests: [NewClient] makes the HTTP client, [ClientError],
// [AnswerError] and [AnswerCode] give errors their codes, and [Retry] repeats requests
// that may be repeated. Programs that use sessions do not need this package.
//
// Read on in post.go, answer.go and retry.go.
package providerhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
)

// maxAnswer bounds the answer of a server in bytes.
const maxAnswer = 1 << 20

// Options configure [NewClient]. Nil and the zero value are the recommended defaults.
type Options struct {
	// TLS is for the connections, TLS 1.2 or newer in any case. Nil: the system's
	// roots and no client certificate.
	TLS       *tls.Config
	AllowHTTP bool // plain HTTP also to hosts other than the loopback ones
	// MayRetry is [core.Request.MayRetry] of the attempt that the client is made
	// for. True: a connection that cannot be opened is tried again for some
	// seconds. False: once.
	MayRetry bool
}

// NewClient returns a client for a provider's own requests, such as those to a
// token endpoint. Its requests contain credentials that must not leak, so it
// follows no redirect (it returns the 3xx answer), keeps no cookie and no idle
// connection, refuses plain HTTP except to the loopback, reads at most 1 MiB of
// an answer, and fails after a minute unless the context ends earlier.
// Its errors carry a [core.Code] and name the host, never the URL's query. Pass
// the errors of http.Client to [ClientError].
//
// If no connection can be opened (the dial or the TLS handshake fails), nothing
// was sent: the client tries again after a pause of 200 to 500 ms that doubles
// each time, as long as the request's context has time. It does not repeat a
// request that was sent, nor one whose server has a certificate that cannot be
// verified; see [Retry] for requests that spend nothing.
//
// The transport is wrapped by [core.Options.AuthTransport] for requests with the
// context of a call into the provider (see [core.AuthTransport]), and these use the proxy of
// [core.Options.Proxy]. The client is safe for concurrent use.
func NewClient(opts *Options) *http.Client {
	var o Options
	if opts != nil {
		o = *opts
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok { // a program may have replaced it
		t = usual.Clone()
	}
	usual := t.Proxy
	t.Proxy = func(r *http.Request) (*url.URL, error) { return core.RequestProxy(r, usual) }
	if t.OnProxyConnectResponse == nil {
		t.OnProxyConnectResponse = core.CheckProxyAnswer
	}
	if o.TLS != nil {
		core.SeparateProxyTLS(t, t.TLSClientConfig)
	}
	t.DisableKeepAlives = true
	t.ForceAttemptHTTP2 = false
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
		t.TLSClientConfig.MinVersion = max(o.TLS.MinVersion, tls.VersionTLS12)
	}
	// One connection serves one request: HTTP/2 would keep it.
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	return &http.Client{
		Transport: &transport{
			base: t, proxy: t.Proxy, allowHTTP: o.AllowHTTP, mayRetry: o.MayRetry,
		},
		CheckRedirect: followNoRedirect,
		Timeout:       time.Minute,
	}
}

func followNoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport sends a client's requests.
type transport struct {
	base                http.RoundTripper
	proxy               func(*http.Request) (*url.URL, error)
	allowHTTP, mayRetry bool
}

const (
	maxDials     = 2 // how often one request may try to open a connection
	maxDialsLong = 5 // the same with Options.MayRetry
)

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !core.MayCarry(r.URL, t.allowHTTP) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, core.Errorf(core.CodeBadConfig, "%s is not https", core.OriginText(r.URL))
	}
	dials := maxDials
	if t.mayRetry {
		dials = maxDialsLong
	}
	for try := 1; ; try++ {
		resp, connected, err := t.sendOnce(r)
		if err == nil {
			err = t.checkProxy(r, resp)
		}
		if err == nil {
			return limited(resp, r.URL), nil
		}
		err = netError(r.URL, err, connected)
		if connected || try == dials || core.CodeOf(err) != core.CodeUnavailable ||
			!waitFor(r.Context(), pauseBefore(try)) {
			return nil, err
		}
		if r = rewind(r); r == nil {
			return nil, err
		}
	}
}

// checkProxy returns the error of an answer of a proxy that wants credentials. To a request
// with https, which goes through CONNECT, the transport does not return it.
func (t *transport) checkProxy(r *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusProxyAuthRequired || r.URL.Scheme != "http" || t.proxy == nil {
		return nil
	}
	proxy, err := t.proxy(r)
	if err == nil {
		err = core.CheckProxyAnswer(r.Context(), proxy, r, resp)
	}
	if err != nil {
		_ = resp.Body.Close()
	}
	return err
}

// limited returns resp with at most maxAnswer bytes of its body, and without a Location
// that cannot be parsed: http.Client would quote it in an error.
func limited(resp *http.Response, u *url.URL) *http.Response {
	resp.Body = &limitedBody{ReadCloser: resp.Body, remaining: maxAnswer, url: u}
	if _, err := resp.Location(); err != nil {
		resp.Header.Del("Location")
	}
	return resp
}

// sendOnce sends r and reports whether a connection was opened for it: if not, nothing of
// the request can have been sent. If [core.Options.AuthTransport] returns an error without
// passing the request on, connected is true, as it is not known what was sent.
func (t *transport) sendOnce(r *http.Request) (resp *http.Response, connected bool, err error) {
	w := &requestWatcher{base: t.base}
	wrapped, err := core.AuthTransport(r.Context(), w)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, false, err
	}
	resp, err = wrapped.RoundTrip(r)
	if err == nil && resp == nil {
		err = core.Errorf(core.CodeBadConfig, "Options.AuthTransport returned no answer")
	}
	if err != nil {
		connected = wrapped != http.RoundTripper(w) && !w.reached.Load() || w.connected.Load()
		return nil, connected, w.reason(err)
	}
	if resp.Request = r; resp.Body == nil {
		resp.Body = http.NoBody
	}
	return resp, true, nil
}

// requestWatcher is a transport for one request that records how far the request got.
type requestWatcher struct {
	base      http.RoundTripper
	reached   atomic.Bool // RoundTrip was called
	connected atomic.Bool // a connection was opened for it
	baseError atomic.Pointer[error]
}

// RoundTrip implements [http.RoundTripper].
func (w *requestWatcher) RoundTrip(r *http.Request) (*http.Response, error) {
	w.reached.Store(true)
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { w.connected.Store(true) },
	})
	resp, err := w.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		w.baseError.Store(&err)
	}
	return resp, err
}

// reason returns the cause of err: the error of the base instead of the one that a wrapper
// made of it. An error of the wrapper itself may quote the request, so that its text is
// not in the result.
func (w *requestWatcher) reason(err error) error {
	var coded *core.Error
	if errors.As(err, &coded) {
		return err
	}
	if failed := w.baseError.Load(); failed != nil {
		return *failed
	}
	return core.Errorf(core.CodeUnavailable,
		"Options.AuthTransport failed with an error of its own (%T)", err)
}

// rewind returns r with its body from the start, or nil if the body cannot be read again.
func rewind(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	next := *r
	next.Body = body
	return &next
}

// limitedBody is the body of an answer from url. Read fails once remaining bytes were
// read.
type limitedBody struct {
	io.ReadCloser
	remaining int
	url       *url.URL
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.remaining <= 0 {
		from := core.OriginText(b.url)
		return 0, core.Errorf(core.CodeUnavailable,
			"%s answers with more than %d KiB", from, maxAnswer>>10)
	}
	if len(p) > b.remaining {
		p = p[:b.remaining]
	}
	n, err := b.ReadCloser.Read(p)
	b.remaining -= n
	if err != nil && err != io.EOF {
		err = netError(b.url, err, true)
	}
	return n, err
}

// ClientError returns an error of an http.Client without the URL that [url.Error] quotes,
// and with a [core.Code]. It returns other errors, and nil, unchanged.
func ClientError(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	var coded *core.Error
	if errors.As(u.Err, &coded) {
		return coded
	}
	target, parseErr := url.Parse(u.URL)
	if parseErr != nil {
		target = nil
	}
	return netError(target, u.Err, false)
}

// isRenegotiation reports whether a server asked for a TLS renegotiation that the configuration
// does not allow. crypto/tls has neither a type nor a value for it.
func isRenegotiation(op *net.OpError) bool {
	return op.Op == "local error" && op.Err != nil && op.Err.Error() == "tls: no renegotiation"
}

// netError gives a transport's error its code: CodeBadConfig if a certificate was refused
// or the server does not speak TLS, otherwise CodeUnavailable. connected says that a
// connection had been opened.
func netError(u *url.URL, err error, connected bool) error {
	var coded *core.Error
	if errors.As(err, &coded) {
		return err
	}
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	from := core.OriginText(u)
	switch {
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &name),
		errors.As(err, &invalid):
		return core.Errorf(core.CodeBadConfig, "the certificate of %s: %w", from, err)
	case errors.As(err, &record):
		return core.Errorf(core.CodeBadConfig, "%s does not speak TLS", from)
	case errors.As(err, &alert):
		return core.Errorf(core.CodeBadConfig, "%s refused the TLS handshake: %w", from, err)
	case errors.Is(err, context.DeadlineExceeded):
		err = context.DeadlineExceeded // without the client's text
		return core.Errorf(core.CodeUnavailable, "%s did not answer in time: %w", from, err)
	case errors.Is(err, context.Canceled):
		return core.Errorf(core.CodeUnavailable, "%s: %w", from, context.Canceled)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		if isRenegotiation(op) {
			return core.Errorf(core.CodeBadConfig, "%s asks for a TLS renegotiation, as for a client "+
				"certificate, which is off: set tls.renegotiation to once", from)
		}
		err = op
	}
	broke := op != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	late := (&core.Error{Err: err}).Timeout()
	switch {
	case connected && broke && !late:
		err = &transientError{err}
	case connected && !broke && !late: // the error quotes the answer, which may repeat a secret
		return core.Errorf(core.CodeUnavailable, "%s does not answer in HTTP", from)
	}
	return core.Errorf(core.CodeUnavailable, "%s: %w", from, err)
}
