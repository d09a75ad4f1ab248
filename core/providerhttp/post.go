package providerhttp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
)

// Call is one request for [Post]. The values of Form and JSON are strings, numbers, bools
// and, for a text that no error may repeat, a [core.Secret], whose text is sent.
type Call struct {
	URL string // absolute, https unless Client allows more
	// Form is sent as application/x-www-form-urlencoded. A value may be a []string.
	Form map[string]any
	// JSON is sent as application/json if Form is nil. Values may be []any and
	// map[string]any.
	JSON map[string]any
	// Header are further headers. Their values are secrets.
	Header map[string]core.Secret
	// Secrets are further texts that no error may repeat.
	Secrets []core.Secret
	// SpendsNothing says that the server may get the request twice, so that
	// [Retry] applies. False: it is sent once, as it must be with a refresh token.
	SpendsNothing bool
	// Client sends the request. Nil: NewClient(&Options{MayRetry: req.MayRetry}).
	Client *http.Client
}

// Post sends a call for an attempt of a session and reads the answer, which must
// be JSON, into answer: a pointer as for [json.Unmarshal], in which a
// [core.Secret] takes a string. Nil: only the status is read. It returns when ctx ends.
//
// Errors are fit to be returned by a provider: those of [NewClient],
// [AnswerError] and [AnswerCode], [core.CodeUnavailable] for an answer that cannot
// be read, and [core.CodeBadConfig] for a URL or a value that cannot be sent. They
// name the host, and repeat neither a secret of the call nor what could not be
// read. Post is safe for concurrent use.
func Post(ctx context.Context, req core.Request, c Call, answer any) error {
	if c.Client == nil {
		c.Client = NewClient(&Options{MayRetry: req.MayRetry})
	}
	body, kind, err := c.body()
	if err != nil {
		return err
	}
	send := func() error { return c.send(ctx, body, kind, answer) }
	if c.SpendsNothing {
		return Retry(ctx, req, send)
	}
	return send()
}

func (c *Call) send(ctx context.Context, body, kind string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(body))
	if err != nil || r.URL.Host == "" {
		return core.Errorf(core.CodeBadConfig, "the URL of the server is not an https URL")
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", "application/json")
	for name, value := range c.Header {
		r.Header.Set(name, value.Reveal())
	}
	resp, err := c.Client.Do(r)
	if err != nil {
		return ClientError(err)
	}
	defer resp.Body.Close()
	text, readErr := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	secrets := c.secrets()
	if err := AnswerError(resp, text, secrets...); err != nil {
		return err // the status is enough, also if the body is incomplete
	}
	if readErr != nil {
		return netError(r.URL, readErr, true)
	}
	from := core.OriginText(r.URL)
	if err := AnswerCode(text, secrets...); err != nil {
		return core.Prefix(err, from)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if answer != nil && json.Unmarshal(text, answer) != nil {
		return core.Errorf(core.CodeUnavailable, "the answer of %s is not the expected JSON", from)
	}
	return nil
}

// body returns the body of the request and its type.
func (c *Call) body() (text, kind string, err error) {
	if c.Form == nil {
		revealed, ok := reveal(c.JSON)
		b, err := json.Marshal(revealed)
		if err != nil || !ok {
			return "", "", core.Errorf(core.CodeBadConfig,
				"a value of the request cannot be sent as JSON")
		}
		return string(b), "application/json", nil
	}
	form := url.Values{}
	for name, value := range c.Form {
		switch v := value.(type) {
		case core.Secret:
			form.Set(name, v.Reveal())
		case []string:
			form[name] = v
		case string, bool, int, int64, float64:
			form.Set(name, fmt.Sprint(v))
		default:
			return "", "", core.Errorf(core.CodeBadConfig,
				"the parameter %q cannot be sent in a form", name)
		}
	}
	return form.Encode(), "application/x-www-form-urlencoded", nil
}

// reveal returns v with the text of its secrets. It returns false for a type of the
// caller's, which may contain a secret.
func reveal(v any) (any, bool) {
	switch v := v.(type) {
	case nil, string, bool, int, int64, float64, json.Number, []string, map[string]string:
		return v, true
	case core.Secret:
		return v.Reveal(), true
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			var ok bool
			if out[i], ok = reveal(value); !ok {
				return nil, false
			}
		}
		return out, true
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			var ok bool
			if out[name], ok = reveal(value); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}

// secrets returns the texts that no error of the call may repeat.
func (c *Call) secrets() []core.Secret {
	list := append([]core.Secret(nil), c.Secrets...)
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case core.Secret:
			list = append(list, v)
		case []any:
			for _, value := range v {
				collect(value)
			}
		case map[string]any:
			for _, value := range v {
				collect(value)
			}
		}
	}
	collect(c.Form)
	collect(c.JSON)
	for _, value := range c.Header {
		list = append(list, value)
		if _, token, ok := strings.Cut(value.Reveal(), " "); ok {
			list = append(list, core.NewSecret(token))
		}
	}
	return list
}
