package core_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// hostsOfNoServer are URLs whose host or port no server has, with a part of the error.
var hostsOfNoServer = map[string]string{
	"https://a.example:0":                          "port",
	"https://a.example:00443":                      "port",
	"https://a.example:65536":                      "port",
	"https://a.example:99999999999999999999":       "port",
	"https://a.example:":                           "port",
	"https://[::1]:0":                              "port",
	"https://*.example.com":                        "wildcard",
	"https://*":                                    "wildcard",
	"https://api.*.example":                        "wildcard",
	"https://a.example\u00a0":                      "character",
	"https://a.example\u200b":                      "character",
	"https://\ufeffa.example":                      "character",
	"https://a.exa\u00admple":                      "character",
	"https://a.example,b.example":                  "character",
	"https://a.example,https:":                     "port",
	"https://a!.example":                           "character",
	"https://.example.com":                         "empty",
	"https://a..example":                           "empty",
	"https://.":                                    "empty",
	"https://" + strings.Repeat("a", 64) + ".com":  "too long",
	"https://" + strings.Repeat("a.", 127) + "com": "too long",
	"https://[a.example]":                          "IPv6",
}

// TestHostsOfNoServer proves that an origin that no request can have, and a proxy that cannot be
// reached, are faults of the options and not of the first request.
func TestHostsOfNoServer(t *testing.T) {
	for text, want := range hostsOfNoServer {
		u, err := url.Parse(text)
		if err == nil {
			require.ErrorContains(t, core.CheckHost(u), want, text)
			require.NotContains(t, core.CheckHost(u).Error(), "example", text)
			require.Error(t, (&core.Options{Proxy: u}).Check(), text)
		}
		err = (&core.Options{Origins: []string{"https://ok.example", text}}).Check()
		require.ErrorIs(t, err, core.CodeBadConfig, text)
	}
	for _, text := range []string{
		"https://a.example:1", "https://a.example:65535", "https://a.example.", "https://a_b.example",
		"https://A.Example", "https://[::1]:8443", "https://[fe80::1%25eth0]", "https://127.0.0.1",
		"https://münchen.example", "https://xn--mnchen-3ya.example", "https://localhost", "wss://a.example/",
		"https://[::ffff:127.0.0.1]", "https://" + strings.Repeat("a", 63) + ".com",
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.NoError(t, core.CheckHost(u), text)
		require.NoError(t, (&core.Options{Origins: []string{text}}).Check(), text)
	}
	for _, text := range []string{"https://a.example?", "https://a.example#", "https://a.example/?"} {
		require.Error(t, (&core.Options{Origins: []string{text}}).Check(), text)
	}
}
