package providertest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
)

// altered answers as the fixture's good handler does, with the body that change returns.
func altered(good http.Handler, change func([]byte) []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		rec := &recorder{header: http.Header{}}
		good.ServeHTTP(rec, req)
		for name, values := range rec.header {
			if name != "Content-Length" {
				w.Header()[name] = values
			}
		}
		if rec.status != 0 {
			w.WriteHeader(rec.status)
		}
		_, _ = w.Write(change(rec.body.Bytes()))
	}
}

// recorder keeps what a handler writes.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// eachText rewrites every string in a JSON document and every value of a form; other bodies
// it gives to fn as a whole.
func eachText(body []byte, fn func(string) any) []byte {
	return alterTexts(body, func(_ int, text string) any { return fn(text) })
}

// countTexts returns how many strings [eachText] rewrites.
func countTexts(body []byte) int {
	n := 0
	eachText(body, func(s string) any { n++; return s })
	return n
}

// oneText rewrites one string of a JSON document or a form, counted from 0 in the order of
// the members' names. It reports whether there are as many.
func oneText(body []byte, which int, fn func(string) any) (out []byte, ok bool) {
	out = alterTexts(body, func(n int, text string) any {
		if n != which {
			return text
		}
		ok = true
		return fn(text)
	})
	return out, ok
}

// isForm matches a form of two fields or more. One field may be a text with a sign in it.
var isForm = regexp.MustCompile(`^[\w.-]+=[^&\s<>]*(&[\w.-]+=[^&\s<>]*)+$`)

// alterForm rewrites the values of a form, which it counts.
func alterForm(form url.Values, fn func(int, string) any) []byte {
	n := 0
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for i, value := range form[name] {
			if text, ok := fn(n, value).(string); ok {
				form[name][i] = text
			}
			n++
		}
	}
	return []byte(form.Encode())
}

// alterTexts rewrites the strings of a JSON document or a form, which it counts; another
// body is one string.
func alterTexts(body []byte, fn func(int, string) any) []byte {
	var doc any
	if json.Unmarshal(body, &doc) != nil {
		if form, err := url.ParseQuery(string(body)); err == nil && isForm.Match(body) {
			return alterForm(form, fn)
		}
		if text, ok := fn(0, string(body)).(string); ok {
			return []byte(text)
		}
		return body
	}
	n := 0
	var walk func(any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case string:
			n++
			return fn(n-1, v)
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				v[key] = walk(v[key])
			}
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		}
		return v
	}
	out, err := json.Marshal(walk(doc))
	if err != nil {
		return body
	}
	return out
}

// maxTexts bounds how many strings of a server's answers are altered one at a time.
const maxTexts = 64

// alterations runs the provider with answers in which every string is altered, and then
// with one string altered at a time, as a provider may refuse the first one that it reads
// and use another one unchecked. The strings of all answers of an attempt are counted
// together: one of a token is altered beside metadata that are good. look gets each outcome.
func (r *run) alterations(
	fn func(string) any, look func(p core.Provider, cred core.Credential, err error),
) {
	for which := int64(-1); which < maxTexts; which++ {
		var texts atomic.Int64 // of the answers so far
		h := func(w http.ResponseWriter, req *http.Request) {
			altered(r.Good, func(b []byte) []byte {
				if which < 0 {
					return eachText(b, fn)
				}
				n := int64(countTexts(b))
				before := texts.Add(n) - n
				if which < before || which >= before+n {
					return b
				}
				out, _ := oneText(b, int(which-before), fn)
				return out
			})(w, req)
		}
		p := r.open(r.serve(h).server())
		if p == nil {
			return
		}
		cred, _, err := r.ask(r.ctx, p, core.Request{})
		look(p, cred, err)
		if which >= texts.Load() && which >= 0 {
			return
		}
	}
}

// checkAltered checks what a provider made of an altered answer, also what it attaches to a
// request as an Authorizer.
func (r *run) checkAltered(what string, p core.Provider, cred core.Credential) {
	r.checkAttachment("with "+what+" in the answer, the credential's ", cred.Attach)
	a, ok := p.(core.Authorizer)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, authorizeLimit)
	defer cancel()
	made, err := a.Authorize(ctx, cred, core.Outgoing{
		Method: http.MethodGet, URL: "https://api.example.com/", Host: "api.example.com",
		Header: http.Header{},
	})
	if err == nil {
		r.checkAttachment("with "+what+" in the answer, Authorize's ", made)
	}
}

// authorizeLimit is how long Authorize may take here; how it ends is of other checks.
const authorizeLimit = 5 * time.Second

// controlCharacters lets good answers smuggle a header. An error is right, and
// so is a credential without it.
func controlCharacters(r *run) {
	for _, smuggled := range []string{"\r\nX-Smuggled: 1", "\n", "\x00", "\x7f"} {
		r.alterations(func(s string) any {
			return s[:len(s)/2] + smuggled + s[len(s)/2:]
		}, func(p core.Provider, cred core.Credential, err error) {
			if err == nil {
				r.checkAltered("a control character", p, cred)
			}
			if strings.ContainsFunc(cred.Subject+strings.Join(cred.Origins, ""),
				func(c rune) bool { return c < ' ' }) {
				r.errorf("the credential's Subject or Origins has a control character of the answer")
			}
		})
	}
}

// oddTypes lets good answers have numbers, lists and nulls for strings. An
// error is right, and so is a credential without them.
func oddTypes(r *run) {
	for _, odd := range []any{nil, 17, true, []any{"a"}, map[string]any{"a": 1}, ""} {
		r.alterations(func(string) any { return odd }, func(
			p core.Provider, cred core.Credential, err error,
		) {
			if err == nil {
				r.checkAltered("other types", p, cred)
			}
		})
	}
}

const (
	// endlessSize is the size of the endless answer in bytes.
	endlessSize = 24 << 20
	// maxRead is more than a provider should read, with room for what the
	// system's buffers take.
	maxRead = 16 << 20
)

// endless answers without an end.
func endless(r *run) {
	var sent atomic.Int64
	chunk := bytes.Repeat([]byte("a"), 64<<10)
	st := r.serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token": "`)
		for sent.Load() < endlessSize {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	p := r.open(st.server())
	if p == nil {
		return
	}
	cred, _, err := r.ask(r.ctx, p, core.Request{})
	r.judge(misbehaviour{"an answer without an end", nil, unusable}, cred, err)
	if n := sent.Load(); n > maxRead {
		r.errorf("an answer without an end: the provider has read more than %d MiB", maxRead>>20)
	}
}
