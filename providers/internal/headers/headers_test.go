package headers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/authsession/authsession/providers/internal/headers"
	"github.com/stretchr/testify/require"
)

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(string) error
		good  []string
		bad   map[string]string
	}{
		{
			"header name", headers.Name, []string{"X-API-Key", "Authorization", "x_key"},
			map[string]string{"": "is not the name", "X Key": "is not the name", "X-Ké": "is not the name",
				"X:": "is not the name", "content-length": "Content-Length is not for",
				"HOST": "Host is not for"},
		},
		{
			"cookie name", headers.CookieName, []string{"sid", "__Host-sid"},
			map[string]string{"": "is not the name", "a=b": "is not the name", "a;": "is not the name"},
		},
		{
			"query name", headers.QueryName, []string{"key", "api key", "näme"},
			map[string]string{"": "is not the name", " key": "is not the name", "a\nb": "is not the name"},
		},
		{
			"header value", headers.Value, []string{"x", "a b\tc", `"x"`, "null"},
			map[string]string{
				"": "is empty", " ": "is blank", "x\n": "ends in a line break", " x": "begins with a space",
				"x\r\n": "ends in a line break", "x ": "ends in a space", "\nx": "begins with a line break",
				"\ufeffx": "byte order mark", "é": "not ASCII", "a\u200bb": "cannot be seen (U+200B)",
				"a\nb": "control character", "a\x00b": "control character",
				"a\x7fb": "control character", strings.Repeat("x", headers.MaxValue+1): "larger than 64 KiB",
			},
		},
		{
			"cookie value", headers.CookieValue, []string{"abc", "a=b"},
			map[string]string{"": "is empty", "a b": "cannot hold", "a;b": "cannot hold", "é": "cannot hold",
				`"a"`: "has quotes around it", `a"b`: "cannot hold"},
		},
		{
			"token", headers.Token,
			[]string{"abc.def", "a+/=", "a:b", `{"a":"b"}`, "nullable", "none", "Null0"},
			map[string]string{"": "is empty", "a b": "cannot hold", "é": "not ASCII",
				"a\r\nb": "control character", `"tok1"`: "has quotes around it",
				"'tok1'": "has quotes around it", "bearer tok1": "give the token alone",
				"null": "which programs print for a value that is missing", "undefined": "is missing",
				"None": "is missing", "<nil>": "is missing", "nil": "is missing", "(null)": "is missing",
				"<null>": "is missing", "false": "is missing", "true": "is missing"},
		},
		{
			"bearer token", headers.Bearer, []string{"abc.def-_~+/==", "1|laravel", "a:b"},
			map[string]string{"": "is empty", `"tok1"`: "has quotes around it", "'tok1'": "has quotes",
				"`tok1`": "has quotes", `tok"1`: "cannot hold", "tok=1": "cannot hold", "=": "nothing but",
				"a,b": "cannot hold", "<token>": "cannot hold", "tok1\n": "ends in a line break",
				"Bearer tok1": "give the token alone", "\ufefftok1": "byte order mark"},
		},
		{
			"OAuth text", headers.Text, []string{"s3cret", "a b", `~!"{}`},
			map[string]string{"": "is empty", "s3cret\n": "ends in a line break",
				"s3cret\r\n": "ends in a line break", "s3cret ": "ends in a space",
				"\ts3cret": "begins with a space", "s3\tcret": "control character",
				`"s3cret"`: "has quotes around it", "'s3cret'": "has quotes around it",
				"s3cret\u200b": "ends in a character that cannot be seen (U+200B)",
				"\u2060s3cret": "begins with a character that cannot be seen (U+2060)",
				"s3cr\u00e9t":  "not ASCII", "s3\x00": "control character", "\ufeffs": "byte order mark"},
		},
		{
			"parameter without quotes", headers.ParameterUnquoted, []string{"x", "ü b", `"x`, `x"y"`, "“x"},
			map[string]string{`"x"`: "has quotes", "“x”": "has quotes", "„x“": "has quotes", "«x»": "has quotes",
				"‘x’": "has quotes", `""`: "has quotes", "x\u200b": "cannot be seen"},
		},
		{
			"password", headers.UnseenEnd, []string{"", " x ", "ü", "a\u200db", "👩‍💻"},
			map[string]string{"x\u200b": "ends in", "\u200bx": "begins with", "\ufeff": "begins with",
				"x\u00a0": "ends in", "\u3000x": "begins with", "x\u2028": "ends in", "\u202ex": "begins with"},
		},
		{
			"parameter", headers.Parameter, []string{"x", "ü b", "a\tb"},
			map[string]string{"": "is empty", "x\n": "ends in a line break", "a\nb": "control character",
				"\u00a0x": "begins with a space", "a\x85b": "not in UTF-8"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range c.good {
				require.NoError(t, c.check(s), "%q", s)
			}
			for s, want := range c.bad {
				require.ErrorContains(t, c.check(s), want, "%q", s)
			}
		})
	}
}

func TestTwice(t *testing.T) {
	require.Empty(t, headers.Twice(map[string]int{"X-Key": 1, "X_Key": 2, "XKey": 3}))
	require.Empty(t, headers.Twice[int](nil))
	require.Equal(t, "x-key", headers.Twice(map[string]int{"x-key": 1, "X-Key": 2, "A": 3}))
	require.Equal(t, "X-Key", headers.Twice(map[string]int{"X-Key": 1, "X-KEY": 2}))
}

func ExampleName() {
	fmt.Println(headers.Name("X-API-Key"), headers.Name("Host"))
	// Output: <nil> the header Host is not for credentials
}
