package baseurl_test

import (
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	for _, s := range []string{"", "https://api.example.com/v1", "http://localhost:8080"} {
		require.NoError(t, baseurl.Check(s), s)
	}
	for _, s := range []string{
		"api.example.com", "ftp://x", "https://u:p@x", "https://x?a", "https://x#a", "https://", "::",
	} {
		require.ErrorContains(t, baseurl.Check(s), "want the address", s)
	}
}

func TestApply(t *testing.T) {
	var c core.Credential
	baseurl.Apply(&c, "")
	require.Zero(t, c)
	baseurl.Apply(&c, "https://api.example.com:8443/v1")
	require.Equal(t, []string{"https://api.example.com:8443"}, c.Origins)
	require.Equal(t, map[string]string{"base_url": "https://api.example.com:8443/v1"}, c.Attributes)
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.8.8.8": true, "::1": true,
		"": false, "example.com": false, "localhost.example.com": false, "10.0.0.1": false,
	} {
		require.Equal(t, want, baseurl.IsLoopback(host), host)
	}
}
