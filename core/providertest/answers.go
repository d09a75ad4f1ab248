package providertest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
)

// answer makes a handler that answers with a status and a body. fields are
// pairs of a header's name and its value.
func answer(status int, body string, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	htmlPage    = "<!doctype html><title>Sign in</title><p>" + bodyMark
	contentType = "Content-Type"
	asJSON      = "application/json"
	asHTML      = "text/html; charset=utf-8"
)

// misbehaviour is a bad server, and the codes that a provider may return for it.
type misbehaviour struct {
	what    string
	handler http.HandlerFunc
	codes   []core.Code // one of them
}

// provoke runs a provider against each of the bad servers.
func (r *run) provoke(list ...misbehaviour) {
	for _, m := range list {
		st := r.serve(m.handler)
		p := r.open(st.server())
		if p == nil {
			return
		}
		cred, _, err := r.ask(r.ctx, p, core.Request{})
		r.judge(m, cred, err)
		if err == nil && st.requests.Load() == 0 {
			r.errorf("%s: the provider has not asked the server", m.what)
		}
	}
}

// judge checks the outcome of Authenticate with a bad server.
func (r *run) judge(m misbehaviour, cred core.Credential, err error) {
	switch {
	case err == nil:
		r.errorf("%s: Authenticate returned a credential", m.what)
		return
	case !slices.Contains(m.codes, core.CodeOf(err)):
		r.errorf("%s: the error's code is %q, want %s: %w", m.what, core.CodeOf(err), list(m.codes), err)
	}
	if !isEmpty(cred.Attach) {
		r.errorf("%s: a credential came with the error", m.what)
	}
	if leaked := r.leak(err.Error()); leaked != "" {
		r.errorf("%s: the error shows %s", m.what, leaked)
	} else if text := err.Error(); core.Printable(text, len(text), core.NewSecret(r.canary)) == "" {
		r.errorf("%s: the error shows the planted secret or a part of it", m.what)
	}
}

func list(codes []core.Code) string {
	names := make([]string, len(codes))
	for i, c := range codes {
		names[i] = fmt.Sprintf("%q", c.Error())
	}
	return strings.Join(names, " or ")
}

var (
	denied      = []core.Code{core.CodeDenied}
	unavailable = []core.Code{core.CodeUnavailable}
	// A page may be that of a gateway, which says nothing about the credentials.
	pageRefusal = []core.Code{core.CodeDenied, core.CodeUnavailable}
	unusable    = []core.Code{core.CodeUnavailable, core.CodeBadConfig}
	anyRefusal  = []core.Code{core.CodeUnavailable, core.CodeBadConfig, core.CodeDenied}
)

func serverRefuses(r *run) {
	const invalid = `{"error": "invalid_client", "error_description": "unknown client"}`
	r.provoke(
		misbehaviour{"401 with invalid_client", answer(401, invalid,
			contentType, asJSON, "WWW-Authenticate", "Basic"), denied},
		misbehaviour{"400 with invalid_client", answer(400, invalid, contentType, asJSON), denied},
		misbehaviour{"401 without a body", answer(401, ""), denied},
		misbehaviour{"401 with a page", answer(401, htmlPage, contentType, asHTML), pageRefusal},
		misbehaviour{"403 with a page", answer(403, htmlPage, contentType, asHTML), pageRefusal},
		misbehaviour{"400 without a body", answer(400, ""),
			[]core.Code{core.CodeDenied, core.CodeBadConfig}},
	)
}

func serverEchoes(r *run) {
	says := func(text string) string {
		const form = `{"error": "invalid_client", ` +
			`"error_description": "the secret %s is wrong\u0000\r\n"}`
		return fmt.Sprintf(form, text)
	}
	echo := says(r.canary)
	var unseen strings.Builder
	for _, c := range r.canary {
		unseen.WriteString(string(c) + "\u200b")
	}
	r.provoke(
		misbehaviour{"a refusal that repeats the secret between characters that nobody sees",
			answer(401, says(unseen.String()), contentType, asJSON), denied},
		misbehaviour{"a refusal that repeats the secret in upper case",
			answer(401, says(strings.ToUpper(r.canary)), contentType, asJSON), denied},
		misbehaviour{"a refusal that repeats half of the secret",
			answer(401, says(r.canary[:len(r.canary)/2]), contentType, asJSON), denied},
		misbehaviour{"a refusal that repeats the secret", answer(401, echo, contentType, asJSON), denied},
		misbehaviour{"a page that repeats the secret",
			answer(403, htmlPage+r.canary, contentType, asHTML), pageRefusal},
		misbehaviour{"a success that repeats the secret", answer(200, htmlPage+r.canary,
			contentType, asHTML, "X-Echo", r.canary), anyRefusal},
	)
}

func serverUnreachable(r *run) {
	if p := r.open(r.unreachable()); p != nil {
		cred, _, err := r.ask(r.ctx, p, core.Request{})
		r.judge(misbehaviour{"a server that does not listen", nil, unavailable}, cred, err)
	}
}

func serverErrors(r *run) {
	for _, status := range []int{500, 502, 503, 504} {
		r.provoke(misbehaviour{fmt.Sprint("status ", status),
			answer(status, htmlPage, contentType, asHTML), unavailable})
	}
}

// askedOnce counts the requests that one call sends to a server that is busy.
func askedOnce(r *run) {
	for _, c := range []struct {
		mayRetry bool
		most     int64
	}{{false, 1}, {true, 2}} {
		var asked atomic.Int64
		st := r.serve(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		p := r.open(st.server())
		if p == nil {
			return
		}
		_, _, _ = r.ask(r.ctx, p, core.Request{MayRetry: c.mayRetry})
		if n := asked.Load(); n > c.most {
			r.errorf("a busy server, MayRetry %v: %d requests, want at most %d", c.mayRetry, n, c.most)
		}
	}
}

func retryAfter(r *run) {
	date := time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)
	for _, c := range []struct {
		value    string
		min, max time.Duration
	}{
		{"7", 7 * time.Second, 7 * time.Second},
		{date, 60 * time.Second, 91 * time.Second},
		{"99999999999999999999", 0, 24 * time.Hour},
		{"-5", 0, 0},
		{"soon", 0, 0},
	} {
		for _, status := range []int{429, 503} {
			what := fmt.Sprintf("status %d with Retry-After %q", status, c.value)
			p := r.open(r.serve(answer(status, "", "Retry-After", c.value)).server())
			if p == nil {
				return
			}
			cred, _, err := r.ask(r.ctx, p, core.Request{})
			r.judge(misbehaviour{what, nil, unavailable}, cred, err)
			var e *core.Error
			var got time.Duration
			if errors.As(err, &e) {
				got = e.RetryAfter
			}
			if got < c.min || got > c.max {
				r.errorf("%s: the error's RetryAfter is %v, want %v to %v", what, got, c.min, c.max)
			}
		}
	}
}

func serverGarbage(r *run) {
	r.provoke(
		misbehaviour{"200 with a page", answer(200, htmlPage, contentType, asHTML), unusable},
		misbehaviour{"200 with nothing", answer(200, ""), unusable},
		misbehaviour{"204", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
		}, unusable},
		misbehaviour{"200 with an empty object", answer(200, "{}", contentType, asJSON), unusable},
		misbehaviour{"200 with null", answer(200, "null", contentType, asJSON), unusable},
		misbehaviour{"200 with a list", answer(200, `["a", 1]`, contentType, asJSON), unusable},
		misbehaviour{"200 with half an object",
			answer(200, `{"access_token": "abcdefgh`, contentType, asJSON), unusable},
		misbehaviour{"200 with bytes", answer(200, "\x00\xff\xfe\x1b[2J", contentType,
			"application/octet-stream"), unusable},
		misbehaviour{"200 with an error", answer(200,
			`{"error": "invalid_grant", "error_description": "no"}`, contentType, asJSON), anyRefusal},
		misbehaviour{"a body shorter than its Content-Length",
			answer(200, `{"a":`, "Content-Length", "4000"), unavailable},
	)
}

// reset ends connections in the middle of an answer.
func serverResets(r *run) {
	hang := func(first string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, first)
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}
	r.provoke(
		misbehaviour{"a connection reset before the answer", hang(""), unavailable},
		misbehaviour{"a connection reset within the answer",
			hang("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"), unavailable},
		misbehaviour{"an answer that is not HTTP", hang("220 mail.example.com ESMTP\r\n"), unusable},
	)
}

// redirects sends the provider to another host, which must receive nothing.
func redirects(r *run) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := r.serve(nil)
		for _, target := range []string{elsewhere.plain.url, strings.Replace(elsewhere.plain.url,
			"127.0.0.1", "localhost", 1)} {
			r.provoke(misbehaviour{fmt.Sprintf("a redirect (%d) to another host", status),
				answer(status, "", "Location", target+"/token?x=1"), anyRefusal})
		}
		if n := elsewhere.requests.Load(); n > 0 {
			r.errorf("a redirect (%d) to another host: %d requests have followed it", status, n)
		}
	}
}

// untrusted offers a certificate that the settings do not trust.
func untrusted(r *run) {
	st := r.serve(nil)
	s := st.server()
	s.CA = certPEM(newCert())
	if !usesTLS(r.settings(s), s) {
		r.skipped = "the fixture does not use Server.TLSURL"
		return
	}
	p := r.open(s)
	if p == nil {
		return
	}
	cred, _, err := r.ask(r.ctx, p, core.Request{})
	r.judge(misbehaviour{"a server whose certificate is not trusted", nil, unusable}, cred, err)
	if n := st.requests.Load(); n > 0 {
		r.errorf("a server whose certificate is not trusted has received %d requests", n)
	}
}

func usesTLS(settings map[string]any, s Server) bool {
	u, _ := url.Parse(s.TLSURL)
	return strings.Contains(fmt.Sprint(revealSettings(settings)), u.Host)
}

// recovers meets a bad server and then, with the same provider, a good one.
func serverRecovers(r *run) {
	st := r.serve(answer(500, htmlPage))
	p := r.open(st.server())
	if p == nil {
		return
	}
	for _, bad := range []http.HandlerFunc{answer(500, htmlPage), answer(401, ""), answer(200, "{")} {
		st.misbehave(bad)
		_, _, _ = r.ask(r.ctx, p, core.Request{})
	}
	st.misbehave(nil)
	if _, _, err := r.ask(r.ctx, p, core.Request{}); err != nil {
		r.errorf("the server is well again, the provider is not: %w", err)
	}
}
