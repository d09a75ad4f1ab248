package core

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The variable is used as net/http uses it, or is a fault that names it and the proxy, and
// no part of the password.
func TestProxyVariables(t *testing.T) {
	for value, want := range map[string]string{ // the host; a fault begins with !
		"http://proxy.example.com:3128":                     "proxy.example.com:3128",
		"proxy.example.com:3128":                            "proxy.example.com:3128",
		"proxy.example.com":                                 "proxy.example.com",
		"https://me:s3cret@proxy.example.com":               "proxy.example.com",
		"socks5://proxy.example.com:1080":                   "proxy.example.com:1080",
		"socks5h://[::1]:1080/":                             "[::1]:1080",
		"http://me:p%2Fw%40d@proxy.example.com:3128":        "proxy.example.com:3128",
		"http://me:p@w@proxy.example.com:3128":              "proxy.example.com:3128",
		"http://proxy.example.com:3128/path":                "proxy.example.com:3128",
		"http://me:s3cr/et@proxy.example.com:3128":          "!proxy.example.com:3128",
		"http://me:123/s3cr@proxy.example.com:3128":         "!proxy.example.com:3128",
		"http://me:s3cr%zzet@proxy.example.com:3128":        "!proxy.example.com:3128",
		"me:s3cr%zzet@proxy.example.com:3128":               "!proxy.example.com:3128",
		"http://me:s3cr#et@proxy.example.com:3128":          "!proxy.example.com:3128",
		"http://me:12#s3cr@proxy.example.com:3128/":         "!proxy.example.com:3128",
		"http://me:12?s3cr@proxy.example.com:3128":          "!proxy.example.com:3128",
		"http://me:s3cret%@proxy.example.com:3128":          "!proxy.example.com:3128",
		"http://me:s3cret@proxy.example.com:port":           "!proxy.example.com:port",
		"http://me:s3cr/et@proxy.example.com:3128?s3cret=1": "!",
		"http://":                          "!",
		"ftp://proxy.example.com":          "!",
		"http://me:s3cr%zz":                "!",
		"http://pro xy.example.com:3128":   "!",
		"http://me:s3cret@proxy\x00.a:128": "!",
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
			env := readProxies(func(n string) string {
				if n == name {
					return value
				}
				return ""
			})
			u := &url.URL{Scheme: strings.ToLower(strings.TrimSuffix(strings.ToLower(name), "_proxy"))}
			u.Host = "api.example.com"
			err := env.check(u)
			if place, bad := strings.CutPrefix(want, "!"); bad {
				require.ErrorIs(t, err, CodeBadConfig, value)
				require.ErrorContains(t, err, "the variable "+name+" ")
				require.ErrorContains(t, err, place)
				require.NotContains(t, err.Error(), "s3cr")
			} else {
				require.NoError(t, err, value)
				require.Equal(t, want, env.byScheme[u.Scheme].proxy.Host)
			}
			other := map[string]string{"http": "https", "https": "http"}[u.Scheme]
			require.NoError(t, env.check(&url.URL{Scheme: other, Host: "api.example.com"}))
			require.NoError(t, env.check(&url.URL{Scheme: u.Scheme, Host: "localhost:80"}))
			require.NoError(t, env.check(&url.URL{Scheme: u.Scheme, Host: "[::1]:80"}))
		}
	}
	upper := readProxies(func(n string) string {
		return map[string]string{
			"HTTPS_PROXY": "http://a", "https_proxy": "http://%zz"}[n]
	})
	require.NoError(t, upper.check(&url.URL{Scheme: "https", Host: "a.example.com"}))
}

// A host that NO_PROXY excludes does not need the variable.
func TestProxyBypass(t *testing.T) {
	for _, tc := range []struct {
		list, host string
		want       bool
	}{
		{"", "a.example.com", false}, {"*", "a.example.com", true},
		{"example.com", "example.com", true}, {"example.com", "a.example.com", true},
		{"example.com", "badexample.com", false}, {".example.com", "example.com", false},
		{".example.com", "a.example.com", true}, {"*.example.com", "a.example.com", true},
		{"*.example.com", "example.com", false}, {" b , EXAMPLE.com ", "a.example.COM", true},
		{"example.com:443", "example.com", true}, {"example.com:8443", "example.com", false},
		{"example.com:8443", "example.com:8443", true}, {"10.0.0.0/8", "10.1.2.3", true},
		{"10.0.0.0/8", "11.1.2.3", false}, {"10.1.2.3", "10.1.2.3", true}, {"::2", "[::2]", true},
		{"[::2]:443", "[::2]", true}, {"[::2]:1", "[::2]", false}, {",,", "a", false}, {":443", "a", false},
	} {
		require.Equal(t, tc.want, bypassesProxy(tc.list, &url.URL{Scheme: "https", Host: tc.host}), "%+v", tc)
	}
}

func TestOnlyTheEnvironmentIsChecked(t *testing.T) {
	require.True(t, isEnvironmentProxy(http.ProxyFromEnvironment))
	require.False(t, isEnvironmentProxy(nil))
	require.False(t, isEnvironmentProxy(http.ProxyURL(nil)))
	require.Nil(t, checkedProxy(nil))
}

// TestBypassIsThatOfNetHTTP compares with net/http, which reads the variables once: so it
// asks a process of its own.
func TestBypassIsThatOfNetHTTP(t *testing.T) {
	hosts := []string{
		"a.example.com", "example.com", "example.com:8443", "10.1.2.3", "[fd00::1]", "xexample.com",
	}
	if list, ok := os.LookupEnv("AUTHSESSION_BYPASS_TEST"); ok {
		for _, host := range hosts {
			u := &url.URL{Scheme: "https", Host: host}
			proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
			require.NoError(t, err)
			require.Equal(t, proxy == nil, bypassesProxy(list, u), "%s %s", list, host)
		}
		return
	}
	for _, list := range []string{
		"example.com", ".example.com", "*.example.com", "*", "example.com:8443", "10.0.0.0/8,fd00::/8",
		"10.1.2.3", "[fd00::1]", "fd00::1", "a, ,b,example.com ", "example.com:", "[fd00::1]:443",
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestBypassIsThatOfNetHTTP$") //nolint:gosec // this test
		cmd.Env = append(os.Environ(), "AUTHSESSION_BYPASS_TEST="+list, "NO_PROXY="+list,
			"HTTPS_PROXY=http://proxy.example.com:3128", "REQUEST_METHOD=")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", list, out)
	}
}
