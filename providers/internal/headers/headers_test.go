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
			"header value", headers.Value, []string{"x", "a b\tc", "é"},
			map[string]string{
				"": "is empty", " ": "is blank", "x\n": "around it", " x": "around it",
				"a\nb": "control character", "a\x00b": "control character",
				"a\x7fb": "control character", strings.Repeat("x", headers.MaxValue+1): "larger than 64 KiB",
			},
		},
		{
			"cookie value", headers.CookieValue, []string{"abc", "a=b"},
			map[string]string{"": "is empty", "a b": "cannot hold", "a;b": "cannot hold", "é": "cannot hold",
				`"a"`: "cannot hold"},
		},
		{
			"token", headers.Token, []string{"abc.def", "a+/=", "a:b"},
			map[string]string{"": "is empty", "a b": "cannot hold", "é": "cannot hold",
				"a\r\nb": "control character"},
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

func ExampleName() {
	fmt.Println(headers.Name("X-API-Key"), headers.Name("Host"))
	// Output: <nil> the header Host is not for credentials
}
