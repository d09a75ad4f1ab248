package core_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// placed returns a session whose options and whose provider name these origins.
func placed(name string, options []string, provider ...string) *core.Session {
	c := bearer(name)
	c.Origins = provider
	return core.New(name, fixed(c), &core.Options{Origins: options})
}

// found returns the name of the session for a URL, or the code of the error.
func found(t *testing.T, x *core.OriginIndex, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	s, err := x.Find(u)
	if err != nil {
		return fmt.Sprint(core.CodeOf(err))
	}
	return s.Name()
}

// TestOriginIndex has the URLs of an origin, and those that are of no session.
func TestOriginIndex(t *testing.T) {
	x := core.NewOriginIndex(slices.Values([]*core.Session{
		placed("a", []string{"https://a.example", "https://A.example:443", "https://also-a.example:8443"}),
		placed("b", []string{"http://b.example", "https://shared.example"}),
		placed("c", []string{"https://shared.example/", "https://[::1]:8443"}),
		placed("anywhere", nil),
		placed("provider", nil, "https://p.example"),
	}))
	for raw, want := range map[string]string{
		"https://a.example":             "a",
		"https://a.example/v1?x=y#z":    "a",
		"https://a.example:443/v1":      "a",
		"HTTPS://A.Example/v1":          "a",
		"wss://a.example/socket":        "a",
		"https://also-a.example:8443/":  "a",
		"https://also-a.example/":       "origin refused",
		"http://a.example/":             "origin refused",
		"https://a.example.evil/":       "origin refused",
		"https://a.example@evil.test/":  "origin refused",
		"https://user@a.example/":       "a",
		"http://b.example:80/":          "b",
		"https://[::1]:8443/x":          "c",
		"https://shared.example/":       "bad config",
		"https://p.example/":            "origin refused",
		"https://elsewhere.example/":    "origin refused",
		"ftp://a.example/":              "origin refused",
		"mailto:somebody@a.example":     "origin refused",
		"/v1":                           "origin refused",
		"https://a.example:0443/spaced": "origin refused",
	} {
		require.Equal(t, want, found(t, x, raw), raw)
	}
	_, err := x.Find(nil)
	require.ErrorIs(t, err, core.CodeOriginRefused)
	_, err = x.Find(&url.URL{Scheme: "https", Host: "shared.example", RawQuery: "key=secret"})
	require.EqualError(t, err, `bad config: 2 sessions have the origin https://shared.example: `+
		`"b", "c": use one of them by its name`)
	_, err = x.Find(&url.URL{Scheme: "https", Host: "p.example", RawQuery: "key=secret"})
	require.EqualError(t, err, `origin refused: https://p.example is none of the origins of the `+
		`5 sessions (2 of them have no origins, or none before Init)`)
}

// TestOriginIndexFollowsSessions proves that each change of a session's origins is
// seen by the next lookup.
func TestOriginIndexFollowsSessions(t *testing.T) { synctest.Test(t, testOriginIndexFollows) }

func testOriginIndexFollows(t *testing.T) {
	ctx := t.Context()
	p, q := placed("p", nil, "https://p.example"), placed("q", nil, "https://q.example")
	both := placed("both", []string{"https://q.example", "https://both.example"})
	x := core.NewOriginIndex(slices.Values([]*core.Session{p, q, both}))
	all := func() string {
		var out string
		for _, host := range []string{"p", "q", "both", "other"} {
			out += found(t, x, "https://"+host+".example/") + "|"
		}
		return out
	}
	require.Equal(t, "origin refused|both|both|origin refused|", all())
	require.NoError(t, p.Init(ctx))
	require.Equal(t, "p|both|both|origin refused|", all())
	require.NoError(t, q.Init(ctx))
	require.Equal(t, "p|bad config|both|origin refused|", all())
	require.NoError(t, q.Close(ctx))
	require.Equal(t, "p|both|both|origin refused|", all())
	require.NoError(t, both.Close(ctx))
	require.Equal(t, "p|both|both|origin refused|", all(), "the options' stay")
	other := []string{"https://other.example"}
	both.Reconfigure(fixed(bearer("b")), &core.Options{Origins: other})
	require.Equal(t, "both", found(t, x, "https://other.example"))
	require.Equal(t, "p|origin refused|origin refused|both|", all())
	p.Reconfigure(fixed(bearer("p")), &core.Options{Origins: other})
	require.Equal(t, "p|origin refused|origin refused|both|", all(), "it serves its old credential")
	_, err := p.Credential(ctx)
	require.NoError(t, err)
	synctest.Wait() // for the renewal
	require.Equal(t, "bad config", found(t, x, "https://other.example"))
	require.Equal(t, "origin refused|origin refused|origin refused|bad config|", all())
}

// TestOriginIndexFindsARefusedSession proves that a session whose credential the
// API refused is found under the origins of its provider, until it is closed.
func TestOriginIndexFindsARefusedSession(t *testing.T) {
	ctx := t.Context()
	fail := false
	c := bearer("p")
	c.Origins = []string{"https://p.example"}
	s := core.New("p", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		if fail {
			return core.Credential{}, core.Errorf(core.CodeInteractive, "nobody is there")
		}
		return c, nil
	}), nil)
	x := core.NewOriginIndex(slices.Values([]*core.Session{s}))
	require.NoError(t, s.Init(ctx))
	got, err := s.Credential(ctx)
	require.NoError(t, err)
	fail = true
	s.Reject(got, "")
	_, err = s.Credential(ctx)
	require.ErrorIs(t, err, core.CodeInteractive)
	require.Equal(t, "p", found(t, x, "https://p.example/"))
	require.NoError(t, s.Close(ctx))
	require.Equal(t, "origin refused", found(t, x, "https://p.example/"))
}

// TestOriginIndexAtOnce looks up while sessions come and go.
func TestOriginIndexAtOnce(t *testing.T) {
	sessions := make([]*core.Session, 20)
	for i := range sessions {
		sessions[i] = placed(fmt.Sprint("s", i), nil, fmt.Sprintf("https://s%d.example", i))
	}
	x := core.NewOriginIndex(slices.Values(sessions))
	var wg sync.WaitGroup
	for i, s := range sessions {
		wg.Go(func() {
			u := &url.URL{Scheme: "https", Host: fmt.Sprintf("s%d.example", i)}
			for range 20 {
				if !assertFound(t, x, s, u) {
					return
				}
			}
		})
	}
	wg.Wait()
}

func assertFound(t *testing.T, x *core.OriginIndex, s *core.Session, u *url.URL) bool {
	if err := s.Init(t.Context()); err != nil {
		t.Error(err)
		return false
	}
	if got, err := x.Find(u); err != nil || got != s {
		t.Errorf("after Init: %v, %v", got, err)
		return false
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
		return false
	}
	if _, err := x.Find(u); core.CodeOf(err) != core.CodeOriginRefused {
		t.Errorf("after Close: %v", err)
		return false
	}
	return true
}
