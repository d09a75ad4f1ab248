//go:build cgo

package main

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestFaultySettings(t *testing.T) {
	for setting, cases := range map[string][]struct{ value, want string }{
		"module": {{"lib.so", "want an absolute path"}},
		"key":    {{"", "give key or key_id"}},
		"key_id": {{"0", "want hexadecimal digits"}, {"id", "want hexadecimal digits"}},
		"cert": {
			{"-----BEGIN", "want a certificate in PEM"},
			{"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----", "want certificates only"},
			{"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "certificate 1 cannot be read"},
		},
		"cert_file": {{"client.pem", "want an absolute path"}},
		"ca":        {{"x", "want PEM certificates"}},
		"base_url": {
			{"http://api.example.com", "want the address"},
			{"https://user@api.example.com", "want the address"},
			{"://", "want the address"},
		},
	} {
		for _, c := range cases {
			settings := map[string]any{
				"module": "/lib.so",
				"token":  "acme",
				"pin":    core.NewSecret("0000"),
				"key":    "api",
			}
			_, err := Factory.Open(t.Context(), "", maps.Clone(settings))
			require.NoError(t, err)
			settings[setting] = c.value
			_, err = Factory.Open(t.Context(), "", settings)
			require.Equal(t, core.CodeBadConfig, core.CodeOf(err))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, setting)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, content []byte) {
		chain, err := parse(content)
		require.Equal(t, err == nil, len(chain) > 0)
		if err == nil {
			again, err := parse([]byte(text(chain)))
			require.NoError(t, err)
			require.Len(t, again, len(chain))
		}
	})
}
