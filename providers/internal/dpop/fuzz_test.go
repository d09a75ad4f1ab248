package dpop_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/stretchr/testify/require"
)

// FuzzNonce checks that what counts as a nonce fits a header and a proof.
func FuzzNonce(f *testing.F) {
	for _, s := range []string{"", "eyJ7S_zG.eyJH0-Z.HX4w-7v", `"`, "\\", " ", "\x7f", "é", "a\r\nb",
		strings.Repeat("n", 1025)} {
		f.Add(s)
	}
	key, err := dpop.NewKey("")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		proof, err := key.Proof(dpop.Claims{Method: "GET", URL: "https://a.example/", Nonce: s})
		require.NoError(t, err)
		_, claims := open(t, proof)
		if !dpop.ValidNonce(s) {
			require.NotContains(t, claims, "nonce")
			return
		}
		require.Equal(t, s, claims["nonce"])
		require.LessOrEqual(t, len(s), 1024)
		require.False(t, strings.ContainsAny(s, "\"\\ \r\n\t\x00\x7f"))
	})
}

// FuzzParseKey checks that ParseKey does not panic, and that a key that it accepts makes proofs and
// is the same after it was written and parsed again.
func FuzzParseKey(f *testing.F) {
	all, err := keys()
	require.NoError(f, err)
	for _, key := range all {
		f.Add(key.Secret().Reveal())
	}
	for _, s := range []string{"", "{}", "[]", `{"kty":"oct","k":"AA"}`, `{"kty":"EC","crv":"P-256"}`,
		`{"kty":"RSA","d":"AA"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := dpop.ParseKey(core.NewSecret(s))
		if err != nil {
			require.ErrorIs(t, err, core.CodeUnavailable)
			return
		}
		again, err := dpop.ParseKey(key.Secret())
		require.NoError(t, err)
		require.Equal(t, key.Thumbprint(), again.Thumbprint())
		proof, err := again.Proof(dpop.Claims{Method: "GET", URL: "https://a.example/"})
		require.NoError(t, err)
		open(t, proof)
	})
}

// FuzzTarget checks that a target is normal, and has nothing that must not be in it.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"https://a.example", "HTTP://A:80/?q#f", "wss://[::1%25x]:1/", "https://me:pw@a/",
		"https://a:/%2f", "ftp://a", "//a", "https://a/\\", "https://a:443x/", "HTTP://A:P:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := dpop.Target(s)
		if err != nil {
			require.ErrorIs(t, err, core.CodeBadConfig)
			return
		}
		again, err := dpop.Target(target)
		require.NoError(t, err)
		require.Equal(t, target, again)
		require.False(t, strings.ContainsAny(target, "?#"), target)
		u, err := url.Parse(target)
		require.NoError(t, err)
		require.Nil(t, u.User)
	})
}
