package browser_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/browser"
)

func TestParseAnswer(t *testing.T) {
	const good = "http://127.0.0.1:8250/cb?code=c%2Fd&state=the+state&iss=https%3A%2F%2Fa"
	for name, tt := range map[string]struct{ text, err string }{
		"as it is":               {good, ""},
		"with a line break":      {good + "\r\n", ""},
		"in two lines":           {good[:40] + "\n" + good[40:], ""},
		"with spaces":            {"   " + good + "\t", ""},
		"in quotes":              {`"` + good + `"`, ""},
		"in angle brackets":      {"<" + good + ">", ""},
		"bracketed paste":        {"\x1b[200~" + good + "\x1b[201~", ""},
		"zero-width characters":  {"\ufeff" + good[:30] + "\u200b" + good[30:], ""},
		"the query alone":        {good[strings.Index(good, "?"):], ""},
		"the parameters alone":   {good[strings.Index(good, "?")+1:], ""},
		"the fragment":           {strings.Replace(good, "?", "#", 1), ""},
		"an error":               {"http://127.0.0.1/?error=access_denied&state=the+state", ""},
		"custom scheme":          {"com.example.app:/cb?code=c&state=the+state", ""},
		"nothing":                {" \n", "nothing was pasted"},
		"a word":                 {"yes", "not the address"},
		"another page":           {"https://login.example.com/welcome", "not the address"},
		"the code alone":         {"c/d", "not the address"},
		"the link":               {"https://login.example.com/authorize?state=the+state&redirect_uri=x&response_type=code&client_id=a", "the link to open"},
		"another state":          {"http://127.0.0.1/?code=c&state=other", "another sign-in"},
		"an empty state":         {"http://127.0.0.1/?code=c&state=", "another sign-in"},
		"two states":             {good + "&state=the+state", "another sign-in"},
		"no state":               {"http://127.0.0.1/?code=c", "not the address"},
		"cut off":                {good[:strings.Index(good, "state")+8], "another sign-in"},
		"a state and no code":    {"http://127.0.0.1/?state=the+state", "not the address"},
		"bad escapes":            {"http://127.0.0.1/?code=%zz&state=the+state", "not the address"},
		"escape sequences alone": {"\x1b[2J\x1b]0;x\x07", "not the address"},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := browser.ParseAnswer(tt.text, "the state")
			if tt.err == "" {
				require.NoError(t, err)
				require.Equal(t, "the state", answer.Get("state"))
				return
			}
			require.ErrorContains(t, err, tt.err)
			require.Nil(t, answer)
			require.NotContains(t, err.Error(), "c/d")
		})
	}
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]string{
		"abc/def-_.~": "abc/def-_.~", " abc def\n": "abcdef", "abc#the-state": "abc",
		"https://a/?code=xyz&state=the-state": "xyz", "code=xyz&state=the-state": "xyz",
	} {
		answer, err := browser.ParseCode(text, "the-state")
		require.NoError(t, err, text)
		require.Equal(t, want, answer.Get("code"))
		require.Equal(t, strings.Contains(text, "state="), answer.Has("state"))
	}
	for text, want := range map[string]string{
		"": "nothing", "abc#other": "another sign-in", "https://a/?code=x&state=other": "another sign-in",
		"https://a/?code=x": "not the address", "#the-state": "not the address",
	} {
		_, err := browser.ParseCode(text, "the-state")
		require.ErrorContains(t, err, want, text)
	}
}

// A pasted answer ends the sign-in as one in the browser does; a wrong one does not.
func TestPaste(t *testing.T) {
	l := listen(t, browser.Config{})
	var got url.Values
	want := core.Errorf(core.CodeDenied, "no")
	done := waiting(t, t.Context(), l, func(_ context.Context, answer url.Values) error {
		got = answer
		return want
	})
	require.ErrorContains(t, l.Paste(l.URL()+"?code=c&state=other"), "another sign-in")
	require.Empty(t, done)
	require.NoError(t, l.Paste(l.URL()+goodQuery))
	require.Equal(t, want, <-done)
	require.Equal(t, "c", got.Get("code"))
	require.NoError(t, l.Paste(l.URL()+goodQuery), "it is answered")
	_, page, _ := get(t, l.URL()+goodQuery)
	require.Contains(t, page, "Already answered")
}

func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{"", "http://a/?code=c&state=s", "c#s", "?state=s&error=x", "#state=s&code=c", "%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string, string) (url.Values, error){browser.ParseAnswer, browser.ParseCode} {
			answer, err := parse(text, "s")
			if err != nil {
				require.Nil(t, answer)
				continue
			}
			if answer.Has("state") {
				require.Equal(t, []string{"s"}, answer["state"])
			}
			require.True(t, answer.Has("code") || answer.Has("error"))
		}
	})
}
