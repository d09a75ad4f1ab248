package core_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// between puts a text between the characters of another.
func between(s, what string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteString(string(r) + what)
	}
	return b.String()
}

// percent escapes every byte for a URL.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

// utf16Escapes escapes every character for JSON.
func utf16Escapes(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r > 0xffff {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// inJSON escapes s as encoding/json does.
func inJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b[1 : len(b)-1])
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", "abcdef": "abcde…", "a\nb": "ab", "\xff": "", "a\x00bcdef": "abcde…",
		"ééééé": "ééééé", "éééééé": "ééééé…", "a\u200eb": "ab", "a b": "a b", "a\u00a0b": "ab",
	} {
		require.Equal(t, want, core.Printable(in, 5), "%q", in)
	}
	for _, r := range []rune{
		0, 1, '\t', 0x1b, 0x7f, 0x85, 0xad, 0x34f, 0x61c, 0x115f, 0x180b, 0x180e,
		0x200b, 0x200d, 0x200f, 0x2028, 0x202e, 0x2060, 0x2066,
		0x2800, 0x3164, 0xfe0f, 0xfeff, 0xffa0, 0xfffd, 0xe0041, 0xe0100, 0xf0000,
	} {
		require.Equal(t, "ab", core.Printable("a"+string(r)+"b", 5), "%U", r)
	}
}

func TestPrintableRepeatsNoSecret(t *testing.T) {
	const secret = `s3cr+t %:é"x/y<&>\z-9_8`
	std, raw := base64.StdEncoding, base64.RawURLEncoding
	echoes := map[string]string{
		"as it is":                           secret,
		"in upper case":                      strings.ToUpper(secret),
		"in lower case":                      strings.ToLower(secret),
		"for a query":                        url.QueryEscape(secret),
		"for a path":                         url.PathEscape(secret),
		"every byte for a URL":               percent(secret),
		"in lower-case escapes":              strings.ToLower(url.QueryEscape(secret)),
		"for a query, twice":                 url.QueryEscape(url.QueryEscape(secret)),
		"for a path, twice":                  url.PathEscape(url.PathEscape(secret)),
		"for a query, thrice":                url.QueryEscape(url.QueryEscape(url.QueryEscape(secret))),
		"beside a percent that is no escape": "100% of " + url.QueryEscape(secret) + " %zz %",
		"for JSON":                           inJSON(secret),
		"for JSON, twice":                    inJSON(inJSON(secret)),
		"every character for JSON":           utf16Escapes(secret),
		"for JSON and a URL":                 url.QueryEscape(inJSON(secret)),
		"for a URL and JSON":                 utf16Escapes(url.QueryEscape(secret)),
		"for HTML":                           html.EscapeString(secret),
		"for HTML and a URL":                 percent(html.EscapeString(secret)),
		"in hex":                             hex.EncodeToString([]byte(secret)),
		"in upper-case hex":                  strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"in base64":                          std.EncodeToString([]byte(secret)),
		"in base64url":                       raw.EncodeToString([]byte(secret)),
		"in base64 of a pair":                std.EncodeToString([]byte("user:" + secret)),
		"in base64 of an escaped pair":       std.EncodeToString([]byte("user:" + url.QueryEscape(secret))),
		"in base64 amid other things":        raw.EncodeToString([]byte("ab" + secret + "cd")),
		"in base64 for a URL":                url.QueryEscape(std.EncodeToString([]byte("abc" + secret))),
		"in base64, over several lines":      std.EncodeToString([]byte(secret))[:9] + "\r\n" + std.EncodeToString([]byte(secret))[9:],
		"its first half":                     secret[:11],
		"its last half":                      secret[11:],
		"eight characters":                   secret[4:12],
		"marks on its letters":               between(secret, "\u0301"),
	}
	for _, hidden := range []string{
		"\u200b", "\u00ad", "\u2060", "\x01", "\x1b", "\u034f", "\u3164", "\ufe0f", "\xff", "\u202e", "\n", "\u00a0",
	} {
		echoes[fmt.Sprintf("with %q between", hidden)] = between(secret, hidden)
		echoes[fmt.Sprintf("with one %q", hidden)] = secret[:5] + hidden + secret[5:]
		echoes[fmt.Sprintf("with %q between, for a URL", hidden)] = url.QueryEscape(between(secret, hidden))
	}
	for name, echo := range echoes {
		for _, around := range []string{"%s", "the secret %s is wrong", "the secret%sis wrong"} {
			text := fmt.Sprintf(around, echo)
			require.Empty(
				t,
				core.Printable(text, 1000, core.NewSecret("another one"), core.NewSecret(secret)),
				name,
			)
		}
	}
	for name, text := range map[string]string{
		"another text": "the secret is wrong", "seven characters": secret[:7], "a percent": "100% wrong",
		"an end": secret[len(secret)-7:],
	} {
		require.Equal(t, text, core.Printable(text, 1000, core.NewSecret(secret), core.Secret{}), name)
	}
	entities := ""
	for _, r := range secret {
		entities += fmt.Sprintf("&#%d;", r)
	}
	require.Empty(t, core.Printable("it is "+entities, 1000, core.NewSecret(secret)))
	// Secrets that are nothing but - and _ and % in encodings.
	for _, secret := range []string{strings.Repeat("?", 12), strings.Repeat(">", 12), "éèêëàâ"} {
		inBase64, inURL := std.EncodeToString([]byte(secret)), raw.EncodeToString([]byte(secret))
		for _, echo := range []string{inBase64, inURL, url.QueryEscape(secret)} {
			require.Empty(t, core.Printable("it is "+echo, 1000, core.NewSecret(secret)), echo)
		}
	}
	t.Run("short ones", func(t *testing.T) {
		for _, text := range []string{
			"it is a1b2", "it is A1B2!", "it is %611b2", "it is YTFiMg==", "it is 61316232",
		} {
			require.Empty(t, core.Printable(text, 1000, core.NewSecret("a1b2")), text)
		}
		require.Equal(t, "it is a1b", core.Printable("it is a1b", 1000, core.NewSecret("a1b2")))
		require.Equal(
			t,
			"visible",
			core.Printable("visible", 1000, core.NewSecret("\u200b")),
			"a secret that cannot be seen",
		)
	})
	t.Run("what is far behind the cut does not count", func(t *testing.T) {
		text := "0123456789" + strings.Repeat(".", 200) + secret
		require.Equal(t, "0123456789…", core.Printable(text, 10, core.NewSecret(secret)))
	})
}

// TestPrintableIsLinear: neither a long text nor a long secret costs much.
func TestPrintableIsLinear(t *testing.T) {
	long := strings.Repeat("%25%5cu0026amp;", 1<<16)
	took := func(size int) time.Duration {
		secret := core.NewSecret(strings.Repeat("x-y", size))
		began := time.Now()
		require.NotEmpty(t, core.Printable(long, 2048, secret))
		return time.Since(began)
	}
	took(1)
	require.Less(t, took(1<<18), 32*took(1<<15)+10*time.Second, "eight times the secret")
}

// escapes are what a text may be wrapped in, and forms what a secret may be.
var (
	escapes = []func(string) string{
		func(s string) string { return s }, url.QueryEscape, url.PathEscape, percent,
		utf16Escapes, inJSON, html.EscapeString,
	}
	forms = []func(string) string{
		func(s string) string { return s }, strings.ToUpper, strings.ToLower,
		func(s string) string { return hex.EncodeToString([]byte(s)) },
		func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		func(s string) string { return base64.URLEncoding.EncodeToString([]byte("a" + s + "b")) },
		func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte("ab" + s)) },
		func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("abc" + s + "abc")) },
	}
	unseen = []string{"", "\u200b", "\u00ad", "\x01", "\u2060", "\xff"}
)

func FuzzPrintable(f *testing.F) {
	for i := range byte(9) {
		f.Add("s3cr3t-value", "the key ", " is wrong 100%", i, i, i+1, i)
		f.Add("пароль с пробелом", "%", "%2", i, i+2, i, i+1)
	}
	f.Fuzz(func(t *testing.T, secret, before, after string, form, inner, outer, hidden byte) {
		shown := 0
		for _, r := range secret {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				shown++
			}
		}
		echo := forms[int(form)%len(forms)](secret)
		echo = escapes[int(inner)%len(escapes)](echo)
		echo = escapes[int(outer)%len(escapes)](echo)
		text := before + between(echo, unseen[int(hidden)%len(unseen)]) + after
		got := core.Printable(text, len(text), core.NewSecret(secret))
		if got != "" && shown >= 12 && utf8.ValidString(secret) {
			t.Fatalf("%q repeats %q", got, secret)
		}
		if strings.ContainsFunc(got, unicode.IsControl) || !utf8.ValidString(got) {
			t.Fatalf("%q", got)
		}
		got = core.Printable(text, 20, core.NewSecret(secret))
		if utf8.RuneCountInString(got) > 21 {
			t.Fatalf("%q", got)
		}
		runes := []rune(secret)
		for i := 0; i+8 <= len(runes); i++ {
			if strings.Contains(got, string(runes[i:i+8])) {
				t.Fatalf("%q repeats a part of %q", got, secret)
			}
		}
	})
}

// TestPrintableSearchesBehindTheCut proves that no part of a secret stands before the cut.
func TestPrintableSearchesBehindTheCut(t *testing.T) {
	secret := "s3cr3t-v4lue"
	for _, form := range []string{secret, strings.ToUpper(secret), url.QueryEscape("é" + secret),
		hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret))} {
		for before := 90; before <= 100; before++ {
			text := strings.Repeat("x", before) + " " + form + " and more"
			got := core.Printable(text, 100, core.NewSecret(secret))
			require.Empty(t, got, "%d characters before %q", before, form)
		}
	}
	long := strings.Repeat("x", 500)
	require.Equal(t, long[:100]+"…", core.Printable(long, 100, core.NewSecret(secret)))
	require.Equal(t, "short", core.Printable("short", 100, core.NewSecret(secret)))
	require.Equal(t, long[:100], core.Printable(long[:100], 100, core.NewSecret(secret)))
}

// TestLabelsOfPEMAreNotSecret proves that a secret in PEM hides no text about certificates, and
// that its content is still found.
func TestLabelsOfPEMAreNotSecret(t *testing.T) {
	secret := core.NewSecret("-----BEGIN CERTIFICATE-----\nMIIBLTCB1aADAgEC\n-----END CERTIFICATE-----\n")
	for text, want := range map[string]string{
		"certificate_bound: want true":         "certificate_bound: want true",
		"no -----BEGIN CERTIFICATE----- in it": "no -----BEGIN CERTIFICATE----- in it",
		"the key MIIBLTCB1aADAgEC is damaged":  "",
		"it has miibltcb1a":                    "",
	} {
		require.Equal(t, want, core.Printable(text, 100, secret), text)
	}
}
