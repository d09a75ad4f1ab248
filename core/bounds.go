// Read on in credential.go.

package core

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file bounds the texts of sessions and credentials. The bounds apply wherever the text
// comes from: a provider in the program, a plugin or a store. They are far above what is
// meant, so that a text over one of them is a fault, and the same each time that it is
// obtained.
const (
	maxName          = 256     // bytes of the name of a session, kind, environment or role
	maxStoreText     = 4 << 10 // bytes of StoreKey, StoreFormerKey and StoreScope
	maxSubject       = 1 << 10 // bytes
	maxOrigins       = 1000
	maxOriginText    = 1 << 10 // bytes of one origin
	maxAttributes    = 1000
	maxAttributeName = 1 << 10  // bytes
	maxAttribute     = 64 << 10 // bytes of one value
	maxAttributeText = 1 << 20  // bytes of all names and values
	maxRefreshState  = 1 << 20  // bytes
	maxCertificates  = 2 << 20  // bytes of Cert, and of Roots
	maxRemembered    = 16       // headers in RememberHeaders; their names have maxName bytes
)

// CheckName returns an error with [CodeBadConfig] if name cannot be the name of a
// session, a kind, an environment or an input: it has more than 256 bytes, is not UTF-8
// or has characters that nobody sees, such as line breaks, NUL, zero-width characters and
// marks that change the direction of the text. An empty name passes. The error does not
// repeat the name.
func CheckName(name string) error {
	if problem := textProblem(name, maxName, isVisible); problem != "" {
		return Errorf(CodeBadConfig, "the name %s", problem)
	}
	return nil
}

// textProblem returns what is wrong with a text whose characters all have to be allowed.
// Empty: nothing.
func textProblem(text string, limit int, allowed func(rune) bool) string {
	switch {
	case len(text) > limit:
		return fmt.Sprintf("is longer than %d bytes", limit)
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case strings.ContainsFunc(text, func(r rune) bool { return !allowed(r) }):
		return "has characters that cannot be seen"
	}
	return ""
}

// isSubjectRune reports whether r may be in a subject. The two joiners are part of how
// some languages are written.
func isSubjectRune(r rune) bool { return isVisible(r) || r == '\u200c' || r == '\u200d' }

// isAttributeRune reports whether r may be in the value of an attribute, which may be a
// text of several lines.
func isAttributeRune(r rune) bool {
	return !unicode.IsControl(r) || r == '\n' || r == '\r' || r == '\t'
}
