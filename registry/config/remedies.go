// Read on in json.go.

package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authsession/authsession/core"
)

// This file says what to write where a text is not of its format. The message of a parser quotes at
// most one character. It is left out if it may be of a value.

// remedy is what to write, for messages of a parser that have a part.
type remedy struct{ part, text string }

// syntaxProblem returns the problem of a text that is not of its format, given a parser's message,
// where the parser noticed it and the offset that is reported. It returns the offset of an unusual
// space instead if there is one.
func syntaxProblem(
	data []byte, noticed, at int, message string, remedies []remedy,
) (string, int) {
	if space := unusualSpace(data, noticed); space >= 0 {
		r, _ := utf8.DecodeRune(data[space:])
		return fmt.Sprintf("the character %U looks like a space or cannot be seen: replace it by a space, "+
			"or remove it", r), space
	}
	for _, r := range remedies {
		if strings.Contains(message, r.part) {
			return withoutCharacter(message) + ": " + r.text, at
		}
	}
	return withoutCharacter(message), at
}

var quotedCharacter = regexp.MustCompile(`(?: but got)?(?: | ?: )(?:U\+[0-9A-F]+(?: '.')?|'[^\\]')`)

// withoutCharacter leaves out the character that a message quotes, unless it is a mark of ASCII,
// which is more probably of the format than of a value.
func withoutCharacter(message string) string {
	return quotedCharacter.ReplaceAllStringFunc(message, func(text string) string {
		if mark := strings.TrimSuffix(text, "'"); mark != text {
			c, _ := utf8.DecodeLastRuneInString(mark)
			if c > ' ' && c < unicode.MaxASCII && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
				return text
			}
		}
		return ""
	})
}

// jsonRemedies are those for encoding/json, in the order in which they are tried.
var jsonRemedies = []remedy{
	{"exceeded max depth", "nested deeper than 64 levels"},
	{"unexpected end", "a quote or a bracket is not closed"},
	{"after top-level value", "remove what is behind the end"},
	{"in string literal", `write \n for a line break and \t for a tab`},
	{"in string escape code", `write \\ for a backslash`},
	{`in \u hexadecimal`, `write \\ for a backslash`},
	{"'/'", "JSON has no comments"},
	{"'#'", "JSON has no comments"},
	{`'\''`, "a text has double quotes"},
	{"','", "a value is missing, or a comma is left over"},
	{"'}'", "a value is missing, or a comma is left over"},
	{"']'", "a value is missing, or a comma is left over"},
	{"after object key:value pair", "a comma or a closing bracket is missing"},
	{"after array element", "a comma or a closing bracket is missing"},
	{"after object key", "a colon is missing"},
	{"beginning of object key string", "a key has double quotes"},
	{"", "a text has double quotes; others are numbers, true, false and null"},
}

const (
	tomlQuotes    = "a text has quotes; others are numbers, dates, true and false"
	tomlBackslash = `write \\ for a backslash, or use single quotes`
)

// tomlRemedies are those for go-toml.
var tomlRemedies = []remedy{
	{"at start of value", tomlQuotes},
	{"expected keyword", tomlQuotes},
	{"expected newline", "a text has quotes, and a line has one key"},
	{"expected digit", tomlQuotes},
	{"leading zeroes", "put a text in quotes"},
	{"strings must be quoted", tomlQuotes},
	{"expected value", "a value is missing"},
	{"after key", "write key = value, and a key with other characters in quotes"},
	{"start of key", "write key = value, and a key with other characters in quotes"},
	{"to close", "a bracket is missing"},
	{"incomplete", "a bracket is missing"},
	{"after array value", "a comma or a bracket is missing"},
	{"inline table key-value", "a comma or a bracket is missing"},
	{"unicode", tomlBackslash},
	{"escape", tomlBackslash},
	{"cannot have new lines", "a quote is not closed, or a text of several lines needs three quotes"},
	{"unterminated", "a quote is not closed"},
	{"not terminated", "a quote is not closed"},
	{"control characters", `write it as an escape such as \u001b in double quotes`},
}

// unusualSpace returns the offset of a character that looks like a space or cannot be seen, where
// the format has a space or a key begins; -1: the line of an offset and the one before have none.
func unusualSpace(data []byte, at int) int {
	at = min(max(at, 0), len(data))
	begin := bytes.LastIndexByte(data[:at], '\n') + 1
	begin = bytes.LastIndexByte(data[:max(begin-1, 0)], '\n') + 1
	end := lineEnd(data, at)
	before := byte('\n') // the last byte that is no space
	for i := begin; i < end; {
		r, size := utf8.DecodeRune(data[i:end])
		isUnusual := r >= utf8.RuneSelf && (unicode.Is(unicode.Zs, r) || core.Printable(string(r), 1) == "")
		if isUnusual && (i == at || bytes.IndexByte([]byte("\n:=,{[-"), before) >= 0) {
			return i
		}
		if !isBlank(data[i]) || data[i] == '\n' {
			before = data[i+size-1]
		}
		i += size
	}
	return -1
}

// lineSeparators are line breaks to readers of YAML 1.1, of which the library is one, and none in
// YAML 1.2.
var lineSeparators = []string{"\u0085", "\u2028", "\u2029"}

// lineSeparator returns the offset of the first line separator beyond ASCII; -1: there is none.
func lineSeparator(data []byte) int {
	first := -1
	for _, s := range lineSeparators {
		if at := bytes.Index(data, []byte(s)); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}
