package core

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOriginMatches proves that the short way of matches says what comparing the
// normal forms says.
func FuzzOriginMatches(f *testing.F) {
	for _, host := range []string{
		"a.example", "A.example", "a.example:443", "a.example:", "a.example:0443", "a.example:80", "[::1]:443",
		"a.example.", "xn--a", "ä.example", "a%2eexample", ":443", "", "b.example", "127.0.0.1:443", "a_b",
	} {
		f.Add("https", host)
		f.Add("ws", host)
	}
	var origins []origin
	for _, text := range []string{
		"https://a.example", "http://a.example", "https://a.example:8443", "https://[::1]", "https://127.0.0.1",
		"https://a.example.", "https://a_b",
	} {
		o, err := parseOrigin(text)
		require.NoError(f, err)
		origins = append(origins, o)
	}
	f.Fuzz(func(t *testing.T, scheme, host string) {
		u := &url.URL{Scheme: scheme, Host: host}
		other, ok := originOf(u)
		for i := range origins {
			o := &origins[i]
			want := ok && other.scheme == o.scheme && other.hostPort == o.hostPort
			require.Equal(t, want, o.matches(u), "%s and %s://%s", o.text, scheme, host)
		}
	})
}
