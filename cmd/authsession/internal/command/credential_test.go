package command

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func secrets(pairs ...string) map[string]core.Secret {
	out := map[string]core.Secret{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = core.NewSecret(pairs[i+1])
	}
	return out
}

// TestBearer: only one token, which is good by itself, is handed over as a text.
func TestBearer(t *testing.T) {
	for name, c := range map[string]struct {
		attach core.Attachment
		token  string
		fault  string
	}{
		"bearer": {core.Attachment{Header: secrets("Authorization", "Bearer t")}, "t", ""},
		"key":    {core.Attachment{Header: secrets("X-Key", "k")}, "k", ""},
		"DPoP":   {core.Attachment{Header: secrets("Authorization", "DPoP t")}, "", "bound to a key (DPoP)"},
		"basic": {
			core.Attachment{Header: secrets("Authorization", "Basic dTpw")}, "", "of another scheme than Bearer",
		},
		"two headers": {
			core.Attachment{Header: secrets("Authorization", "Bearer t", "X-Key", "k")}, "",
			"has the headers Authorization, X-Key",
		},
		"signature": {core.Attachment{}, "", "is made for each request"},
		"cookie":    {core.Attachment{Header: secrets("X-Key", "k"), Cookie: secrets("a", "b")}, "", "has cookies"},
		"query":     {core.Attachment{Query: secrets("key", "b")}, "", "has query parameters"},
		"bound to a certificate": {
			core.Attachment{Header: secrets("Authorization", "Bearer t"), Cert: core.NewSecret("c")}, "",
			"is a client certificate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := bearer("s", core.Credential{Attach: c.attach})
			require.Equal(t, c.token, token.Reveal())
			if c.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.fault)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.Equal(t, []string{"help", "request"}, (&app{}).next(kinds[core.CodeBadConfig], err))
		})
	}
}

// TestDifference shows what setup does to a file.
func TestDifference(t *testing.T) {
	require.Equal(t, "- b\n+ x\n+ y\n", difference("a\nb\nc\n", "a\nx\ny\nc\n"))
	require.Equal(t, "+ a\n", difference("", "a\n"))
	require.Empty(t, difference("a\n", "a\n"))
}

// TestSpan says durations in the words of a person.
func TestSpan(t *testing.T) {
	for text, want := range map[string]string{
		"3s": "3s", "59m40s": "1h0m", "90s": "2m", "1h": "1h0m", "26h5m": "26h5m", "72h": "3 days",
	} {
		d, err := time.ParseDuration(text)
		require.NoError(t, err)
		require.Equal(t, want, span(d))
	}
}
