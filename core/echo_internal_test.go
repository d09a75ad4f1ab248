package core

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzEcho(f *testing.F) {
	f.Add("s3cr3t key", "https://a/?x=", "&y=1")
	f.Add("%2F+%%25", "%", "%41")
	f.Add("\xe4\xb8\xff\x80", "\xc3", "2")
	f.Fuzz(func(t *testing.T, value, before, after string) {
		percentDecode(value)
		if len(comparableText(value)) < shortValue || strings.ContainsAny(before+after, "%") {
			return
		}
		for _, as := range []func(string) string{
			func(s string) string { return s }, url.QueryEscape, url.PathEscape, lowerASCII,
			func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
			func(s string) string { return url.PathEscape(url.QueryEscape(url.PathEscape(s))) },
		} {
			text := before + as(value) + after
			require.True(t, containsValue(text, value), "%q in %q", value, text)
		}
	})
}
