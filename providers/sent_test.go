package providers_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
)

// sentSettings are settings whose text is sent, with what else a provider needs.
var sentSettings = []struct {
	kind, setting string
	others        map[string]any
	free          bool // a space at its end and characters beyond ASCII are part of it
	quotes        bool // a text in quotes is refused
}{
	{"apikey", "key", map[string]any{"header": "X-API-Key"}, false, true},
	{"apikey", "key", map[string]any{"cookie": "sid"}, false, true},
	{"apikey", "key", map[string]any{"query": "key"}, false, true},
	{"basic", "username", map[string]any{"password": "p"}, true, false},
	{"basic", "password", map[string]any{"username": "u"}, true, false},
	{"bearer", "token", nil, false, true},
	{"gs", "client_id", map[string]any{"client_secret": "s"}, false, true},
	{"gs", "client_secret", map[string]any{"client_id": "id"}, false, true},
	{"gs", "token", nil, false, true},
	{"gs", "gssso", map[string]any{"csrf_token": "x"}, false, true},
	{"gs", "csrf_token", map[string]any{"gssso": "x"}, false, true},
	{"gs", "marquee_login", nil, false, true},
	{"oauth2", "client_id", oauth("client_secret", "s"), false, true},
	{"oauth2", "client_secret", oauth("client_id", "id"), false, true},
	{"oauth2", "audience", oauth("client_id", "id", "client_secret", "s"), false, false},
	{"oauth2", "refresh_token", oauth("client_id", "id", "grant", "refresh_token"), false, true},
	{"oauth2", "subject_token", oauth("client_id", "id", "grant", "token_exchange"), false, true},
}

func oauth(pairs ...string) map[string]any {
	out := map[string]any{"token_url": "https://login.example.com/token"}
	for pair := range slices.Chunk(pairs, 2) {
		out[pair[0]] = pair[1]
	}
	return out
}

// openError returns the error of a provider with one setting of that text.
func openError(t *testing.T, kind, setting, text string, others map[string]any) error {
	t.Helper()
	all := providers.Builtin()
	i := slices.IndexFunc(all, func(f core.Factory) bool { return f.Info().Kind == kind })
	settings := map[string]any{setting: core.NewSecret(text)}
	maps.Copy(settings, others)
	_, err := all[i].Open(t.Context(), core.Prod, settings)
	return err
}

// TestWhatIsSentIsCheckedAtLoad proves that a text that cannot be meant is refused before anything
// is sent, with the setting and the remedy, and without the text.
func TestWhatIsSentIsCheckedAtLoad(t *testing.T) {
	const good = "Hunter2"
	for _, s := range sentSettings {
		t.Run(s.kind+"/"+s.setting, func(t *testing.T) {
			require.NoError(t, openError(t, s.kind, s.setting, good, s.others))
			bad := map[string]string{
				good + "\n": "line break", good + "\r\n": "line break", "\ufeff" + good: "byte order mark",
				"Hun\x00ter2": "control character", "Hun\nter2": "control character",
			}
			for _, unseen := range []string{"\u200b", "\u2060", "\u00ad", "\u202e", "\ufeff"} {
				bad[good+unseen] = "cannot be seen"
				if unseen != "\ufeff" {
					bad[unseen+good] = "cannot be seen"
				}
			}
			if !s.free {
				maps.Copy(bad, map[string]string{good + " ": "ends in a space", " " + good: "begins with a space",
					good + "\t": "ends in a space", good + "\u00a0": "ends in a space"})
			}
			if s.quotes {
				maps.Copy(bad, map[string]string{`"` + good + `"`: "quotes", "'" + good + "'": "quotes"})
			}
			for text, want := range bad {
				err := openError(t, s.kind, s.setting, text, s.others)
				require.ErrorIs(t, err, core.CodeBadConfig, "%q", text)
				require.ErrorContains(t, err, s.setting+": ", "%q", text)
				require.ErrorContains(t, err, want, "%q", text)
				require.NotContains(t, err.Error(), good)
				require.NotContains(t, err.Error(), "ter2")
			}
		})
	}
	require.ErrorContains(t, openError(t, "basic", "username", "a:b",
		map[string]any{"password": "p"}), "colon")
	require.NoError(t, openError(t, "basic", "password", "schlüssel 🗝 ",
		map[string]any{"username": "jürgen"}), "RFC 7617 allows UTF-8")
	require.NoError(t, openError(t, "apikey", "key", `"quoted"`,
		map[string]any{"header": "Authorization", "prefix": "Token token="}))
}
