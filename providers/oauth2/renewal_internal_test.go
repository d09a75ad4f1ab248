package oauth2

import (
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/stretchr/testify/require"
)

func TestRenewal(t *testing.T) {
	key, err := dpop.NewKey("")
	require.NoError(t, err)
	refresh := core.NewSecret(`r-"<&>\{}`)
	for _, r := range []renewal{{}, {Refresh: refresh}, {Key: key.Secret()},
		{Refresh: refresh, Key: key.Secret()}} {
		require.Equal(t, r, unseal(r.seal()))
	}
	require.Equal(t, refresh, renewal{Refresh: refresh}.seal(),
		"a refresh token alone is its own text")
	require.True(t, renewal{}.seal().IsZero())
	require.Equal(t, refresh, renewal{Refresh: refresh, Key: core.NewSecret("no JSON")}.seal())
}

// TestForeignRenewal checks that an envelope which cannot be read is not sent
// to a server as a refresh token.
func TestForeignRenewal(t *testing.T) {
	key, err := dpop.NewKey("")
	require.NoError(t, err)
	good := renewal{core.NewSecret("r"), key.Secret()}.seal().Reveal()
	require.True(t, strings.HasPrefix(good, envelopeStart))
	for _, text := range []string{
		good[:len(good)-1], strings.Replace(good, `:1`, `:2`, 1), `{"authsession":"1"}`, envelopeStart,
		`{"authsession":1}`,
	} {
		require.Equal(t, renewal{}, unseal(core.NewSecret(text)), text)
	}
}

// FuzzRenewal checks that what was read once is written and read as the same.
func FuzzRenewal(f *testing.F) {
	for _, s := range []string{"", "r", `{"a":1}`,
		`{"authsession":1,"refresh_token":"r","dpop_key":{"kty":"EC"}}`,
		`{"authsession":1,"dpop_key":"}"}`, `{"authsession":9}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := unseal(core.NewSecret(s))
		if !strings.HasPrefix(s, envelopeStart) {
			require.Equal(t, s, r.Refresh.Reveal())
			return
		}
		again := unseal(r.seal())
		require.Equal(t, r.Refresh.Reveal(), again.Refresh.Reveal())
		require.Equal(t, r.Key.IsZero(), again.Key.IsZero())
	})
}
