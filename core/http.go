package core

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// This file is for authors of providers: a careful HTTP client for token
// endpoints, and what their answers mean.

// maxAnswer bounds the answer of a token endpoint.
const maxAnswer = 1 << 20

// HTTPOptions configure [NewHTTPClient]. Nil and zero are good.
type HTTPOptions struct {
	TLS       *tls.Config // nil: the system's roots, no client certificate; TLS 1.2 or newer in any case
	AllowHTTP bool        // plain HTTP also to hosts other than the loopback ones
	// MayRetry is [Request.MayRetry] of the attempt that the client is made for.
	// True: a connection that cannot be opened is tried again for some seconds.
	// False: once.
	MayRetry bool
}

// NewHTTPClient returns a client for a provider's own requests, such as those
// to a token endpoint. It sends credentials in requests that it must not leak,
// so it follows no redirect (the 3xx answer is returned), keeps no cookie and
// no idle connection, refuses plain HTTP except to the loopback, reads at most
// 1 MiB of an answer, and gives up after a minute if the context does not end
// before. Its errors carry a [Code] and name the host, never the URL's query.
// Pass them through [HTTPError] once they come out of http.Client.
//
// If no connection can be opened (the dial or the TLS handshake fails), nothing
// was sent: the client tries again after a pause of 200 to 500 ms that doubles
// each time, as long as the request's context has time. It does not repeat a
// request that was sent, nor one whose server has a certificate that cannot be
// verified; see [Retry] for requests that spend nothing.
func NewHTTPClient(opts *HTTPOptions) *http.Client {
	var o HTTPOptions
	if opts != nil {
		o = *opts
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok { // a program may have replaced it
		t = usual.Clone()
	}
	t.DisableKeepAlives = true
	t.ForceAttemptHTTP2 = false
	t.TLSClientConfig = tlsConfig(o.TLS, nil)
	// One connection serves one request: HTTP/2 would keep it.
	t.TLSClientConfig.NextProtos = []string{"http/1.1"}
	t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	return &http.Client{
		Transport:     &ownRequests{base: t, allowHTTP: o.AllowHTTP, mayRetry: o.MayRetry},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}
}

type ownRequests struct {
	base                http.RoundTripper
	allowHTTP, mayRetry bool
}

const (
	maxDials     = 2 // how often one request may try to open a connection
	maxDialsLong = 5 // the same with HTTPOptions.MayRetry
)

// RoundTrip implements [http.RoundTripper].
func (o *ownRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	if !mayCarry(r.URL, o.allowHTTP) {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, Errorf(BadConfig, "%s is not https", where(r.URL))
	}
	dials := maxDials
	if o.mayRetry {
		dials = maxDialsLong
	}
	for try := 1; ; try++ {
		resp, connected, err := o.once(r)
		if err == nil {
			resp.Body = &cappedBody{ReadCloser: resp.Body, left: maxAnswer, url: r.URL}
			return resp, nil
		}
		err = netError(r.URL, err, connected)
		if connected || try == dials || CodeOf(err) != Unavailable || !waitFor(r.Context(), pauseBefore(try)) {
			return nil, err
		}
		if r = rewound(r); r == nil {
			return nil, err
		}
	}
}

// once sends r and reports whether a connection was opened for it: before,
// nothing of the request can have left.
func (o *ownRequests) once(r *http.Request) (resp *http.Response, connected bool, err error) {
	var got atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got.Store(true) }}
	resp, err = o.base.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err == nil {
		resp.Request = r
	}
	return resp, got.Load(), err
}

// rewound returns r with its body from the start; nil if it has none to give.
func rewound(r *http.Request) *http.Request {
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
	again := *r
	again.Body = body
	return &again
}

const (
	minPause = 200 * time.Millisecond // before the first repetition
	maxPause = 500 * time.Millisecond
	maxWait  = 10 * time.Second // what Retry waits because a server asks for it
)

// pauseBefore returns how long to wait after try failed attempts: at random,
// so that many clients do not come back at the same moment.
func pauseBefore(try int) time.Duration {
	return (minPause + rand.N(maxPause-minPause)) << (try - 1)
}

// waitFor waits and reports whether ctx has time for that.
func waitFor(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Retry calls send, which makes one request, and calls it once more if the
// server answered with status 503 or the connection broke, after the answer's
// Retry-After (at most 10 s) or 200 to 500 ms. It does so only if req.MayRetry
// and if ctx has the time, so that an outage does not double the requests.
//
// Use it only for requests that spend nothing, since the server may have acted
// on the first one: the client credentials of OAuth, a poll, a public document.
// Never use it for what is good for one use, such as a refresh token or an
// authorization code. What must be new in each request, such as the id of an
// assertion, is made in send. Retry returns the last error of send, which is
// to come from a client of [NewHTTPClient] and from [AnswerError].
func Retry(ctx context.Context, req Request, send func() error) error {
	err := send()
	if !req.MayRetry || !errors.As(err, new(*passing)) {
		return err
	}
	wait := pauseBefore(1)
	var e *Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		wait = e.RetryAfter
	}
	if wait > maxWait || !waitFor(ctx, wait) {
		return err
	}
	return send()
}

// passing marks the cause of an error after which [Retry] calls again.
type passing struct{ error }

// Unwrap returns the cause.
func (p *passing) Unwrap() error { return p.error }

type cappedBody struct {
	io.ReadCloser
	left int
	url  *url.URL
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, Errorf(Unavailable, "%s answers with more than %d KiB", where(b.url), maxAnswer>>10)
	}
	if len(p) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= n
	if err != nil && err != io.EOF {
		err = netError(b.url, err, true)
	}
	return n, err
}

// HTTPError makes an error of an http.Client fit to be shown: without the URL
// that [url.Error] quotes, and with a [Code].
func HTTPError(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	var coded *Error
	if errors.As(u.Err, &coded) {
		return coded
	}
	target, parseErr := url.Parse(u.URL)
	if parseErr != nil {
		target = nil
	}
	return netError(target, u.Err, false)
}

// netError gives a transport's error its code: what a certificate check
// refused wants other settings, everything else another time. connected says
// that a connection had been opened.
func netError(u *url.URL, err error, connected bool) error {
	var coded *Error
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
	switch {
	case errors.As(err, &verify), errors.As(err, &authority), errors.As(err, &name), errors.As(err, &invalid):
		return Errorf(BadConfig, "the certificate of %s: %w", where(u), err)
	case errors.As(err, &record):
		return Errorf(BadConfig, "%s does not speak TLS", where(u))
	case errors.As(err, &alert):
		return Errorf(BadConfig, "%s refused the TLS handshake: %w", where(u), err)
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(Unavailable, "%s did not answer in time: %w", where(u), context.DeadlineExceeded)
	case errors.Is(err, context.Canceled):
		return Errorf(Unavailable, "%s: %w", where(u), context.Canceled)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op
	}
	if connected && !timedOut(err) && (op != nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = &passing{err}
	}
	return Errorf(Unavailable, "%s: %w", where(u), err)
}

// AnswerError says what an answer that is not a success means: Denied for a
// refusal (400, 401, 403, 404…), Unavailable for 408, 429 and 5xx with the
// Retry-After of the answer, BadConfig for a redirect and for the OAuth error
// codes that settings can mend. Of body it uses "error" and
// "error_description" (RFC 6749 §5.2), cut short and freed of control
// characters, and drops them where they repeat one of the secrets given.
// It returns nil for a status below 300.
func AnswerError(resp *http.Response, body []byte, secrets ...Secret) error {
	if resp.StatusCode < 300 {
		return nil
	}
	e := &Error{Code: Denied, RetryAfter: RetryAfter(resp.Header)}
	var from string
	if resp.Request != nil {
		from = where(resp.Request.URL) + " "
	}
	code, text := oauthError(body, secrets)
	switch s := resp.StatusCode; {
	case s < 400:
		e.Code = BadConfig
		to := "elsewhere"
		if loc, err := resp.Location(); err == nil {
			if place := scrub(where(loc), secrets); place != "" {
				to = "to " + place
			}
		}
		e.Err = fmt.Errorf("%sredirects %s (%d); nothing was sent there", from, to, s)
		return e
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s == http.StatusTooManyRequests || s >= 500:
		e.Code = Unavailable
	case s == http.StatusNotFound || s == http.StatusMethodNotAllowed:
		e.Code = BadConfig
	default:
		e.RetryAfter = 0
	}
	e.Code = oauthCode(code, e.Code)
	e.Err = fmt.Errorf("%sanswers %d%s", from, resp.StatusCode, text)
	if resp.StatusCode == http.StatusServiceUnavailable && e.Code == Unavailable {
		e.Err = &passing{e.Err}
	}
	return e
}

// oauthCode maps an "error" of RFC 6749 §5.2 and §4.1.2.1, RFC 8628 §3.5, RFC
// 8707 §2, RFC 9449 §5 and OpenID Connect Core 1.0 §3.1.2.6.
func oauthCode(oauth string, otherwise Code) Code {
	switch oauth {
	case "invalid_client", "invalid_grant", "unauthorized_client", "access_denied":
		return Denied
	case "unsupported_grant_type", "invalid_scope", "invalid_target", "invalid_request", "unsupported_response_type", "invalid_dpop_proof":
		return BadConfig
	case "temporarily_unavailable", "server_error", "slow_down", "authorization_pending", "use_dpop_nonce":
		return Unavailable
	case "interaction_required", "login_required", "consent_required", "account_selection_required", "expired_token":
		return Interactive
	}
	return otherwise
}

func oauthError(body []byte, secrets []Secret) (code, text string) {
	var doc struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return "", ""
	}
	code = scrub(doc.Error, secrets)
	if code != "" {
		text = ": " + code
		if d := scrub(doc.Description, secrets); d != "" {
			text += " (" + d + ")"
		}
	}
	return code, text
}

// AnswerCode returns the code and a short text for an "error" and an
// "error_description" that came with a success status, as some servers do.
func AnswerCode(body []byte, secrets ...Secret) error {
	code, text := oauthError(body, secrets)
	if code == "" {
		return nil
	}
	return Errorf(oauthCode(code, Denied), "the answer is an error%s", text)
}

// scrub returns s cut short and printable, or "" if it repeats a secret: as it
// is, escaped for a URL or JSON, or in base64.
func scrub(s string, secrets []Secret) string {
	texts := []string{s}
	for _, unescape := range []func(string) (string, error){url.QueryUnescape, url.PathUnescape, unquote} {
		if text, err := unescape(s); err == nil && text != s {
			texts = append(texts, text)
		}
	}
	for _, secret := range secrets {
		v := secret.Reveal()
		if v == "" {
			continue
		}
		forms := []string{v, url.QueryEscape(v), url.PathEscape(v),
			base64.RawStdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v))}
		for _, text := range texts {
			if slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) }) {
				return ""
			}
		}
	}
	return clip(s)
}

// unquote reads s as what stands between the quotes of a JSON string.
func unquote(s string) (text string, err error) {
	err = json.Unmarshal([]byte(`"`+s+`"`), &text)
	return text, err
}

// maxRetryAfter bounds what a server can make us wait.
const maxRetryAfter = time.Hour

// RetryAfter reads the Retry-After header (RFC 9110 §10.2.3), in seconds or as
// a date. It returns zero for none and for nonsense, and an hour at most.
func RetryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseUint(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(n, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(0, time.Until(at)), maxRetryAfter)
}
