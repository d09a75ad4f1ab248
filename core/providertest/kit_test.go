package providertest

import (
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

func find(t *testing.T, results []Result, name string) Result {
	t.Helper()
	for _, r := range results {
		if r.Name == name {
			return r
		}
	}
	require.Fail(t, "no result "+name)
	return Result{}
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks {
		require.Regexp(t, `^[a-z]+/[a-z-]+$`, c.name)
		require.False(t, seen[c.name], c.name)
		seen[c.name] = true
	}
}

// A zero factory is the first thing that an author may get wrong.
func TestZeroFixture(t *testing.T) {
	results := Check(t.Context(), Fixture{})
	require.Len(t, results, len(checks))
	require.ErrorContains(t, find(t, results, "settings/good").Err, "the zero core.Factory")
	require.Equal(t, "settings/good failed", find(t, results, "session/life").Skipped)
}

func TestWaive(t *testing.T) {
	f := visit(office(nil))
	f.Waive = map[string]string{"server/refuses": "the desk never refuses",
		"server/refusse": "misspelt"}
	results := newKit(f, coded(core.CodeUnavailable)).runAll(t.Context(), func(c check) bool {
		return c.name == "server/refuses"
	})
	require.Equal(t, "the desk never refuses", find(t, results, "server/refuses").Skipped)
	require.ErrorContains(t, find(t, results, "fixture").Err, `no check "server/refusse"`)
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, r := range Check(ctx, visit(office(nil))) {
		require.ErrorIs(t, r.Err, context.Canceled)
	}
}

// A provider that needs no server has fewer checks and passes them.
func TestNoServer(t *testing.T) {
	factory := core.NewFactory(core.Info{Kind: "fixed", Summary: "A fixed token."},
		func(_ context.Context, _ core.Environment, cfg struct {
			Token core.Secret `json:"token" required:"true" doc:"The token."`
		}) (core.Provider, error) {
			return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				return token(cfg.Token.Reveal(), ""), nil
			}), nil
		})
	skipped := 0
	for _, r := range Check(t.Context(), Fixture{Factory: factory,
		Settings: func(s Server) map[string]any {
			return map[string]any{"token": s.Secret}
		}}) {
		require.NoError(t, r.Err, r.Name)
		if r.Skipped == "the fixture has no server" {
			skipped++
		}
	}
	require.Greater(t, skipped, 10)
}

// Abilities that work, and those of a proxy that has none, pass.
func TestAbilities(t *testing.T) {
	working := with(func(a *able) {
		a.revoke = func(ctx context.Context, _ core.Credential) error {
			_, err := a.fetch(ctx, a.client)
			return err
		}
		a.authorize = func(core.Outgoing) (core.Attachment, error) {
			return core.Attachment{Header: map[string]core.Secret{"Signature": core.NewSecret("signed")}},
				nil
		}
		a.signIn = func(ctx context.Context, _ core.UI) (core.Credential, error) {
			return a.Authenticate(ctx, core.Request{})
		}
	})
	requests := []string{"ability/concurrent", "ability/remembered-headers", "ability/body", "ability/rounds"}
	people := []string{"person/nobody", "person/absent", "person/refuses", "person/signs-in",
		"person/shown"}
	for name, c := range map[string]struct {
		factory core.Factory
		skipped []string
	}{
		"working": {working, []string{"ability/sign", "person/signs-in", "person/shown"}},
		"proxy": {with(func(*able) {}),
			slices.Concat([]string{"ability/revoke", "ability/authorize", "ability/sign"}, requests,
				people)},
		"signing": {chain(signWell), slices.Concat([]string{"ability/revoke", "ability/authorize"},
			requests, people)},
	} {
		var skipped []string
		for _, r := range Check(t.Context(), visit(c.factory)) {
			require.NoError(t, r.Err, name+" "+r.Name)
			if r.Skipped != "" && r.Name != "settings/environment" {
				skipped = append(skipped, r.Name)
			}
		}
		require.ElementsMatch(t, c.skipped, skipped, name)
	}
}

// With Endpoint, only that path misbehaves.
func TestEndpoint(t *testing.T) {
	f := visit(office(nil))
	f.Endpoint = "/token"
	st := (&run{kit: newKit(f, f.Factory)}).serve(answer(500, ""))
	defer st.close()
	for path, want := range map[string]int{"/token": 500, "/other": 401} {
		resp, err := http.Post(st.server().URL+path, "text/plain", http.NoBody)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode)
	}
}

// Every exported field of a credential makes the trip to another process.
func TestCopied(t *testing.T) {
	full := core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{"A": core.NewSecret("1")},
			Query:  map[string]core.Secret{"b": core.NewSecret("2")},
			Cookie: map[string]core.Secret{"c": core.NewSecret("3")}, Cert: core.NewSecret("4"),
			Roots: "5", RememberHeaders: []string{"9"},
		},
		RefreshState: core.NewSecret("6"), Expiry: time.Now(), RenewAfter: time.Now(),
		Origins: []string{"https://a.example"},
		Subject: "7", Attributes: map[string]string{"d": "8"},
		Body: &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}, Raw: 10},
	}
	requireFull(t, reflect.ValueOf(full))
	back, same := copyCredential(full)
	require.True(t, same)
	requireFull(t, reflect.ValueOf(back))
	require.Equal(t, toPlain(full), toPlain(back))

	full.Subject = "\xff"
	_, same = copyCredential(full)
	require.False(t, same)
}

func requireFull(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		require.False(t, v.Field(i).IsZero(), "%s.%s is not covered: add it to plainCredential",
			v.Type(), field.Name)
		if field.Type == reflect.TypeFor[core.Attachment]() {
			requireFull(t, v.Field(i))
		}
	}
}

func TestLeak(t *testing.T) {
	const text = `pa&ss w"rd+0123`
	k := newKit(Fixture{Secrets: []string{text, "short"}}, core.Factory{})
	for name, shown := range map[string]string{
		"plain":  "x" + text + "x",
		"query":  "?a=" + url.QueryEscape(text),
		"path":   "/" + url.PathEscape(text),
		"hex":    fmt.Sprintf("%x", text),
		"quoted": fmt.Sprintf("%q", text),
		"base64": base64.StdEncoding.EncodeToString([]byte(text)),
		"basic":  base64.StdEncoding.EncodeToString([]byte("me:" + text)),
		"basic1": base64.URLEncoding.EncodeToString([]byte("u:" + text + "!")),
		"basic2": base64.RawURLEncoding.EncodeToString([]byte("user:" + text + "??")),
		"canary": k.canary,
	} {
		require.NotEmpty(t, k.leak(shown), name)
	}
	other := base64.StdEncoding.EncodeToString([]byte("something else entirely"))
	require.Empty(t, k.leak("short and harmless "+other))

	how, what := k.leakIn(struct{ Inner error }{errors.New(text)})
	require.Equal(t, "Fixture.Secrets[0]", what)
	require.Equal(t, "%v", how)
	how, what = k.leakIn(panics{})
	require.Empty(t, how+what)
}

// panics cannot be printed as JSON.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no") }

// What settings show in the open, a credential may repeat.
func TestPublicSettings(t *testing.T) {
	f := visit(office(nil))
	f.Settings = func(s Server) map[string]any {
		return map[string]any{"url": "https://public.example", "key": s.Secret}
	}
	k := newKit(f, f.Factory)
	k.addCredentialSecrets(core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{"X-App": core.NewSecret("https://public.example"),
				"X-Key": core.NewSecret("hidden-hidden")},
			Cert: core.NewSecret("-----BEGIN PRIVATE KEY-----\n" +
				"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\n" +
				"d3h5ejAxMjM0NTY3ODk=\n-----END PRIVATE KEY-----\n"),
		},
	})
	require.Empty(t, k.leak("https://public.example"))
	require.Equal(t, `the credential's header "X-Key"`, k.leak("hidden-hidden"))
	require.Equal(t, "the credential's private key", k.leak("d3h5ejAxMjM0NTY3ODk="))
}

// An Authorizer that begins with a round without a credential passes, as does one that reads
// bodies.
func TestRounds(t *testing.T) {
	f := visit(with(func(a *able) {
		a.authorize = func(out core.Outgoing) (core.Attachment, error) {
			at := core.Attachment{RememberHeaders: []string{"WWW-Authenticate"}}
			if len(out.Remembered.Values("WWW-Authenticate")) > 0 {
				at.Header = map[string]core.Secret{"Authorization": core.NewSecret("Steps 1")}
			}
			return at, nil
		}
	}))
	challenged(&f)
	for _, c := range []Fixture{f, visit(reading(func(core.Outgoing) {}))} {
		for _, r := range Check(t.Context(), c) {
			require.NoError(t, r.Err, r.Name)
			if r.Name == "ability/rounds" || r.Name == "ability/body" || r.Name == "session/life" {
				require.Empty(t, r.Skipped)
			}
		}
	}
}

func TestOneText(t *testing.T) {
	shout := func(s string) any { return s + "!" }
	for which, want := range []string{
		`{"a": ["b!", 1], "c": "d"}`, `{"a": ["b", 1], "c": "d!"}`, `{"a": ["b", 1], "c": "d"}`,
	} {
		got, ok := oneText([]byte(`{"c": "d", "a": ["b", 1]}`), which, shout)
		require.JSONEq(t, want, string(got))
		require.Equal(t, which < 2, ok)
	}
	got, ok := oneText([]byte("access_token=a&token_type=b"), 0, shout)
	require.True(t, ok)
	require.Equal(t, "access_token=a%21&token_type=b", string(got))
}

func TestEachText(t *testing.T) {
	shout := func(s string) any { return s + "!" }
	require.JSONEq(t, `{"a": "b!", "c": ["d!", 1, {"e": null}]}`,
		string(eachText([]byte(`{"a": "b", "c": ["d", 1, {"e": null}]}`), shout)))
	require.Equal(t, "plain!", string(eachText([]byte("plain"), shout)))
	require.Equal(t, "plain", string(eachText([]byte("plain"), func(string) any { return 1 })))
	require.Equal(t, "a=b%21&a=c%21&d=e%21", string(eachText([]byte("d=e&a=b&a=c"), shout)))
	require.Equal(t, "a=b&d=e", string(eachText([]byte("d=e&a=b"), func(string) any { return 1 })))
	for text, n := range map[string]int{
		`{"a": "b", "c": ["d", 1]}`: 2, "access_token=a&token_type=b&scope=": 3, "YWJj=": 1, "a=b": 1,
		"<a href='x?a=b&c=d'>": 1, "": 1, `[]`: 0,
	} {
		require.Equal(t, n, countTexts([]byte(text)), text)
	}
}

// A provider that needs a person passes with one, and where nobody is there
// the checks of credentials say so. A proxy for it behaves the same.
func TestPerson(t *testing.T) {
	f := visit(counters(""))
	attended(&f)
	badge(&f)
	ran := map[string]bool{}
	for _, r := range Check(t.Context(), f) {
		require.NoError(t, r.Err, r.Name)
		ran[r.Name] = r.Skipped == ""
	}
	for _, name := range []string{"person/nobody", "person/absent", "person/refuses",
		"person/signs-in", "person/shown", "session/life", "previous/stored"} {
		require.True(t, ran[name], name)
	}
	results := Check(t.Context(), visit(counters("")))
	require.ErrorIs(t, find(t, results, "credential/obtained").Err, core.CodeInteractive)
}
