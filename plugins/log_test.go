//go:build unix

package plugins

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestLogOfAPlugin proves that the fields of a plugin's lines arrive in the host's log, and that
// none of them repeats a secret that the plugin was told: of its settings, of the credential
// before, of an input.
func TestLogOfAPlugin(t *testing.T) {
	const key, state, input = "key-of-the-settings", "state-of-yesterday", "token-of-another"
	for said, want := range map[string]string{
		`{"level":"warn","msg":"slow","ms":250,"at":{"host":"a.example"}}`: `level=WARN ` +
			`msg="plugin: slow" plugin=tester stream=stdio fields.at.host=a.example fields.ms=250`,
		`plain KEY`: `msg="plugin: (not shown: it repeats a secret)"`,
		`{"msg":"hello","key":"KEY"}`: `msg="plugin: hello" plugin=tester stream=stdio ` +
			`fields.key="(not shown: it repeats a secret)"`,
		`{"msg":"hello","state":{"last":"STATE"}}`: `fields.state.last="(not shown: it repeats a secret)"`,
		`{"msg":"hello","list":["` + input + `"]}`: `fields.list="(not shown: it repeats a secret)"`,
	} {
		t.Run(said, func(t *testing.T) {
			h, log := newHost(t)
			p := openTest(t, h, testBinary(), map[string]any{"do": "say " + said, "key": key})
			_, err := p.Authenticate(t.Context(), core.Request{
				Previous: core.Credential{RefreshState: core.NewSecret(state)},
				Inputs:   map[string]core.Credential{"subject_token": token("Bearer " + input)},
			})
			require.NoError(t, err)
			eventually(t, func() bool { return strings.Contains(log.String(), "plugin: ") }, "the line")
			require.Contains(t, log.String(), want)
			for _, secret := range []string{key, state, input} {
				require.NotContains(t, log.String(), secret)
			}
		})
	}
}

// TestLogAfterClose proves that the secrets of a provider that is closed are not kept.
func TestLogAfterClose(t *testing.T) {
	h, _ := newHost(t)
	p := openTest(t, h, testBinary(), map[string]any{"key": "key-of-the-settings"})
	authenticate(t, p)
	book := p.(*remote).secrets
	require.True(t, book.repeats("key-of-the-settings"))
	require.NoError(t, p.(core.Closer).Close(t.Context()))
	require.False(t, book.repeats("key-of-the-settings"))
	require.Empty(t, book.providers)
}

// TestCredentialSecrets proves which parts of a credential are secret: not the scheme of a header,
// a name or an address in a refresh state, or a certificate.
func TestCredentialSecrets(t *testing.T) {
	secret := core.NewSecret
	pem := "-----BEGIN CERTIFICATE-----\nMIIBcertificate\n-----END CERTIFICATE-----\n" +
		"-----BEGIN PRIVATE KEY-----\nMC4CAQAprivate\n-----END PRIVATE KEY-----\n"
	book, r := new(secretBook), new(remote)
	book.addCredential(r, core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{"Authorization": secret("Bearer token-in-header"),
				"X-Key": secret("key-in-header")},
			Query: map[string]core.Secret{"key": secret("key-in-query")}, Cert: secret(pem),
			Cookie: map[string]core.Secret{"sid": secret("session-in-cookie")},
		},
		RefreshState: secret(`{"refresh_token":"state-of-refresh","issuer":"https://issuer.example",` +
			`"from":"2026-01-02T03:04:05Z","more":["state-in-list"]}`),
	})
	for _, text := range []string{"token-in-header", "key-in-header", "key-in-query", "MC4CAQAprivate",
		"session-in-cookie", "state-of-refresh", "state-in-list"} {
		require.True(t, book.repeats("a "+text+" b"), text)
	}
	for _, text := range []string{"Authorization: Bearer", "refresh_token", "https://issuer.example",
		"2026-01-02T03:04:05Z", "CERTIFICATE", "MIIBcertificate", "PRIVATE KEY", ""} {
		require.False(t, book.repeats(text), text)
	}
	for range 10 * maxRecent {
		book.addAnswer(r, secret("answer number "+time.Now().String()))
		book.addCredential(r, core.Credential{RefreshState: secret("state " + time.Now().String())})
	}
	require.Len(t, book.list(), 2*maxRecent)
}
