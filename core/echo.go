// Read on in sender.go.

package core

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// removeAddedQuery removes the query parameters that the session added to sent, the URL
// of a request, from a redirect that repeats them, as one to the same path with a slash
// does. The next request gets them again if it may have them; the URL, errors and
// Referer do not contain them. A Location that contains one of their values in another
// way is deleted. callers is the URL of the caller's request.
func removeAddedQuery(header http.Header, sent, callers *url.URL) {
	added := sent.Query()
	for name := range callers.Query() {
		delete(added, name)
	}
	lines := slices.Clone(header["Location"])
	for i, line := range lines {
		lines[i] = removeParams(line, added)
		for _, values := range added {
			if containsValue(lines[i], values[0]) {
				delete(header, "Location")
				return
			}
		}
	}
	header["Location"] = lines
}

// removeParams removes the query parameters of a URL that have the name and the
// value of one of params. It works on the text, because clients follow, and
// show in their errors, URLs that [url.Parse] rejects.
func removeParams(text string, params url.Values) string {
	text, fragment, _ := cutBefore(text, "#")
	path, query, found := strings.Cut(text, "?")
	if !found {
		return text + fragment
	}
	parts := strings.Split(query, "&")
	parts = slices.DeleteFunc(parts, func(part string) bool {
		name, value, _ := strings.Cut(part, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if nameErr != nil || valueErr != nil || !params.Has(name) {
			return false
		}
		return strings.ReplaceAll(params.Get(name), "+", " ") == strings.ReplaceAll(value, "+", " ")
	})
	return path + "?" + strings.Join(parts, "&") + fragment
}

// cutBefore is [strings.Cut] with sep left at the front of after.
func cutBefore(s, sep string) (before, after string, found bool) {
	if i := strings.Index(s, sep); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", false
}

const (
	maxEncodings = 8 // how often a text may be percent-encoded
	shortValue   = 6 // bytes; a shorter value is found only as a whole word
)

// containsValue reports whether text contains value in upper or lower case,
// percent-encoded any number of times. For a text that is encoded more than
// maxEncodings times it returns true.
func containsValue(text, value string) bool {
	value = comparableText(value)
	for range maxEncodings {
		if containsWord(comparableText(text), value) {
			return true
		}
		decoded := percentDecode(text)
		if decoded == text {
			return false
		}
		text = decoded
	}
	return true
}

// comparableText returns s with A to Z in lower case, without control characters, which
// some clients remove from URLs, and with a space for each plus sign.
func comparableText(s string) string {
	out := make([]byte, 0, len(s))
	for _, c := range []byte(lowerASCII(s)) {
		switch {
		case c < ' ' || c == 0x7f:
		case c == '+':
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// containsWord reports whether text contains value; a short value must not be a part of
// a longer word.
func containsWord(text, value string) bool {
	if value == "" {
		return false
	}
	for from := 0; ; {
		i := strings.Index(text[from:], value)
		if i < 0 {
			return false
		}
		start := from + i
		end := start + len(value)
		inside := start > 0 && isWordByte(text[start-1]) || end < len(text) && isWordByte(text[end])
		if len(value) >= shortValue || !inside {
			return true
		}
		from = start + 1
	}
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c >= 0x80
}

// percentDecode decodes what is percent-encoded (RFC 3986 §2.1) and leaves a
// percent sign that does not begin a code unchanged.
func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, low := hexDigit(s[i+1]), hexDigit(s[i+2])
			if high >= 0 && low >= 0 {
				out = append(out, byte(high<<4|low))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
