package core_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// tokensFor returns a provider of hourly tokens that names origins.
func tokensFor(token string, origins ...string) core.Provider {
	return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		c := bearer(token)
		c.Expiry, c.Origins = time.Now().Add(time.Hour), origins
		return c, nil
	})
}

const (
	originA = "https://a.example"
	originB = "https://b.example"
	originC = "https://c.example"
)

// What another session has stored under the same key is left alone, whatever
// is done with the session.
func TestStoredCredentialOfAnotherSession(t *testing.T) {
	base := core.Options{
		Kind: "oauth2", Environment: core.QA, StoreKey: "k", StoreScope: "client-a",
		Origins: []string{originA},
	}
	without := func(o *core.Options) { o.StoreScope = "" }
	for name, c := range map[string]struct {
		change func(o *core.Options)
		want   []string // of the error; nil: the credential is taken
		before func(o *core.Options)
	}{
		"nothing": {func(*core.Options) {}, nil, nil},
		"more": {
			func(o *core.Options) { o.Early, o.KeepFresh = time.Minute, true }, nil, nil,
		},
		"more origins": {
			func(o *core.Options) { o.Origins = []string{originB, originA} }, nil, nil,
		},
		"kind": {
			func(o *core.Options) { o.Kind = "basic" }, []string{`kind "oauth2"`, `kind "basic"`},
			nil,
		},
		"no kind": {
			func(o *core.Options) { o.Kind = "" }, []string{`kind "oauth2"`, `kind ""`}, nil,
		},
		"environment": {
			func(o *core.Options) { o.Environment = core.Prod },
			[]string{`environment "qa"`, `environment "prod"`}, nil,
		},
		"scope": {
			func(o *core.Options) { o.StoreScope = "client-b" },
			[]string{`scope "client-a"`, `scope "client-b"`}, nil,
		},
		"no scope": {
			func(o *core.Options) { o.StoreScope = "" }, []string{`scope "client-a"`, `scope ""`},
			nil,
		},
		"origins": {
			func(o *core.Options) { o.Origins = []string{originB} }, []string{originA, originB},
			nil,
		},
		"scope, which it had not": {
			func(o *core.Options) { o.StoreScope = "a" }, []string{`scope ""`, `scope "a"`},
			without,
		},
		"no scope at all": {func(*core.Options) {}, nil, without},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, opts := newShelf(), base
				opts.Store = store
				if c.before != nil {
					c.before(&opts)
				}
				first := core.New("api", tokensFor("first"), &opts)
				require.NoError(t, first.Init(t.Context()))
				require.NoError(t, first.Close(t.Context()))
				saved := store.text("k")
				require.NotEmpty(t, saved)

				c.change(&opts)
				second := core.New("api", tokensFor("second"), &opts)
				err := second.Init(t.Context())
				if c.want == nil {
					require.NoError(t, err)
					require.Equal(t, "first", bearing(t, second))
					require.NoError(t, second.Close(t.Context()))
					return
				}
				require.ErrorIs(t, err, core.CodeBadConfig)
				const refused = `the store's credential "k" belongs to another session`
				for _, part := range append(c.want, refused, "Options.StoreKey") {
					require.ErrorContains(t, err, part)
				}
				require.Zero(t, second.Status().Authentications, "the provider was not asked")
				require.ErrorIs(t, second.SignOut(t.Context()), core.CodeBadConfig)
				time.Sleep(2 * time.Hour) // also if it could not be used any more
				require.ErrorIs(t, second.Init(t.Context()), core.CodeBadConfig)
				require.ErrorIs(t, core.New("api", tokensFor("third"), &opts).SignOut(t.Context()),
					core.CodeBadConfig)
				require.NoError(t, second.Close(t.Context()))
				require.Equal(t, saved, store.text("k"))
				require.Equal(t, [2]int{1, 0}, [2]int{store.saves, store.deletes})
			})
		})
	}
}

// A session that is in use continues, if it can do so without the store, and
// does not take the record's place when it ends.
func TestSessionInUseLeavesTheRecordOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		s := core.New("api", &issuer{life: time.Hour}, &core.Options{Store: store, Kind: "mine"})
		require.NoError(t, s.Init(t.Context()))
		store.set(func() { delete(store.values, "api") })
		other := core.New("api", tokensFor("other"), &core.Options{Store: store, Kind: "other"})
		require.NoError(t, other.Init(t.Context()))
		saved := store.text("api")
		time.Sleep(61 * time.Minute)
		require.Equal(t, "t2", bearing(t, s))
		require.ErrorContains(t, s.Status().StoreError, "belongs to another session")
		require.ErrorIs(t, s.Close(t.Context()), core.CodeBadConfig)
		require.Equal(t, saved, store.text("api"))
	})
}

// A record of a version that did not write down whose it is.
func TestStoredCredentialThatNamesNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		store.values["api-acme"] = core.NewSecret(
			`{"version":1,"id":"x","saved":"2000-01-01T00:00:00Z",` +
				`"header":{"Authorization":"Bearer old"},"expiry":"2000-01-01T01:00:00Z"}`,
		)
		opts := &core.Options{
			Store: store, Kind: "oauth2", Environment: core.QA, StoreScope: "acme",
			Origins: []string{originA},
		}
		s := core.New("api", tokensFor("new"), opts)
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "old", bearing(t, s))
		require.Equal(t, []string{originA}, s.Status().Origins)
	})
}

// A stored credential goes where both its record and the session allow it.
func TestOriginsOfStoredCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		named, then, now []string // by the provider, by the options before and now
		want             []string // where the credential may go; nil: anywhere
		token            string   // "new": the provider was asked; "": CodeBadConfig
	}{
		"nobody names any":        {nil, nil, nil, nil, "old"},
		"the options from now on": {nil, nil, []string{originA}, []string{originA}, "old"},
		"the options until now":   {nil, []string{originA}, nil, []string{originA}, "old"},
		"the provider alone": {
			[]string{originA, originB}, nil, nil, []string{originA, originB}, "old",
		},
		"options narrower than that": {
			[]string{originA, originB}, nil, []string{originA}, []string{originA}, "old",
		},
		"options partly other": {
			nil, []string{originA, originB}, []string{originB, originC}, []string{originB}, "old",
		},
		"options wider": {
			nil, []string{originA}, []string{originA, originB}, []string{originA}, "old",
		},
		"options gone": {
			[]string{originA, originB}, []string{originA}, nil, []string{originA}, "old",
		},
		"options other":            {nil, []string{originA}, []string{originB}, nil, ""},
		"options against provider": {[]string{originA}, nil, []string{originB}, nil, ""},
		"provider against options": {
			[]string{originC}, []string{originA}, nil, []string{originC}, "new",
		},
		"the same, written in another way": {
			nil, []string{"https://A.example:443"}, []string{originA}, []string{originA}, "old",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newShelf()
				first := core.New("api", tokensFor("old", c.named...),
					&core.Options{Store: store, Origins: c.then})
				require.NoError(t, first.Init(t.Context()))
				second := core.New("api", tokensFor("new", c.named...),
					&core.Options{Store: store, Origins: c.now})
				err := second.Init(t.Context())
				if c.token == "" {
					require.ErrorIs(t, err, core.CodeBadConfig)
					return
				}
				require.NoError(t, err)
				for _, o := range []string{originA, originB, originC, "https://elsewhere.example"} {
					req, err := http.NewRequest("GET", o+"/x", nil)
					require.NoError(t, err)
					err = second.Authorize(t.Context(), req)
					if c.want != nil && !strings.Contains(strings.Join(c.want, " "), o) {
						require.ErrorIs(t, err, core.CodeOriginRefused, o)
						require.Empty(t, req.Header, o)
						continue
					}
					require.NoError(t, err, o)
					require.Equal(t, "Bearer "+c.token, req.Header.Get("Authorization"), o)
				}
			})
		})
	}
}

// A session whose options get other origins takes its own credential again
// only if it may still go to one of them.
func TestReconfiguredOrigins(t *testing.T) {
	for name, c := range map[string]struct{ now, want string }{
		"one is left":  {originB, "t1"},
		"none is left": {originC, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, store := &family{life: time.Hour}, newShelf()
				opts := core.Options{
					Store: store, UI: somebody(0), Origins: []string{originA, originB},
				}
				s := core.New("api", f, &opts)
				require.NoError(t, s.Init(t.Context()))
				saved := store.text("api")
				opts.Origins = []string{c.now}
				s.Reconfigure(f, &opts)
				synctest.Wait()
				require.Equal(t, saved, store.text("api"))
				if c.want != "" {
					require.Equal(t, c.want, bearing(t, s))
					require.Equal(t, []string{c.now}, s.Status().Origins)
				} else {
					require.ErrorContains(t, s.Status().LastError, "belongs to another session")
				}
				require.Equal(t, 1, f.signIns)
			})
		})
	}
}
