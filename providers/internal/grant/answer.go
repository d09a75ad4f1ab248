package grant

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

const (
	maxAnswer  = 1 << 20  // bytes of a token answer
	maxRefusal = 64 << 10 // bytes of a refusal that are read for its error code
	// maxLifetime is the longest lifetime in seconds that is believed: ten
	// years. A token that claims more gets this much.
	maxLifetime = 10 * 365 * 24 * 60 * 60
)

// answer is a token answer (RFC 6749 §5.1) after the check: what is left of it
// for x/oauth2 to read.
type answer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int64  `json:"expires_in,omitempty"` // seconds; 0: unknown
}

// plain reads the body of resp, closes it and puts the checked answer in its
// place. An answer that is no success, or cannot be used, becomes an error.
func plain(resp *http.Response, secrets []core.Secret) error {
	defer resp.Body.Close()
	from := resp.Request.URL.Scheme + "://" + resp.Request.URL.Host
	if resp.StatusCode >= 300 {
		// The status says enough, also when the body breaks off.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		var doc struct{ Error string }
		_ = json.Unmarshal(body, &doc) // not JSON: no code
		return keep(core.AnswerError(resp, body, secrets...), doc.Error)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case errors.As(err, new(*core.Error)):
		return err
	case err != nil:
		return core.Errorf(core.Unavailable, "the answer of %s breaks off: %w", from, err)
	case len(body) > maxAnswer:
		return core.Errorf(core.Unavailable, "%s answers with more than %d KiB", from, maxAnswer>>10)
	}
	a, err := parseAnswer(resp.Header.Get("Content-Type"), body, secrets...)
	if err != nil {
		return core.Errorf(core.CodeOf(err), "%s: %w", from, errors.Unwrap(err))
	}
	if body, err = json.Marshal(a); err != nil {
		return core.Errorf(core.Unavailable, "%s: the answer cannot be read", from)
	}
	resp.Header = http.Header{"Content-Type": {"application/json"}}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// telling are the error codes that callers ask [ErrorCode] for. Others are not
// kept: a server may put anything there.
var telling = []string{"invalid_client", "invalid_grant", "unsupported_token_type"}

// refusal keeps the error code of a refusal beside its text.
type refusal struct {
	error
	code string
}

func (r *refusal) Unwrap() error { return r.error }

// keep notes the error code of the answer in err, for [ErrorCode].
func keep(err error, code string) error {
	var e *core.Error
	if slices.Contains(telling, code) && errors.As(err, &e) {
		e.Err = &refusal{e.Err, code}
	}
	return err
}

// ErrorCode reports whether err is a refusal of the server with the given
// "error": invalid_client or invalid_grant (RFC 6749 §5.2), or
// unsupported_token_type (RFC 7009 §2.2.1).
func ErrorCode(err error, code string) bool {
	var r *refusal
	return errors.As(err, &r) && r.code == code
}

// parseAnswer reads a success answer of a token endpoint: JSON, or the form
// encoding that some endpoints use.
func parseAnswer(contentType string, body []byte, secrets ...core.Secret) (answer, error) {
	fields, err := parseFields(contentType, body)
	if err != nil {
		return answer{}, err
	}
	if raw, ok := fields["error"]; ok && raw != nil && raw != "" {
		text, _ := raw.(string)
		description, _ := fields["error_description"].(string)
		doc, _ := json.Marshal(map[string]string{"error": text, "error_description": description})
		err := core.AnswerCode(doc, secrets...)
		if err == nil {
			err = core.Errorf(core.Denied, "the answer is an error")
		}
		return answer{}, keep(err, text)
	}
	var a answer
	for name, into := range map[string]*string{
		"access_token": &a.AccessToken, "token_type": &a.TokenType, "refresh_token": &a.RefreshToken,
	} {
		text, ok := fields[name].(string)
		if !ok && fields[name] != nil {
			return answer{}, core.Errorf(core.Unavailable, "the answer's %s is not a string", name)
		}
		*into = text
	}
	a.ExpiresIn = lifetime(fields["expires_in"])
	return a, a.check()
}

// check refuses what could not be sent in an Authorization header, and types
// of token that are used in another way (RFC 6749 §7.1).
func (a answer) check() error {
	switch {
	case a.AccessToken == "":
		return core.Errorf(core.Unavailable, "the answer has no access_token")
	case !visible(a.AccessToken) || strings.Contains(a.AccessToken, " "):
		return core.Errorf(core.Unavailable, "the answer's access_token has characters that may not be sent")
	case !visible(a.RefreshToken):
		return core.Errorf(core.Unavailable, "the answer's refresh_token has characters that may not be sent")
	case a.TokenType == "" || strings.EqualFold(a.TokenType, "Bearer"):
		return nil
	}
	for _, known := range []string{"DPoP", "mac", "N_A", "Basic"} {
		if strings.EqualFold(a.TokenType, known) {
			return core.Errorf(core.BadConfig, "the server issues tokens of type %s; only Bearer is supported", known)
		}
	}
	return core.Errorf(core.BadConfig, "the server issues tokens of an unknown type; only Bearer is supported")
}

// visible reports whether s is made of VSCHAR (RFC 6749 appendix A).
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// parseFields returns the members of the answer. Names are compared exactly.
func parseFields(contentType string, body []byte) (map[string]any, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 {
		return nil, core.Errorf(core.Unavailable, "the answer is empty")
	}
	if body[0] == '{' {
		var fields map[string]any
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&fields); err != nil || d.More() {
			return nil, core.Errorf(core.Unavailable, "the answer is not valid JSON")
		}
		return fields, nil
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind == "application/x-www-form-urlencoded" || kind == "text/plain" {
		form, err := url.ParseQuery(string(body))
		if err == nil && (form.Has("access_token") || form.Has("error")) {
			fields := make(map[string]any, len(form))
			for name := range form {
				fields[name] = form.Get(name)
			}
			return fields, nil
		}
	}
	return nil, core.Errorf(core.Unavailable, "the answer is not a JSON object: is this a token endpoint?")
}

// lifetime reads expires_in (RFC 6749 §5.1), whatever became of it: seconds as
// a number or a string, with or without a fraction. It returns 0 for what
// cannot be a lifetime.
func lifetime(raw any) int64 {
	var text string
	switch v := raw.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case math.IsInf(seconds, 1) && text != "" && text[0] >= '0' && text[0] <= '9':
		return maxLifetime // a number too large for a float64
	case err != nil || math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds <= 0:
		return 0
	}
	return max(1, int64(min(seconds, maxLifetime)))
}
