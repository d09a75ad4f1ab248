//go:build unix

package plugins

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestDescribe(t *testing.T) {
	h, _ := newHost(t)
	f := factoryOf(t, h, testBinary(), "ticket")
	require.Equal(t, core.Info{Kind: "ticket", Plugin: "tester"}, f.Info(),
		"before the start, the kind alone is known")
	require.Empty(t, f.Settings())
	require.NoError(t, f.Check("", map[string]any{"misspelt": 1}), "nothing is started by Check")

	d, err := h.Describe(t.Context(), testBinary())
	require.NoError(t, err)
	require.Len(t, d.Kinds, 2)
	require.Equal(t, ticketFactory.Info(), d.Kinds[0].Info)
	require.Equal(t, ticketFactory.Settings(), d.Kinds[0].Settings)
	want := ticketFactory.Info()
	want.Plugin, want.Version = "tester", d.Version
	require.Equal(t, want, f.Info())
	require.Equal(t, ticketFactory.Settings(), f.Settings())
}

// The same settings are refused in the same words.
func TestSameFaults(t *testing.T) {
	h, _ := newHost(t)
	f := factoryOf(t, h, testBinary(), "ticket")
	for _, settings := range []map[string]any{
		{},
		{"url": "https://a.example", "key": core.NewSecret("k"), "klass": "first",
			"seats": []any{map[string]any{"row": "x"}, map[string]any{}}},
		{"url": 7, "key": true, "class": "firts", "grace": "soon"},
		{"url": "gopher://a.example", "key": "k"},
		{"url": "https://unopenable.example", "key": "k"},
		{"url": core.NewSecret("gopher://x"), "key": "k", "grace": core.NewSecret("x"), "seats": "none"},
	} {
		_, want := ticketFactory.Open(t.Context(), "qa", settings)
		_, got := f.Open(t.Context(), "qa", settings)
		require.Error(t, got)
		require.Equal(t, want.Error(), got.Error())
		require.Equal(t, core.CodeOf(want), core.CodeOf(got))
		var faults, have core.Faults
		require.Equal(t, errors.As(want, &faults), errors.As(got, &have))
		require.Equal(t, faults, have)
		if err := ticketFactory.Check("qa", settings); err != nil &&
			!strings.Contains(err.Error(), "https") { // Validate is the plugin's
			require.Equal(t, err.Error(), f.Check("qa", settings).Error())
		}
	}
}

// The errors of calls have the same words too, once the session has added who.
func TestSameErrors(t *testing.T) {
	h, _ := newHost(t)
	f := factoryOf(t, h, testBinary(), "test")
	for _, do := range []string{"denied", "plain", "panic", "interactive", "local"} {
		var texts []string
		for _, f := range []core.Factory{testFactory, f} {
			p, err := f.Open(t.Context(), "", map[string]any{"do": do, "key": "canary"})
			require.NoError(t, err)
			s := core.New("x", p, &core.Options{Kind: "test"})
			err = s.Init(t.Context())
			require.Error(t, err)
			var e *core.Error
			require.ErrorAs(t, err, &e)
			e.RetryAfter = 0 // has jitter
			require.Equal(t, do == "local", e.Local)
			texts = append(texts, err.Error())
		}
		require.Equal(t, texts[0], texts[1])
		require.NotContains(t, texts[1], "canary")
	}
}

// An error of a plugin that repeats a secret of its settings is not shown, whoever
// wrote the plugin.
func TestErrorsWithoutSecrets(t *testing.T) {
	h, _ := newHost(t)
	for name, key := range map[string]any{"plain": "canary-key",
		"from a file": core.NewSecret("canary-key")} {
		t.Run(name, func(t *testing.T) {
			p := openTest(t, h, testBinary(), map[string]any{"do": "leak", "key": key})
			_, err := p.Authenticate(t.Context(), core.Request{})
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.ErrorContains(t, err, "the plugin's error repeats a secret and is not shown")
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

// One session with everything that a provider can be.
func TestAbilities(t *testing.T) {
	h, log := newHost(t)
	p := openTest(t, h, testBinary(),
		map[string]any{"name": "me", "key": core.NewSecret("canary-key")})
	cred, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, "Test canary-key", header(cred, "Authorization"))
	require.Equal(t, "me", cred.Subject)

	again, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonRejected, Previous: cred,
		Challenge: "Bearer \xff"})
	require.NoError(t, err)
	require.Equal(t, "renew renew ", again.RefreshState.Reveal())
	require.Equal(t, "rejected", again.Attributes["reason"])
	require.Equal(t, "Bearer ", again.Attributes["challenge"])
	require.Equal(t, "false", again.Attributes["retry"])
	again, err = p.Authenticate(t.Context(), core.Request{MayRetry: true})
	require.NoError(t, err)
	require.Equal(t, "true", again.Attributes["retry"])

	a, err := p.(core.Authorizer).Authorize(t.Context(), cred,
		core.Outgoing{Method: "PUT", URL: "https://a.example/x", Header: http.Header{"X-Sent": {"1"}},
			Digests: map[crypto.Hash][]byte{crypto.SHA256: {1}}})
	require.NoError(t, err)
	require.Equal(t, "PUT https://a.example/x 1 01 Test canary-key", a.Header["Signature"].Reveal())

	signature, err := p.(core.TLSSigner).SignDigest(t.Context(),
		core.SignatureRequest{Digest: []byte{2}, Hash: crypto.SHA384, PSSSalt: 3})
	require.NoError(t, err)
	require.Equal(t, "SHA-384 02 3", string(signature))

	err = p.(core.Revoker).Revoke(t.Context(), cred)
	require.ErrorIs(t, err, core.CodeDenied)
	require.EqualError(t, err, "denied: revoking me")
	require.NotContains(t, log.String(), "canary")
}

func TestUnsupported(t *testing.T) {
	h, _ := newHost(t)
	for ability, call := range map[string]func(core.Provider) error{
		"authorize": func(p core.Provider) error {
			_, err := p.(core.Authorizer).Authorize(t.Context(), core.Credential{}, core.Outgoing{})
			return err
		},
		"sign": func(p core.Provider) error {
			_, err := p.(core.TLSSigner).SignDigest(t.Context(), core.SignatureRequest{})
			return err
		},
		"revoke": func(p core.Provider) error {
			return p.(core.Revoker).Revoke(t.Context(),
				core.Credential{})
		},
		"sign-in": func(p core.Provider) error {
			_, err := p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, core.UI{})
			return err
		},
	} {
		require.ErrorIs(t, call(openTest(t, h, testBinary(), map[string]any{"nope": ability})),
			errors.ErrUnsupported, ability)
		bare, err := factoryOf(t, h, testBinary(), "ticket").Open(t.Context(), "",
			map[string]any{"url": "https://a.example", "key": "k"})
		require.NoError(t, err)
		require.ErrorIs(t, call(bare), errors.ErrUnsupported, ability)
	}
}

// A person's answers travel, and what cannot be done is said.
func TestSignIn(t *testing.T) {
	h, _ := newHost(t)
	var seen []string
	ui := core.UI{
		Show: func(_ context.Context, m string) error { seen = append(seen, m); return nil },
		Ask: func(_ context.Context, q string, hidden bool) (core.Secret, error) {
			require.True(t, hidden)
			seen = append(seen, q)
			return core.NewSecret("canary"), nil
		},
		Open: func(_ context.Context, u string) error { seen = append(seen, u); return nil },
	}
	signIn := func(ctx context.Context, name string, ui core.UI) (core.Credential, error) {
		p := openTest(t, h, testBinary(), map[string]any{"name": name, "do": "interactive"})
		return p.(core.InteractiveProvider).SignIn(ctx, core.Request{}, ui)
	}
	cred, err := signIn(t.Context(), "https://login.example/", ui)
	require.NoError(t, err)
	require.Equal(t, "Person canary", header(cred, "Authorization"))
	require.Equal(t, []string{"hello ", "https://login.example/", "who?"}, seen)

	_, err = signIn(t.Context(), "file:///etc/passwd", ui)
	require.EqualError(t, err, "bad config: only web pages are opened")
	_, err = signIn(t.Context(), "https://a.example", core.UI{})
	require.ErrorIs(t, err, core.CodeInteractive)
	ui.Open = nil
	ui.Ask = func(context.Context, string, bool) (core.Secret, error) {
		return core.Secret{}, core.Errorf(core.CodeDenied, "no thanks")
	}
	_, err = signIn(t.Context(), "", ui)
	require.EqualError(t, err, "denied: no thanks")

	ctx, cancel := context.WithCancel(t.Context())
	ui.Ask = func(ctx context.Context, _ string, _ bool) (core.Secret, error) {
		cancel()
		<-ctx.Done()
		return core.Secret{}, ctx.Err()
	}
	_, err = signIn(ctx, "", ui)
	require.ErrorIs(t, err, context.Canceled)

	// In a session, after Authenticate said Interactive.
	ui.Ask = func(context.Context, string, bool) (core.Secret, error) {
		return core.NewSecret("me"), nil
	}
	s := core.New("x", openTest(t, h, testBinary(), map[string]any{"do": "interactive"}),
		&core.Options{UI: &ui})
	require.NoError(t, s.Init(t.Context()))
}

// Many sessions have one process, also when all come at once.
func TestOneProcess(t *testing.T) {
	h, log := newHost(t)
	f := factoryOf(t, h, testBinary(), "test")
	pids := make(chan string, 50)
	var wait sync.WaitGroup
	for range cap(pids) {
		wait.Go(func() {
			p, err := f.Open(t.Context(), "", nil)
			if err != nil {
				pids <- err.Error()
				return
			}
			cred, err := p.Authenticate(t.Context(), core.Request{})
			if err != nil {
				pids <- err.Error()
				return
			}
			pids <- cred.Attributes["pid"]
		})
	}
	wait.Wait()
	first := <-pids
	for range cap(pids) - 1 {
		require.Equal(t, first, <-pids)
	}
	require.Equal(t, 1, strings.Count(log.String(), "plugin started"))
}

// A session over HTTP, as a program uses it.
func TestSession(t *testing.T) {
	h, _ := newHost(t)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Signature") == "" {
			w.WriteHeader(401)
		}
	}))
	defer api.Close()
	s := core.New("x", openTest(t, h, testBinary(), map[string]any{"key": "k"}),
		&core.Options{Lazy: true})
	defer s.Close(t.Context())
	resp, err := s.Client().Get(api.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
}

// An Authorizer in a plugin gets the headers that it remembers of the API's answers.
func TestRememberedHeaders(t *testing.T) {
	h, _ := newHost(t)
	var got []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Signature"))
		w.Header().Set("DPoP-Nonce", "n-1")
		if r.Header.Get("Signature") != "nonce:n-1" {
			w.WriteHeader(401)
		}
	}))
	defer api.Close()
	get := func(learn string) (*http.Response, error) {
		s := core.New("x", openTest(t, h, testBinary(),
			map[string]any{"key": "k", "do": "learn " + learn}), &core.Options{Lazy: true})
		defer s.Close(t.Context())
		return s.Client().Get(api.URL)
	}
	resp, err := get("1")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, []string{"nonce:", "nonce:n-1"}, got)

	_, err = get("1000")
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "the provider wants more than 16 headers of answers")
}
