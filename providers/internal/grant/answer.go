// The answers of the endpoints.
//
// Read on in clock.go.

package grant

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

const (
	maxAnswer  = 1 << 20  // bytes of a token answer
	maxRefusal = 64 << 10 // bytes that are read of an error answer, for its error code
)

// bearer is the usual type of token (RFC 6750).
const bearer = "Bearer"

// Fields are the members of an endpoint's answer, by their exact names.
type Fields map[string]any

// Text returns a member that is a string. It returns the empty string for a member that is absent
// or null, and [core.CodeUnavailable] for one of another type.
func (f Fields) Text(name string) (string, error) {
	text, ok := f[name].(string)
	if !ok && f[name] != nil {
		return "", core.Errorf(core.CodeUnavailable, "the answer's %s is not a string", name)
	}
	return text, nil
}

// Seconds returns a member that is a lifetime in seconds, at most ten years: a number or a string,
// with or without a fraction. It returns 0 for anything else.
func (f Fields) Seconds(name string) int64 { return lifetime(f[name]) }

// readAnswer reads the body of resp. An answer with an error status becomes an error that does not
// repeat secrets.
func readAnswer(resp *http.Response, secrets []core.Secret) (Fields, error) {
	from := resp.Request.URL.Scheme + "://" + resp.Request.URL.Host
	if resp.StatusCode >= 300 {
		// A body that is incomplete does not matter: the status decides.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		var doc struct{ Error string }
		_ = json.Unmarshal(body, &doc) // a body that is not JSON has no error code
		return nil, withErrorCode(providerhttp.AnswerError(resp, body, secrets...), doc.Error)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case errors.As(err, new(*core.Error)):
		return nil, err
	case err != nil:
		return nil, core.Errorf(core.CodeUnavailable, "the answer of %s breaks off: %w", from, err)
	case len(body) > maxAnswer:
		return nil, core.Errorf(core.CodeUnavailable, "%s answers with more than %d KiB", from, maxAnswer>>10)
	}
	fields, err := parseAnswer(resp.Header.Get("Content-Type"), body, secrets...)
	if err != nil {
		return nil, core.Prefix(err, from)
	}
	return fields, nil
}

// errorCodes are the codes that [ErrorCode] knows. No other text is kept, as a server may send
// anything.
var errorCodes = []string{
	"invalid_client", "invalid_grant", "invalid_request", "unauthorized_client",
	"unsupported_grant_type", "unsupported_token_type",
	"use_dpop_nonce", "invalid_dpop_proof",
	"authorization_pending", "slow_down", "expired_token", "access_denied",
}

// codedError is an error with the error code of the answer.
type codedError struct {
	error
	code string
}

func (e *codedError) Unwrap() error { return e.error }

// withErrorCode adds the error code of an answer to err, for [ErrorCode]. It changes err, which
// readAnswer and parseAnswer have made.
func withErrorCode(err error, code string) error {
	var e *core.Error
	if slices.Contains(errorCodes, code) && errors.As(err, &e) {
		e.Err = &codedError{e.Err, code}
	}
	return err
}

// ErrorCode reports whether err is an error answer of the server whose "error" is code. It knows
// the codes of RFC 6749 §5.2 except invalid_scope, those of DPoP (RFC 9449 §5, §8), of revocation
// (RFC 7009 §2.2.1) and of the device authorization grant (RFC 8628 §3.5).
func ErrorCode(err error, code string) bool {
	var e *codedError
	return errors.As(err, &e) && e.code == code
}

// parseAnswer parses an answer with a success status: JSON, or the form encoding that some token
// endpoints use. Some servers report an error with such a status.
func parseAnswer(contentType string, body []byte, secrets ...core.Secret) (Fields, error) {
	fields, err := parseFields(contentType, body)
	if err != nil {
		return nil, err
	}
	raw, ok := fields["error"]
	if !ok || raw == nil || raw == "" {
		return fields, nil
	}
	text, _ := raw.(string)
	description, _ := fields["error_description"].(string)
	doc, _ := json.Marshal(map[string]string{"error": text, "error_description": description})
	if err = providerhttp.AnswerCode(doc, secrets...); err == nil {
		err = core.Errorf(core.CodeDenied, "the answer is an error")
	}
	return nil, withErrorCode(err, text)
}

// token parses a token answer (RFC 6749 §5.1). hasProof says whether the request had a DPoP proof.
func (f Fields) token(hasProof bool) (Token, error) {
	var t Token
	var access, refresh, id string
	for name, into := range map[string]*string{
		"access_token": &access, "token_type": &t.Type, "refresh_token": &refresh, "id_token": &id,
		"scope": &t.Scope, "issued_token_type": &t.Issued,
	} {
		var err error
		if *into, err = f.Text(name); err != nil {
			return Token{}, err
		}
	}
	switch {
	case access == "":
		return Token{}, core.Errorf(core.CodeUnavailable, "the answer has no access_token")
	case !isVisible(access) || strings.Contains(access, " "):
		return Token{}, core.Errorf(core.CodeUnavailable,
			"the answer's access_token has characters that may not be sent")
	case !isVisible(refresh):
		return Token{}, core.Errorf(core.CodeUnavailable,
			"the answer's refresh_token has characters that may not be sent")
	}
	var err error
	if t.Type, err = tokenType(t.Type, hasProof); err != nil {
		return Token{}, err
	}
	t.Access, t.Refresh, t.ID = core.NewSecret(access), core.NewSecret(refresh), core.NewSecret(id)
	if seconds := f.Seconds("expires_in"); seconds > 0 {
		t.Expiry = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	return t, nil
}

// tokenType returns the type of a token in its usual spelling. A type that this package does not
// know is an error, as a client must not use such a token (RFC 6749 §7.1). A bearer token that
// answers a proof is one, too: it is not bound to the key, and whoever obtains it can use it.
func tokenType(name string, hasProof bool) (string, error) {
	switch {
	case hasProof && (name == "" || strings.EqualFold(name, bearer)):
		return "", core.Errorf(core.CodeBadConfig,
			"the server issued a bearer token although a DPoP proof was sent, which was not taken (RFC "+
				"9449 §5): it does not support DPoP, or not for this client")
	case name == "" || strings.EqualFold(name, bearer):
		return bearer, nil
	case strings.EqualFold(name, "N_A"):
		return "", core.Errorf(core.CodeBadConfig,
			"the server issued a token that is not an access token (token_type N_A, RFC 8693 §2.2.1): ask for "+
				"another requested_token_type")
	case strings.EqualFold(name, "DPoP") && hasProof:
		return "DPoP", nil
	}
	if strings.EqualFold(name, "DPoP") {
		return "", core.Errorf(core.CodeBadConfig,
			"the server issues tokens of type DPoP, which are bound to a key (RFC 9449), and no proof was "+
				"sent: turn dpop on")
	}
	for _, other := range []string{"mac", "Basic"} {
		if strings.EqualFold(name, other) {
			return "", core.Errorf(core.CodeBadConfig,
				"the server issues tokens of type %s, which was not asked for", other)
		}
	}
	return "", core.Errorf(core.CodeBadConfig, "the server issues tokens of an unknown type")
}

// isVisible reports whether s consists of VSCHAR (RFC 6749 appendix A).
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// parseFields returns the members of the answer. It uses a map, as encoding/json compares the names
// of struct fields without regard to case.
func parseFields(contentType string, body []byte) (Fields, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	if len(body) == 0 {
		return nil, core.Errorf(core.CodeUnavailable, "the answer is empty")
	}
	if body[0] == '{' {
		var fields Fields
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		err := d.Decode(&fields)
		if _, more := d.Token(); err != nil || more != io.EOF {
			return nil, core.Errorf(core.CodeUnavailable, "the answer is not valid JSON")
		}
		return fields, nil
	}
	mediaType, _, _ := mime.ParseMediaType(contentType)
	if mediaType == "application/x-www-form-urlencoded" || mediaType == "text/plain" {
		form, err := url.ParseQuery(string(body))
		if err == nil && (form.Has("access_token") || form.Has("error")) {
			fields := make(Fields, len(form))
			for name := range form {
				fields[name] = form.Get(name)
			}
			return fields, nil
		}
	}
	return nil, core.Errorf(core.CodeUnavailable,
		"the answer is not a JSON object: is this an endpoint of an authorization server?")
}

// lifetime returns a lifetime in seconds.
func lifetime(raw any) int64 {
	var text string
	switch v := raw.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	return int64(time.Duration(providerhttp.ParseLifetime(text)) / time.Second)
}
