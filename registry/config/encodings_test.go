package config_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/registry/config"
)

// encodedFiles are good files of each format, and a file of the same lines with an unknown key in
// its last line.
var encodedFiles = map[string]string{
	"a.yaml": "sessions:\n  a:\n    provider: apikey\n    settings:\n      key: \"canary\"\n",
	"a.json": "{\n\"sessions\": {\n\"a\": {\n\"provider\": \"apikey\",\n\"settings\": {\n\"key\": \"canary\"}}}}\n",
	"a.toml": "[sessions.a]\nprovider = \"apikey\"\n[sessions.a.settings]\nkey = \"canary\"\n",
}

// utf16Of returns a text in UTF-16.
func utf16Of(text string, mark, isBig bool) string {
	if mark {
		text = "\ufeff" + text
	}
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		low, high := byte(unit), byte(unit>>8)
		if isBig {
			low, high = high, low
		}
		out = append(out, low, high)
	}
	return string(out)
}

// TestEncodings proves that a file in another encoding, or with characters that nobody sees, is
// read as it looks or is a fault with its line that names the character, in each format.
func TestEncodings(t *testing.T) {
	russian := "# " + strings.Repeat("настройки ", 20) + "\n"
	for _, c := range []struct {
		name   string
		change func(string) string
		want   string // empty: the file is good
		line   int    // of the fault; 0: any. JSON has one line more before the sessions
	}{
		{"CRLF", func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }, "", 0},
		{"a mark", func(s string) string { return "\ufeff" + s }, "", 0},
		{"two marks", func(s string) string { return "\ufeff\ufeff" + s }, "two byte order marks", 0},
		{"UTF-16LE", func(s string) string { return utf16Of(s, false, false) }, "UTF-16", 0},
		{"UTF-16BE", func(s string) string { return utf16Of(s, false, true) }, "UTF-16", 0},
		{"UTF-16LE with Russian", func(s string) string { return utf16Of(russian+s, false, false) }, "UTF-16", 0},
		{"UTF-16BE with Russian", func(s string) string { return utf16Of(russian+s, true, true) }, "UTF-16", 0},
		{"NULs of a crash", func(s string) string { return s + strings.Repeat("\x00", 512) }, "holds NUL", 0},
		{"a mark before a key", func(s string) string { return replaceIn(s, "provider", "\ufeffprovider") },
			"U+FEFF|cannot be seen", 3},
		{"a zero width space in a key", func(s string) string { return replaceIn(s, "provider", "provider\u200b") },
			"U+200B|cannot be seen", 3},
		{"a soft hyphen in a key", func(s string) string { return replaceIn(s, "provider", "pro\u00advider") },
			"U+00AD|cannot be seen", 3},
		{"a form feed", func(s string) string { return strings.Replace(s, "\n", "\n\f", 1) },
			"control|invalid character", 2},
		{"Ctrl-Z at the end", func(s string) string { return s + "\x1a" }, "control|invalid character", 0},
		{"a conflict", func(s string) string { return strings.Replace(s, "\n", "\n<<<<<<< HEAD\n", 1) },
			"not ", 2},
	} {
		for file, text := range encodedFiles {
			opts := options(t, file, c.change(text))
			if c.want == "" {
				require.Equal(t, "X-API-Key canary", header(t, load(t, opts), "a"), "%s: %s", c.name, file)
				continue
			}
			got := strings.Join(faults(t, opts), "\n")
			require.NotContains(t, got, "canary")
			require.Regexp(t, c.want, got, "%s: %s", c.name, file)
			var e *config.Error
			_, err := config.Load(context.Background(), opts)
			require.ErrorAs(t, err, &e)
			if at := e.Faults[0]; c.line > 0 {
				require.InDelta(t, c.line, at.Line, 2, "%s: %v", c.name, at)
			}
		}
	}
}

func replaceIn(s, old, with string) string { return strings.Replace(s, old, with, 1) }

// TestLineSeparators proves that a character that is a line break to the YAML library, and none to
// an editor or in YAML 1.2, neither ends a comment nor changes a text nor moves a line.
func TestLineSeparators(t *testing.T) {
	for _, c := range []string{"\u0085", "\u2028", "\u2029"} {
		for _, text := range []string{
			"# a comment" + c + "sessions: {}\n" + encodedFiles["a.yaml"],
			encodedFiles["a.yaml"] + "# a comment" + c + "default: a\n",
			strings.Replace(encodedFiles["a.yaml"], "canary", "can"+c+"ary", 1),
			strings.Replace(encodedFiles["a.yaml"], "\"canary\"", "|\n        can"+c+"ary", 1),
			strings.Replace(encodedFiles["a.yaml"], "\n", c, 1),
		} {
			line := 1 + strings.Count(text[:strings.Index(text, c)], "\n")
			got := faults(t, options(t, "a.yaml", text))
			require.Contains(t, got[0], fmt.Sprintf("a.yaml:%d:", line))
			require.Contains(t, got[0], fmt.Sprintf("not YAML: the character %U is a line break", []rune(c)[0]))
		}
		for file, escape := range map[string]string{
			"a.yaml": fmt.Sprintf(`can\u%04xary`, []rune(c)[0]), "a.json": "can" + c + "ary", "a.toml": "can" + c + "ary",
		} {
			cfg := load(t, options(t, file, strings.Replace(encodedFiles[file], "canary", escape, 1)))
			require.Equal(t, "X-API-Key can"+c+"ary", header(t, cfg, "a"), file)
		}
	}
	// A carriage return alone is a line break, also in the places of faults.
	for _, file := range []string{"a.yaml", "a.json"} {
		text := strings.Replace(encodedFiles[file], "key", "kye", 1)
		want := faults(t, options(t, file, text))
		require.Equal(t, want, faults(t, options(t, file, strings.ReplaceAll(text, "\n", "\r"))))
		require.Equal(t, want, faults(t, options(t, file, strings.ReplaceAll(text, "\n", "\r\n"))))
	}
	load(t, options(t, "a.yaml", "sessions: {a: {provider: apikey,\r settings: {key: k,\r header: }}}\r"))
}

// TestUnusualSpaces proves that a character that looks like a space, in a place where the format
// has one, is named with its place.
func TestUnusualSpaces(t *testing.T) {
	for _, c := range []string{"\u00a0", "\u3000", "\u2003", "\u202f", "\u200b", "\ufeff"} {
		for text, file := range map[string]string{
			"sessions:\n  a:\n" + strings.Repeat(c, 4) + "provider: apikey\n    settings: {key: canary}\n": "a.yaml",
			"sessions:\n  a:\n    provider:" + c + "apikey\n    settings: {key: canary}\n":                 "a.yaml",
			"{\n\"sessions\": {\n" + c + "\"a\": {\"provider\": \"apikey\"}}}":                             "a.json",
			"{\n\"sessions\": {\"a\":\n {\"provider\":" + c + "\"apikey\"}}}":                              "a.json",
			"[sessions.a]\n\n" + c + "provider = 'apikey'\n":                                               "a.toml",
			"[sessions.a]\n\nprovider =" + c + "'apikey'\n":                                                "a.toml",
			"[sessions.a]\n\nprovider" + c + " = 'apikey'\n":                                               "a.toml",
		} {
			got := faults(t, options(t, file, text))[0]
			require.Contains(t, got, file+":3:", "%s", text)
			require.Contains(t, got, fmt.Sprintf("the character %U looks like a space", []rune(c)[0]), "%s", text)
			require.NotContains(t, got, "canary")
		}
	}
	// In a text they are part of it, whatever else is wrong near them.
	got := faults(t, options(t, "a.json", "{\"sessions\": {\"a\": {\"provider\": \"api\u00a0key\"\n\"lazy\": true}}}"))[0]
	require.Contains(t, got, "a comma or a closing bracket is missing")
}

// TestHalvesOfCharacters proves that no escape of half of a character is replaced silently.
func TestHalvesOfCharacters(t *testing.T) {
	for _, text := range []string{`"can\ud800ary"`, `"can\udc00\ud800ary"`, `"\uD83Dcanary"`, `"canary\ud83d"`} {
		got := faults(t, options(t, "a.json", strings.Replace(encodedFiles["a.json"], `"canary"`, text, 1)))
		require.Equal(t, []string{"a.json:6:1: sessions.a.settings.key: an escape such as \\ud800 is half of a character"}, got)
	}
	for _, text := range []string{`"\ud83d\ude00"`, `"\ufffd"`, `"\uFFFD"`, "\"\ufffd\"", "\"\ufffd\\ufffd\""} {
		load(t, options(t, "a.json", strings.Replace(encodedFiles["a.json"], `"canary"`, text, 1)))
	}
}

// TestRemedies proves that a fault of the syntax says what to write, in each format, and quotes no
// letter of a value.
func TestRemedies(t *testing.T) {
	yaml := func(line string) string {
		return "sessions:\n  a:\n    provider: apikey\n    settings:\n      " + line + "\n"
	}
	json := func(value string) string {
		return "{\"sessions\": {\"a\": {\n\"provider\": \"apikey\", \"settings\": {\n\"header\": \"h\",\n\n\"key\": " + value + "}}}}"
	}
	toml := func(value string) string {
		return "[sessions.a]\nprovider = 'apikey'\n\n[sessions.a.settings]\nkey = " + value + "\n"
	}
	for _, c := range []struct{ file, text, want string }{
		{"a.yaml", yaml("key: *.example.com"), "in quotes"},
		{"a.yaml", yaml(`key: "C:\Users\x"`), `write \\ for a backslash`},
		{"a.yaml", yaml(`key: "C:\Data"`), `write \\ for a backslash`},
		{"a.yaml", yaml("header: x\n      key:canary"), "the space after it"},
		{"a.yaml", yaml("header: x\n      // canary"), "a comment begins with #"},
		{"a.yaml", yaml("key: &canary"), "in quotes"},
		{"a.yaml", yaml("key: {{ .Values.canary }}"), "fill in templates"},
		{"a.yaml", yaml("key: \"a\x1bb\""), "as an escape"},
		{"a.json", json("'canary'"), "a text has double quotes"},
		{"a.json", json("canary"), "a text has double quotes"},
		{"a.json", json("True"), "true, false and null"},
		{"a.json", json("NaN"), "a text has double quotes"},
		{"a.json", json("// canary"), "JSON has no comments"},
		{"a.json", json("# canary"), "JSON has no comments"},
		{"a.json", json("\"k\","), "a comma is left over"},
		{"a.json", json("\"k\" \"x\": 1"), "a comma or a closing bracket is missing"},
		{"a.json", json(`"C:\Users"`), `write \\ for a backslash`},
		{"a.json", json("\"a\tb\""), `\t for a tab`},
		{"a.json", json("0123"), "a comma or a closing bracket is missing"},
		{"a.json", json("élan"), "a text has double quotes"},
		{"a.toml", toml("canary"), "a text has quotes"},
		{"a.toml", toml("yes"), "true and false"},
		{"a.toml", toml("no"), "true and false"},
		{"a.toml", toml("True"), "true and false"},
		{"a.toml", toml("null"), "a text has quotes"},
		{"a.toml", toml("élan"), "a text has quotes"},
		{"a.toml", toml("0123"), "put a text in quotes"},
		{"a.toml", toml(`"C:\Users"`), `write \\ for a backslash`},
		{"a.toml", toml(`"C:\Program"`), `write \\ for a backslash`},
		{"a.toml", toml("\"a\nb\""), "needs three quotes"},
		{"a.toml", toml("'a' 'b'"), "a line has one key"},
		{"a.toml", toml("'a'\nmy key = 1"), "a key with other characters in quotes"},
		{"a.toml", toml("'a'\nlazy: true"), "write key = value"},
	} {
		got := faults(t, options(t, c.file, c.text))[0]
		require.Contains(t, got, c.want, c.text)
		require.NotContains(t, got, "canary")
		require.NotRegexp(t, `'[\pL\pN]'`, got, "%s", c.text)
		var e *config.Error
		_, err := config.Load(context.Background(), options(t, c.file, c.text))
		require.ErrorAs(t, err, &e)
		require.InDelta(t, 5, e.Faults[0].Line, 1, "%v\n%s", err, c.text)
		require.NotZero(t, e.Faults[0].Column)
	}
}
