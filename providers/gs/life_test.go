package gs_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
	"github.com/authsession/authsession/registry"
	"github.com/stretchr/testify/require"
)

var fine = answer(200, "application/json", `{}`)

// Nothing is sent before Init and after Close, and both say so.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, fine)
		ctx := t.Context()
		s, err := gs.Get(gs.QA,
			gs.Config{ClientID: "id", ClientSecret: core.NewSecret("sec"), CA: a.roots}, nil)
		require.NoError(t, err)
		require.ErrorIs(t, s.Get(ctx, "/x", nil, nil), core.CodeNotInitialized)
		_, _, err = s.WebSocket(ctx, "/x", nil)
		require.ErrorIs(t, err, core.CodeNotInitialized)
		require.Zero(t, a.dials.Load())

		require.NoError(t, s.Init(ctx))
		require.NoError(t, s.Init(ctx))
		require.NoError(t, s.Get(ctx, "/x", nil, nil))
		require.Equal(t, 1, a.tokens)
		require.Equal(t, "gs", s.Core().Status().Kind)
		require.Equal(t, gs.QA, s.Core().Status().Environment)

		require.NoError(t, s.Close(ctx))
		require.NoError(t, s.Close(ctx))
		dials := a.dials.Load()
		require.ErrorIs(t, s.Get(ctx, "/x", nil, nil), core.CodeClosed)
		_, _, err = s.WebSocket(ctx, "/x", nil)
		require.ErrorIs(t, err, core.CodeClosed)
		require.Equal(t, dials, a.dials.Load())

		require.NoError(t, s.Init(ctx))
		require.NoError(t, s.Get(ctx, "/x", nil, nil))
		require.Equal(t, 2, a.tokens)
		require.NoError(t, s.Close(ctx))
	})
}

// The login is repeated where it meets a server that is busy for a moment,
// unless a failure went before.
func TestBusyLogin(t *testing.T) {
	for _, mayRetry := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, fine)
			a.token = func(w http.ResponseWriter, r *http.Request) {
				a.mu.Lock()
				a.token = nil
				a.mu.Unlock()
				answer(503, "text/plain", "busy")(w, r)
			}
			p, err := gs.Factory.Open(t.Context(), gs.Prod,
				map[string]any{"client_id": "id", "client_secret": "sec", "ca": a.roots})
			require.NoError(t, err)
			_, err = p.Authenticate(t.Context(), core.Request{MayRetry: mayRetry})
			if mayRetry {
				require.NoError(t, err)
				require.Equal(t, 2, a.tokens)
				return
			}
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.Equal(t, 1, a.tokens)
		})
	}
}

// A failed Init is typed, the next one tries again, and neither Use nor Do
// leaves a session behind that does not work.
func TestFailedInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, fine)
		ctx := t.Context()
		before := a.session(t, nil)
		gs.SetCurrent(before)
		defer gs.SetCurrent(nil)
		a.token = answer(401, "application/json",
			`{"error":"invalid_client","error_description":"sec is wrong"}`)
		bad := gs.Config{ClientID: "id", ClientSecret: core.NewSecret("sec"), CA: a.roots,
			Activities: true}

		s, err := gs.Use(ctx, gs.Prod, bad, nil)
		require.Nil(t, s)
		require.ErrorIs(t, err, core.CodeDenied)
		require.NotContains(t, err.Error(), "sec is")
		current, err := gs.Current(ctx)
		require.NoError(t, err)
		require.Same(t, before.Core(), current.Core())

		s, err = gs.Get(gs.Prod, bad, nil)
		require.NoError(t, err)
		ran := false
		err = gs.Do(ctx, s, func(context.Context) error { ran = true; return nil })
		require.ErrorIs(t, err, core.CodeDenied)
		require.False(t, ran)
		require.ErrorIs(t, s.Get(ctx, "/x", nil, nil), core.CodeNotInitialized)
		require.Empty(t, a.requests(), "nothing goes out without a credential")

		a.token = nil
		require.NoError(t, s.Init(ctx))
		require.NoError(t, s.Get(ctx, "/x", nil, nil))
		require.NoError(t, s.Close(ctx))
	})
}

func TestCurrent(t *testing.T) {
	ctx := t.Context()
	_, err := gs.Current(ctx)
	require.ErrorIs(t, err, core.CodeNotInitialized)
	s, err := gs.Get(gs.Dev, gs.Config{Token: core.NewSecret("tok")}, nil)
	require.NoError(t, err)
	require.Nil(t, gs.SetCurrent(s))
	defer gs.SetCurrent(nil)

	// Process-wide: another goroutine sees it.
	seen := make(chan *core.Session)
	go func() {
		other, _ := gs.Current(context.Background())
		seen <- other.Core()
	}()
	require.Same(t, s.Core(), <-seen)

	inner, err := gs.Get(gs.QA, gs.Config{Token: core.NewSecret("tok")}, nil)
	require.NoError(t, err)
	stop := errors.New("stop")
	err = gs.Do(ctx, inner, func(ctx context.Context) error {
		current, err := gs.Current(ctx)
		require.NoError(t, err)
		require.Same(t, inner.Core(), current.Core())
		return stop
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, core.StateClosed, inner.Core().Status().State)
	require.Same(t, s.Core(), gs.SetCurrent(nil).Core())
	require.Nil(t, gs.From(nil))
}

// DEV verifies certificates, for the token request and for the API, and so does
// an API of one's own.
func TestCertificatesAreVerified(t *testing.T) {
	for name, cfg := range map[string]gs.Config{
		"dev":     {ClientID: "id", ClientSecret: core.NewSecret("sec")},
		"mds web": {ClientID: "id", ClientSecret: core.NewSecret("sec"), Domain: gs.MDSWeb},
		"own": {ClientID: "id", ClientSecret: core.NewSecret("sec"), APIURL: apiURL,
			TokenURL: authURL},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, fine)
				for _, env := range []core.Environment{gs.Dev, gs.Prod} {
					s, err := gs.Get(env, cfg, nil)
					require.NoError(t, err)
					err = s.Init(t.Context())
					require.ErrorIs(t, err, core.CodeBadConfig)
					require.ErrorContains(t, err, "certificate")

					pass := cfg
					pass.ClientID, pass.ClientSecret, pass.TokenURL, pass.Token = "", core.Secret{}, "",
						core.NewSecret("tok")
					s, err = gs.Get(env, pass, nil)
					require.NoError(t, err)
					require.NoError(t, s.Init(t.Context()))
					require.ErrorContains(t, s.Get(t.Context(), "/x", nil, nil), "certificate")
					require.NoError(t, s.Close(t.Context()))
				}
				require.Zero(t, a.tokens)
				require.Empty(t, a.requests())
			})
		})
	}
}

// Cookies of the token endpoint and ~/.netrc play no part.
func TestNothingAmbient(t *testing.T) {
	home := t.TempDir()
	require.NoError(t,
		os.WriteFile(filepath.Join(home, ".netrc"), []byte("default login u password p\n"), 0o600))
	t.Setenv("HOME", home)
	t.Setenv("NETRC", filepath.Join(home, ".netrc"))
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, fine)
		var seen []http.Header
		a.token = func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, r.Header.Clone())
			http.SetCookie(w, &http.Cookie{Name: "PF", Value: "x", Domain: "gs.com", Path: "/"})
			answer(200, "application/json", `{"access_token":"tok","token_type":"Bearer"}`)(w, r)
		}
		s := a.session(t, nil)
		require.NoError(t, s.Get(t.Context(), "/x", nil, nil))
		s.Core().Reject(must(s.Core().Credential(t.Context())), "")
		require.NoError(t, s.Get(t.Context(), "/x", nil, nil))
		require.Len(t, seen, 2)
		for _, h := range seen {
			require.Empty(t, h.Values("Authorization"),
				"a session's credential never goes to its own token endpoint")
			require.Empty(t, h.Values("Cookie"))
		}
		for _, r := range a.requests() {
			require.Equal(t, "Bearer tok", r.header.Get("Authorization"))
			require.Empty(t, r.header.Values("Cookie"))
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A domain that is not the session's is refused before anything is dialled.
func TestForeignDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, fine)
		s := a.session(t, nil)
		cookies := a.session(t, func(c *gs.Config) {
			*c = gs.Config{GSSSO: core.NewSecret("sso"), CSRFToken: core.NewSecret("csrf"), CA: c.CA}
		})
		ctx := t.Context()
		dials := a.dials.Load()
		for _, d := range []gs.Domain{"https://evil.example.com", "https://api.gs.com.evil.example.com",
			"https://api.gs.com:8443",
			"http://api.gs.com", "https://u@api.gs.com", "https://api.gs.com@evil.example.com",
			"https://api.marquee-qa.gs.com", "ftp://api.gs.com"} {
			call := &gs.Call{Domain: d}
			require.ErrorIs(t, s.Get(ctx, "/x", nil, call), core.CodeOriginRefused, d)
			require.ErrorIs(t, s.Post(ctx, "/x", 1, nil, call), core.CodeOriginRefused, d)
			_, _, err := s.WebSocket(ctx, "/x", call)
			require.ErrorIs(t, err, core.CodeOriginRefused, d)
		}
		require.ErrorIs(t, s.Get(ctx, "/x", nil, &gs.Call{Domain: "mds_west"}), core.CodeBadConfig)
		require.ErrorIs(t, cookies.Get(ctx, "/x", nil, &gs.Call{Domain: gs.MDSEast}), core.CodeBadConfig)
		require.ErrorIs(t,
			cookies.Get(ctx, "/x", nil, &gs.Call{Domain: "https://us-east.data.gsapis.com"}),
			core.CodeOriginRefused)
		require.ErrorIs(t, s.Get(ctx, "/x", nil, &gs.Call{APIVersion: "v1/../.."}), core.CodeBadConfig)
		require.Equal(t, dials, a.dials.Load())

		require.NoError(t, s.Get(ctx, "/x", nil, &gs.Call{Domain: gs.MDSWeb, APIVersion: "v2"}))
		require.NoError(t,
			cookies.Get(ctx, "//y@z", nil, &gs.Call{Domain: gs.MarqueeWeb, NoVersion: true}))
		got := a.requests()
		require.Equal(t, "data.gs.com/v2/x", got[0].host+got[0].target)
		require.Equal(t, "marquee.gs.com//y@z", got[1].host+got[1].target)
		require.Equal(t, "GSSSO=sso; MARQUEE-CSRF-TOKEN=csrf", got[1].header.Get("Cookie"))
		require.Equal(t, "csrf", got[1].header.Get("X-MARQUEE-CSRF-TOKEN"))
	})
}

// What can never be sent, or read into, is found at once: nothing is sent and
// nothing is repeated.
func TestCallsThatCannotWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, fine)
		s := a.session(t, nil)
		ctx, began := t.Context(), time.Now()
		for _, h := range []http.Header{{"X-A": {"a\r\nX-B: c"}}, {"X-A": {"a", "\x00"}}, {"X A": {"a"}},
			{"": {"a"}}, {"X-A\r\n": nil}} {
			require.ErrorIs(t, s.Get(ctx, "/x", nil, &gs.Call{Header: h}), core.CodeBadConfig, "%q", h)
			_, _, err := s.WebSocket(ctx, "/x", &gs.Call{Header: h})
			require.ErrorIs(t, err, core.CodeBadConfig, "%q", h)
		}
		for _, path := range []string{"/x\r\nX-B: c", "/%zz"} {
			require.ErrorIs(t, s.Get(ctx, path, nil, nil), core.CodeBadConfig, "%q", path)
		}
		for _, out := range []any{struct{}{}, map[string]any{}, (*string)(nil), "x"} {
			require.ErrorIs(t, s.Post(ctx, "/x", 1, out, nil), core.CodeBadConfig, "%T", out)
		}
		require.Empty(t, a.requests())
		require.Zero(t, time.Since(began))
	})
}

// A redirect to another host carries neither token, cookies nor CSRF header: calls do not
// follow it, and the session's client sends a request without them.
func TestRedirectElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, nil)
		a.handler = func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "api.gs.com" {
				http.Redirect(w, r, "https://elsewhere.example.com/x", http.StatusTemporaryRedirect)
			}
		}
		for _, s := range []*gs.Session{a.session(t, nil), a.session(t, func(c *gs.Config) {
			*c = gs.Config{GSSSO: core.NewSecret("sso"), CSRFToken: core.NewSecret("csrf"), CA: c.CA}
		})} {
			require.ErrorIs(t, s.Get(t.Context(), "/x", nil, nil), gs.NotAuthenticated)
			resp, err := s.Client().Get("https://api.gs.com/v1/x")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
		for _, r := range a.requests() {
			if r.host != "api.gs.com" {
				require.Empty(t,
					r.header.Get("Authorization")+r.header.Get("Cookie")+r.header.Get("X-Marquee-Csrf-Token"))
			}
		}
		require.Len(t, a.requests(), 6)
	})
}

// The facade works on a session that a registry made, and says so where a
// session is of another kind.
func TestFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, fine)
		ctx := t.Context()
		reg, err := registry.New(gs.Factory)
		require.NoError(t, err)
		require.NoError(t, reg.Replace(ctx, []registry.Entry{{
			Name: "gs-qa", Kind: "gs", Environment: gs.QA,
			Settings: map[string]any{"token": "tok", "domain": "mds_east", "api_version": "v3",
				"ca": a.roots},
		}}))
		made, err := reg.Session("gs-qa")
		require.NoError(t, err)
		require.NoError(t, made.Init(ctx))
		s := gs.From(made)
		require.NoError(t, s.Get(ctx, "/x", nil, nil))
		require.NoError(t, s.Get(ctx, "/x", nil, &gs.Call{Domain: gs.App}))
		target, header, err := s.WebSocket(ctx, "/ws", &gs.Call{Header: http.Header{"x-ws": {"1"}}})
		require.NoError(t, err)
		require.Equal(t, "wss://qa.us-east.data.gsapis.com/v3/ws", target)
		require.Equal(t, "Bearer tok", header.Get("Authorization"))
		require.Equal(t, "1", header.Get("X-Ws"))
		require.Equal(t, "qa.us-east.data.gsapis.com/v3/x", a.requests()[0].host+a.requests()[0].target)
		require.Equal(t, "api.marquee-qa.gs.com/v3/x", a.requests()[1].host+a.requests()[1].target)
		require.NoError(t, made.Close(ctx))
	})
	other := core.New("other",
		core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{
				Attach:     core.Attachment{Header: map[string]core.Secret{"X-Key": core.NewSecret("k")}},
				Attributes: map[string]string{"base_url": "https://127.0.0.1:1"}}, nil
		}), nil)
	require.NoError(t, other.Init(t.Context()))
	s := gs.From(other)
	require.ErrorIs(t, s.Get(t.Context(), "/x", nil, &gs.Call{Domain: "https://127.0.0.1:2"}),
		core.CodeOriginRefused)
	require.ErrorIs(t, s.Get(t.Context(), "/x", nil, &gs.Call{NoRetry: true}), core.CodeUnavailable)

	plain := core.New("plain",
		core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{
				Attach: core.Attachment{Header: map[string]core.Secret{"X-Key": core.NewSecret("k")}}}, nil
		}), nil)
	require.NoError(t, plain.Init(t.Context()))
	require.ErrorContains(t, gs.From(plain).Get(t.Context(), "/x", nil, nil),
		`session "plain" names no base_url`)
}

// The program is announced when the settings ask for it: once for each
// authentication that the facade made, and its failure is ignored.
func TestActivities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, answer(500, "text/plain", "no"))
		ctx := t.Context()
		s := a.session(t, nil)
		require.NoError(t, s.Init(ctx))
		require.Empty(t, a.requests(), "off unless asked for")

		s = a.session(t, func(c *gs.Config) { c.Activities, c.Application = true, "app" })
		require.NoError(t, s.Init(ctx))
		require.NoError(t, gs.Do(ctx, s, func(context.Context) error { return nil }))
		require.Len(t, a.requests(), 1)
		require.Equal(t, "api.gs.com/v1/activities", a.requests()[0].host+a.requests()[0].target)
		require.Contains(t, string(a.requests()[0].body), `"featureApplication":"app"`)

		a.session(t, func(c *gs.Config) { c.Activities, c.Domain = true, gs.MDSEast })
		require.Len(t, a.requests(), 1, "only with the app domain")
	})
}

// A second answer with 401 is the typed error, and everything was sent twice.
func TestSecond401(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, answer(401, "application/json", `{"token":"secret-token-2"}`))
		s := a.session(t, nil)
		err := s.Post(t.Context(), "/x", map[string]int{"a": 1}, nil, nil)
		require.ErrorIs(t, err, gs.NotAuthenticated)
		require.ErrorContains(t, err, `{"token":"REDACTED"}`)
		got := a.requests()
		require.Len(t, got, 2)
		require.Equal(t, "Bearer secret-token-1", got[0].header.Get("Authorization"))
		require.Equal(t, "Bearer secret-token-2", got[1].header.Get("Authorization"))
		require.JSONEq(t, `{"a":1}`, string(got[1].body))
		require.Equal(t, 2, a.tokens)
	})
}
