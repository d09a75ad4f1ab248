package core_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// A caller that has a person to ask is not bound by an attempt that nobody asked
// for, such as KeepFresh's, and that therefore could not ask.
func TestCallersAreNotBoundByATimer(t *testing.T) {
	for name, ask := range map[string]func(t *testing.T, s *core.Session) string{
		"Credential": bearing,
		"Init": func(t *testing.T, s *core.Session) string {
			require.NoError(t, s.Init(t.Context()))
			return bearing(t, s)
		},
		"input": func(t *testing.T, s *core.Session) string {
			p := core.ProviderFunc(func(
				_ context.Context, req core.Request,
			) (core.Credential, error) {
				return req.Inputs["front"], nil
			})
			inputs := map[string]*core.Session{"front": s}
			return bearing(t, ready(t, p, &core.Options{Inputs: inputs}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := make(chan struct{}, 10)
				p := &scriptedProvider{}
				p.authenticate = func(
					_ context.Context, call int, _ core.Request,
				) (core.Credential, error) {
					if call > 1 {
						began <- struct{}{}
						time.Sleep(time.Second)
					}
					return core.Credential{}, core.Errorf(core.CodeInteractive, "sign in")
				}
				p.signIn = func(context.Context) (core.Credential, error) {
					return lasting([]string{"", "a", "b"}[p.signIns()], "r", time.Hour), nil
				}
				s := ready(t, p, &core.Options{KeepFresh: true, UI: somebody(0)})
				c, err := s.Credential(t.Context())
				require.NoError(t, err)
				<-began // the timer's attempt is under way
				s.Reject(c, "")
				require.Equal(t, "b", ask(t, s))
				require.Equal(t, 2, p.signIns())
			})
		})
	}
}

// Reconfigure asks nobody to sign in before somebody uses the session.
func TestReconfigureAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, p := &family{life: time.Hour}, &family{life: time.Hour, current: 10}
		opts := &core.Options{UI: somebody(time.Second)}
		s := ready(t, old, opts)
		s.Reconfigure(p, opts)
		time.Sleep(time.Minute)
		signIns, _ := p.counts()
		require.Zero(t, signIns)
		require.Equal(t, "t1", bearing(t, s), "the old credential is served meanwhile")
		time.Sleep(2 * time.Second)
		require.Equal(t, "t11", bearing(t, s))
		signIns, _ = p.counts()
		require.Equal(t, 1, signIns)
	})
}

// late returns a provider that takes a while even if its context has ended.
func late(takes time.Duration) *scriptedProvider {
	return &scriptedProvider{authenticate: func(
		_ context.Context, call int, req core.Request,
	) (core.Credential, error) {
		time.Sleep(takes)
		return issuing(time.Hour)(context.Background(), call, req)
	}}
}

// A credential that arrives after the end of its attempt is revoked, or saved,
// by the time that Close returns.
func TestCredentialThatArrivesAfterTheEnd(t *testing.T) {
	closes := func(t *testing.T, s *core.Session) { require.NoError(t, s.Close(t.Context())) }
	signsOut := func(t *testing.T, s *core.Session) { require.NoError(t, s.SignOut(t.Context())) }
	reconfigures := func(t *testing.T, s *core.Session) {
		s.Reconfigure(fixed(bearer("new")), nil)
		time.Sleep(2 * time.Second)
	}
	for _, tc := range []struct {
		name    string
		end     func(*testing.T, *core.Session)
		store   bool
		revoked []string
		saved   bool
	}{
		{"Close", closes, false, []string{"t1"}, false},
		{"Close with a store", closes, true, nil, true},
		{"SignOut", signsOut, false, []string{"t1"}, false},
		{"SignOut with a store", signsOut, true, []string{"t1"}, false},
		{"Reconfigure", reconfigures, false, []string{"t1"}, false},
		{"Reconfigure with a store", reconfigures, true, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, store, opts := late(time.Second), newShelf(), &core.Options{}
				if tc.store {
					opts.Store = store
				}
				s := core.New("api", p, opts)
				var wg sync.WaitGroup
				wg.Go(func() { _ = s.Init(t.Context()) })
				time.Sleep(100 * time.Millisecond)
				tc.end(t, s)
				require.Equal(t, tc.revoked, p.gone())
				require.Equal(t, tc.saved, store.text("api") != "")
				wg.Wait()
				require.NoError(t, s.Close(t.Context()))
				require.Equal(t, tc.revoked, p.gone(), "once")
			})
		})
	}
}

// A credential that arrives after the limit of its attempt is used if nothing
// has happened since. Otherwise it is released.
func TestCredentialThatArrivesAfterTheLimit(t *testing.T) {
	for _, tc := range []struct {
		name    string
		between func(*testing.T, *core.Session)
		token   string
		revoked []string
	}{
		{"nothing happened", func(*testing.T, *core.Session) {}, "t1", nil},
		{"Close and Init", func(t *testing.T, s *core.Session) {
			require.NoError(t, s.Close(t.Context()))
			s.Reconfigure(fixed(bearer("new")), nil)
			require.NoError(t, s.Init(t.Context()))
		}, "new", []string{"t1"}},
		{"Reconfigure", func(t *testing.T, s *core.Session) {
			s.Reconfigure(fixed(bearer("new")), nil)
			require.NoError(t, s.Init(t.Context()))
		}, "new", []string{"t1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := late(5 * time.Second)
				s := core.New("api", p, &core.Options{Timeout: time.Second})
				began := time.Now()
				require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
				require.LessOrEqual(t, time.Since(began), 1100*time.Millisecond)
				tc.between(t, s)
				time.Sleep(10 * time.Second)
				require.NoError(t, s.Init(t.Context()))
				require.Equal(t, tc.token, bearing(t, s))
				require.Equal(t, tc.revoked, p.gone())
				require.Equal(t, 1, p.calls())
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
}

// Each code counts its own failures.
func TestEachCodeCountsItsOwnFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{}
		s := core.New("api", p, &core.Options{Lazy: true})
		retryAfter := func(code core.Code) time.Duration {
			p.set(core.Errorf(code, "no"))
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, code)
			var e *core.Error
			require.ErrorAs(t, err, &e)
			return e.RetryAfter
		}
		for range 5 {
			time.Sleep(retryAfter(core.CodeUnavailable))
		}
		for _, code := range []core.Code{core.CodeDenied, core.CodeBadConfig, core.CodeInteractive} {
			wait := retryAfter(code)
			require.LessOrEqual(t, wait, 10*time.Second, code)
			require.GreaterOrEqual(t, wait, 7500*time.Millisecond, code)
			time.Sleep(wait)
		}
		require.Greater(t, retryAfter(core.CodeDenied), 10*time.Second, "the second one")
	})
}

// A failure that did not leave the machine is looked at again after a second,
// however often it occurs.
func TestLocalFailuresAreLookedAtAgainSoon(t *testing.T) {
	for _, code := range []core.Code{core.CodeUnavailable, core.CodeBadConfig, core.CodeDenied} {
		t.Run(code.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &issuer{life: time.Hour}
				p.set(&core.Error{Code: code, Local: true})
				s := core.New("api", p, &core.Options{Lazy: true})
				for range 6000 {
					_, err := s.Credential(t.Context())
					require.ErrorIs(t, err, code)
					var e *core.Error
					require.ErrorAs(t, err, &e)
					require.Positive(t, e.RetryAfter)
					require.LessOrEqual(t, e.RetryAfter, time.Second)
					time.Sleep(100 * time.Millisecond)
				}
				require.InDelta(t, 600, p.calls.Load(), 2)
				p.set(core.Errorf(code, "the first failure of a server"))
				time.Sleep(time.Second)
				_, err := s.Credential(t.Context())
				var e *core.Error
				require.ErrorAs(t, err, &e)
				require.LessOrEqual(t, e.RetryAfter, 20*time.Second, "the local ones do not count")
				p.set(nil)
				time.Sleep(e.RetryAfter)
				_, err = s.Credential(t.Context())
				require.NoError(t, err)
			})
		})
	}
}
