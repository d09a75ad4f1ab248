package providers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// addressSettings are settings that hold a URL, with what else a provider needs.
var addressSettings = []struct {
	kind, setting string
	others        map[string]any
}{
	{"apikey", "base_url", map[string]any{"header": "X", "key": "k"}},
	{"basic", "base_url", map[string]any{"username": "u", "password": "p"}},
	{"bearer", "base_url", map[string]any{"token": "t"}},
	{"exec", "base_url", map[string]any{"command": "/bin/true"}},
	{"gs", "api_url", map[string]any{
		"client_id": "id", "client_secret": "s", "token_url": "https://login.example.com/token"}},
	{"gs", "token_url", map[string]any{
		"client_id": "id", "client_secret": "s", "api_url": "https://api.example.com"}},
	{"oauth2", "base_url", oauth("client_id", "id", "client_secret", "s")},
	{"oauth2", "token_url", map[string]any{"client_id": "id", "client_secret": "s"}},
	{"oauth2", "issuer", map[string]any{"client_id": "id", "client_secret": "s"}},
	{"oauth2", "revocation_url", oauth("client_id", "id", "client_secret", "s")},
}

// TestAddressesOfNoServer proves that a URL that leads to no server is a fault of its setting, and
// not of the first request.
func TestAddressesOfNoServer(t *testing.T) {
	for _, s := range addressSettings {
		t.Run(s.kind+"/"+s.setting, func(t *testing.T) {
			for _, good := range []string{"https://hunter2.example:8443", "http://127.0.0.1:1", "https://[::1]"} {
				require.NoError(t, openError(t, s.kind, s.setting, good, s.others), good)
			}
			for text, want := range map[string]string{
				"https://hunter2.example:0": "port", "https://hunter2.example:65536": "port",
				"https://hunter2.example:": "port", "https://hunter2.example\u00a0": "character",
				"https://hunter2.example\u200b": "character", "https://*.hunter2.example": "wildcard",
				"https://hunter2.example,https://b.example": "port",
				"https://hunter2.example;b":                 "", "https://hunter2..example": "empty",
				"https://hunter2.example#": "", " https://hunter2.example": "",
				"https://hunter2.example\n": "", "hunter2.example": "", "https:hunter2.example": "",
			} {
				err := openError(t, s.kind, s.setting, text, s.others)
				require.ErrorIs(t, err, core.CodeBadConfig, "%q", text)
				require.ErrorContains(t, err, s.setting+": ", "%q", text)
				require.ErrorContains(t, err, want, "%q", text)
				require.NotContains(t, err.Error(), "hunter2")
			}
		})
	}
}
