// Read on in errors.go.

package core

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// This file decides how much of a foreign text may be shown, such as the text of a
// server, of a plugin or of a file. The text is cleaned first and then compared with
// the secrets, so that an invisible character cannot hide a secret.

// Printable returns foreign text in a form that fits into an error: without
// invisible characters (control and format characters, marks that change the
// direction of the text, fillers, bytes that are not UTF-8), and cut after limit
// characters. It returns "" if the result repeats a secret or eight characters
// of one, in a row: as they are, in upper or lower case, escaped for a URL, for
// JSON or for HTML, also twice, in hex, or in base64 at any offset. A secret
// of fewer than eight characters is searched for as a whole. What follows the cut
// is searched, too, so that no beginning of a secret stands before it. The time is
// linear in the lengths. It is safe for concurrent use.
func Printable(s string, limit int, secrets ...Secret) string {
	// As many characters as eight bytes of a secret take when each is escaped twice.
	const margin = 128
	s = visible(s, limit+margin)
	if s != "" && repeatsSecret(s, secrets) {
		return ""
	}
	return visible(s, limit)
}

// visible returns the first runes of s that can be seen.
func visible(s string, limit int) string {
	count := 0
	for i, r := range s {
		if !isVisible(r) {
			return onlyVisible(s, limit)
		}
		if count == limit {
			return s[:i] + "…"
		}
		count++
	}
	return s
}

func onlyVisible(s string, limit int) string {
	var b strings.Builder
	count := 0
	for _, r := range s {
		if !isVisible(r) {
			continue
		}
		if count == limit {
			return b.String() + "…"
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}

// isVisible reports whether a reader sees r, a plain space included.
func isVisible(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r != 0x7f
	}
	const blankBraille = '\u2800'
	return unicode.IsPrint(r) && r != utf8.RuneError && r != blankBraille &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// minRepeat is how many bytes of a secret, in a row, no text may repeat.
const minRepeat = 8

// repeatsSecret reports whether text repeats one of the secrets, or minRepeat bytes
// of one.
func repeatsSecret(text string, secrets []Secret) bool {
	if len(secrets) == 0 {
		return false
	}
	var readings [][]byte
	runs := map[uint64]struct{}{}
	for _, reading := range decodedForms(text) {
		folded := foldText(reading)
		readings = append(readings, folded)
		for i := 0; i+minRepeat <= len(folded); i++ {
			runs[binary.LittleEndian.Uint64(folded[i:])] = struct{}{}
		}
	}
	return slices.ContainsFunc(secrets, func(secret Secret) bool {
		return slices.ContainsFunc(encodedForms(secret.Reveal()), func(form []byte) bool {
			if len(form) < minRepeat {
				return containsAny(readings, form)
			}
			for i := 0; i+minRepeat <= len(form); i++ {
				if _, ok := runs[binary.LittleEndian.Uint64(form[i:])]; ok {
					return true
				}
			}
			return false
		})
	})
}

func containsAny(texts [][]byte, form []byte) bool {
	return slices.ContainsFunc(texts, func(text []byte) bool { return bytes.Contains(text, form) })
}

// maxEscapes is how many escapes around each other are undone.
const maxEscapes = 3

// decodedForms returns the text, and what it becomes when its escapes are undone in
// any order.
func decodedForms(text string) []string {
	all := []string{text}
	for begin, level := 0, 0; level < maxEscapes; level++ {
		end := len(all)
		for _, t := range all[begin:end] {
			for _, undo := range []func(string) string{unescapeURL, unescapeJSON, unescapeHTML} {
				if next := undo(t); !slices.Contains(all, next) {
					all = append(all, next)
				}
			}
		}
		begin = end
	}
	return all
}

// unescapeURL undoes percent-encoding and leaves what is not encoded so.
func unescapeURL(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(v))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// unescapeJSON undoes the escapes of JSON strings (RFC 8259 §7) and \x of
// JavaScript. What stands behind any other backslash is left.
func unescapeJSON(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b', 'f', 'n', 'r', 't': // control characters, which are not visible
		case 'u', 'x':
			r, n := escapedRune(s[i:])
			b.WriteRune(r)
			i += n - 1
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// escapedRune reads u0073, ud83d\ude00 or x73 at the start of s, and returns how
// long it is; the letter itself if no number follows.
func escapedRune(s string) (rune, int) {
	digits := 4
	if s[0] == 'x' {
		digits = 2
	}
	number := func(s string) (rune, bool) {
		if len(s) < digits {
			return 0, false
		}
		v, err := strconv.ParseUint(s[:digits], 16, 16)
		return rune(v), err == nil
	}
	r, ok := number(s[1:])
	if !ok {
		return rune(s[0]), 1
	}
	n := 1 + digits
	if utf16.IsSurrogate(r) && strings.HasPrefix(s[n:], `\u`) {
		if low, ok := number(s[n+2:]); ok {
			return utf16.DecodeRune(r, low), n + 2 + digits
		}
	}
	return r, n
}

func unescapeHTML(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	return html.UnescapeString(s)
}

// foldText returns s as it is compared: what is visible, without marks on letters,
// in lower case, and with one character for those that encodings exchange.
func foldText(s string) []byte {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if !isVisible(r) {
			continue
		}
		if r >= utf8.RuneSelf {
			if r = unicode.ToLower(unicode.ToUpper(r)); !unicode.Is(unicode.M, r) {
				b = utf8.AppendRune(b, r)
			}
			continue
		}
		switch {
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		case r == ' ' || r == '-': // + in the query of a URL and in base64
			r = '+'
		case r == '_': // in base64 for URLs
			r = '/'
		}
		b = append(b, byte(r))
	}
	return b
}

// pemMarker matches a line that begins or ends a block of PEM (RFC 7468). It is not secret,
// and its words are in many texts.
var pemMarker = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`-----(?:BEGIN|END) [A-Z0-9 ]{1,64}-----`)
})

// encodedForms returns the forms, folded, in which a secret may be in a text whose
// escapes are undone. Forms that are too short to mean anything are left out.
func encodedForms(secret string) [][]byte {
	secret = pemMarker().ReplaceAllString(secret, "")
	if secret == "" {
		return nil
	}
	forms := [][]byte{foldText(secret)}
	originals := []string{secret}
	if escaped := url.QueryEscape(secret); escaped != secret {
		originals = append(originals, escaped) // as HTTP Basic has it in OAuth (RFC 6749 §2.3.1)
	}
	for _, original := range originals {
		forms = append(forms, foldText(hex.EncodeToString([]byte(original))))
		for offset := range 3 {
			forms = append(forms, foldText(base64At(offset, original)))
		}
	}
	const minLength = 4
	usable := forms[:0]
	for i, form := range forms {
		if len(form) >= minLength || i == 0 && len(form) > 0 {
			usable = append(usable, form)
		}
	}
	return usable
}

// base64At returns those characters of the base64 encoding of s that are the
// same whatever stands before s, offset bytes behind a multiple of three, and
// after it.
func base64At(offset int, s string) string {
	text := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), s...))
	first := (offset*8 + 5) / 6
	last := len(text)
	if (offset+len(s))%3 != 0 {
		last--
	}
	return text[min(first, last):last]
}
