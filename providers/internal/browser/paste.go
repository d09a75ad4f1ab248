// An answer that the person brings by hand, as a browser on another machine cannot reach the
// listener.
//
// Read on in connections.go.

package browser

import (
	"errors"
	"net/url"
	"strings"
)

// Paste takes the address that the person copied from the browser after the sign-in, as if the
// browser had opened it. The error is for the person, and repeats nothing of text; the
// sign-in then continues to wait. Paste does nothing if there is an answer already.
func (l *Listener) Paste(text string) error {
	answer, err := ParseAnswer(text, l.cfg.State)
	if err != nil {
		return err
	}
	if accepted, _ := l.accept(answer, ""); accepted != nil {
		close(accepted.sent)
	}
	return nil
}

var (
	errNothingPasted = errors.New("nothing was pasted")
	errNoAnswer      = errors.New("that is not the address, which has code= and state= in it: " +
		"copy all of it from the address bar, after the sign-in")
	errLinkPasted = errors.New("that is the link to open; " +
		"after the sign-in the browser shows another address: paste that one")
	errOtherState = errors.New("that address belongs to another sign-in, or is incomplete: " +
		"open the newest link, and copy all of the address")
)

// ParseAnswer returns the parameters of an answer in an address that a person pasted: in its query,
// or in its fragment. Line breaks, quotes and what cannot be seen are removed. An error is
// for the person, and repeats nothing of text.
func ParseAnswer(text, state string) (url.Values, error) {
	text = cleanPaste(text)
	if text == "" {
		return nil, errNothingPasted
	}
	answer := url.Values{}
	for _, part := range answerParts(text) {
		values, err := url.ParseQuery(part)
		if err == nil && (values.Has("state") || values.Has("code") || values.Has("error")) {
			answer = values
			break
		}
	}
	switch {
	case answer.Has("redirect_uri") || answer.Has("response_type"):
		return nil, errLinkPasted
	case !answer.Has("state"):
		return nil, errNoAnswer
	case !hasState(answer, state):
		return nil, errOtherState
	case !answer.Has("code") && !answer.Has("error"):
		return nil, errNoAnswer
	}
	return answer, nil
}

// answerParts returns where the parameters may be in an address: its query, its fragment, or all of
// it.
func answerParts(text string) []string {
	before, inFragment, _ := strings.Cut(text, "#")
	_, query, hasQuery := strings.Cut(before, "?")
	if !hasQuery && !strings.Contains(before, "://") {
		query = before
	}
	return []string{query, inFragment}
}

// ParseCode returns the answer in what a person typed or pasted where nothing listens for the
// redirect, and a page shows the code: the code alone, the code and the state with "#" between
// them, or an address as [ParseAnswer] reads it. The answer of a typed code has no state: it is
// bound to the sign-in by the verifier (RFC 7636).
func ParseCode(text, state string) (url.Values, error) {
	cleaned := cleanPaste(text)
	code, after, hasState := strings.Cut(cleaned, "#")
	switch {
	case code == "" || strings.ContainsAny(code, "?&=:") || strings.Contains(after, "="):
		return ParseAnswer(text, state)
	case hasState && after != state:
		return nil, errOtherState
	}
	return url.Values{"code": {code}}, nil
}

// cleanPaste returns what a person pasted without the marks of a terminal's bracketed paste, and
// without what an address cannot have in it: line breaks, spaces, characters that cannot be seen,
// and quotes around it.
func cleanPaste(text string) string {
	for _, mark := range []string{"\x1b[200~", "\x1b[201~"} {
		text = strings.ReplaceAll(text, mark, "")
	}
	text = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return strings.Trim(text, "\"'`<>")
}
