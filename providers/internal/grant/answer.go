// The answers of the endpoints.
//
// Read on in clock.go.

package grant

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/internal/members"
)

const (
	maxAnswer  = 1 << 20  // bytes of a token answer
	maxRefusal = 64 << 10 // bytes that are read of an error answer, for its error code
)

// bearer is the usual type of token (RFC 6750).
const bearer = "Bearer"

// Fields are the members of an endpoint's answer, by their exact names. Each is read by itself.
type Fields members.Object

func (f Fields) object() members.Object { return members.Object(f) }

// Text returns a member that is a string. It returns the empty string for a member that is absent
// or null, and [core.CodeUnavailable] for one of another type. It is for members that the caller
// needs; any other member is read with Optional.
func (f Fields) Text(name string) (string, error) {
	if f.object().Has(name) && !f.object().IsText(name) {
		return "", core.Errorf(core.CodeUnavailable, "the answer's %s is not a string", name)
	}
	return f.object().Text(name), nil
}

// Optional returns a member that is a string; the empty string for anything else.
func (f Fields) Optional(name string) string { return f.object().Text(name) }

// At returns the text of a string, a number or a boolean at a path, whose parts are separated by
// dots; the empty string for anything else.
func (f Fields) At(path string) string {
	object, name := f.object().Find(path)
	if text := object.Number(name); text != "" {
		return text
	}
	if object.Bool(name) {
		return "true"
	}
	return ""
}

// Seconds returns a member that is a lifetime in seconds, at most ten years: a number or a string,
// with or without a fraction. It returns 0 for anything else.
func (f Fields) Seconds(name string) int64 {
	lifetime := providerhttp.ParseLifetime(f.object().Number(name))
	return int64(time.Duration(lifetime) / time.Second)
}

// readAnswer reads the body of resp. An answer with an error status becomes an error that does not
// repeat secrets. refreshes says that the request presents a refresh token.
func readAnswer(resp *http.Response, endpoint string, refreshes bool,
	secrets []core.Secret) (Fields, error) {
	from := endpointText(endpoint, secrets)
	if resp.StatusCode >= 300 {
		// A body that is incomplete does not matter: the status decides.
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		return nil, refusalOf(providerhttp.AnswerErrorOf(from, resp, body, secrets...),
			resp.StatusCode, body, refreshes)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case errors.As(err, new(*core.Error)):
		return nil, err
	case err != nil:
		return nil, core.Errorf(core.CodeUnavailable, "the answer of %s breaks off: %w", from, err)
	case len(body) > maxAnswer:
		return nil, core.Errorf(core.CodeUnavailable,
			"%s answers with more than %d KiB", from, maxAnswer>>10)
	}
	fields, err := parseAnswer(body, refreshes, secrets...)
	if err != nil {
		return nil, core.Prefix(err, from)
	}
	return fields, nil
}

// parseAnswer parses an answer with a success status: JSON, or the form encoding that some token
// endpoints use. Some servers report an error with such a status. refreshes says that the answer is
// to a refresh token.
func parseAnswer(body []byte, refreshes bool, secrets ...core.Secret) (Fields, error) {
	object, err := members.ReadAnswer(body)
	switch {
	case errors.Is(err, members.ErrEmpty):
		return nil, core.Errorf(core.CodeUnavailable, "the answer is empty")
	case errors.Is(err, members.ErrNotObject):
		return nil, core.Errorf(core.CodeUnavailable,
			"the answer is not a JSON object: is this an endpoint of an authorization server?")
	case err != nil:
		return nil, core.Errorf(core.CodeUnavailable, "the answer is not valid JSON")
	}
	isText := object.IsText("error")
	if !object.Has("error") || isText && object.Text("error") == "" {
		return Fields(object), nil
	}
	if err = providerhttp.AnswerCode(body, secrets...); err == nil {
		code := core.CodeDenied
		if !isText && refreshes {
			code = core.CodeUnavailable // no code says that the token is refused
		}
		err = core.Errorf(code, "the answer is an error")
	}
	return nil, withRefusal(err, refusalError{code: object.ErrorCode(),
		unclear: !isText && refreshes})
}

// token parses a token answer (RFC 6749 §5.1). Members other than the access token and its type
// cannot fail it: one of an unexpected kind is absent.
func (c *Client) token(f Fields, secrets []core.Secret) (Token, error) {
	path := c.TokenPath
	if path == "" {
		path = "access_token"
	}
	object, name := f.object().Find(path)
	near := Fields(object)
	access, err := near.Text(name)
	switch {
	case err != nil:
		return Token{}, err
	case access == "":
		return Token{}, core.Errorf(core.CodeUnavailable, "the answer has no %s", path)
	case !isVisible(access) || strings.Contains(access, " "):
		return Token{}, core.Errorf(core.CodeUnavailable,
			"the answer's %s has characters that may not be sent", path)
	}
	// The members beside the token count before those of the whole answer.
	find := func(name string) Fields {
		if near.object().Has(name) {
			return near
		}
		return f
	}
	kind, err := find("token_type").Text("token_type")
	if err != nil {
		return Token{}, err
	}
	t := Token{
		Access: core.NewSecret(access), ID: core.NewSecret(find("id_token").Optional("id_token")),
		Scope:  strings.Join(find("scope").object().List("scope"), " "),
		Issued: f.Optional("issued_token_type"), Fields: f,
	}
	if t.Type, err = c.tokenType(kind, secrets); err != nil {
		return Token{}, err
	}
	refresh := find("refresh_token").Optional("refresh_token")
	t.replacesRefresh = find("refresh_token").object().Has("refresh_token") &&
		(refresh != "" || !find("refresh_token").object().IsText("refresh_token"))
	if !isVisible(refresh) {
		return Token{}, core.Errorf(core.CodeUnavailable,
			"the answer's refresh_token has characters that may not be sent")
	}
	t.Refresh = core.NewSecret(refresh)
	if seconds := find("expires_in").Seconds("expires_in"); seconds > 0 {
		t.Expiry = time.Now().Add(time.Duration(seconds) * time.Second)
	}
	return t, nil
}

// tokenType returns the type of a token in its usual spelling. A type that this package does not
// know is an error, as a client must not use such a token (RFC 6749 §7.1). A bearer token that
// answers a proof is one, too: it is not bound to the key, and whoever obtains it can use it.
func (c *Client) tokenType(name string, secrets []core.Secret) (string, error) {
	hasProof := c.Prover != nil
	if c.BearerType != "" && strings.EqualFold(name, c.BearerType) {
		name = bearer
	}
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
	return "", core.Errorf(core.CodeBadConfig, "the server issues tokens of an unknown type%s",
		typeAdvice(name, secrets))
}

// typeAdvice returns what to do about an unknown type of token. The name is shown only if it looks
// like one, as a server may put anything there.
func typeAdvice(name string, secrets []core.Secret) string {
	isName := name != "" && len(name) <= maxTypeName && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>", r)
	})
	if !isName || core.Printable(name, maxTypeName, secrets...) != name {
		return "; if they are bearer tokens, set token_type to its name"
	}
	return fmt.Sprintf(" (%s); if they are bearer tokens, set token_type: %[1]s", name)
}

const maxTypeName = 40 // bytes of a token type that an error shows

// isVisible reports whether s consists of VSCHAR (RFC 6749 appendix A).
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
