package core_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// spender is an issuer that spends a refresh token when the request arrives, and
// answers two seconds later. A token that is presented twice ends the family.
type spender struct {
	family
	spent  map[string]bool
	asked  chan struct{} // closed when a person is asked
	signIn time.Duration // how long the person takes, whatever the context
}

func (p *spender) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := req.Previous.RefreshState.Reveal()
	if was == "" || p.revoked || p.spent[was] {
		p.revoked = p.revoked || was != ""
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
	}
	if p.spent == nil {
		p.spent = map[string]bool{}
	}
	p.spent[was] = true
	next := p.next()
	select {
	case <-time.After(2 * time.Second):
		p.renewals++
		return next, nil
	case <-ctx.Done():
		return core.Credential{}, ctx.Err() // what was spent is lost
	}
}

func (p *spender) SignIn(
	ctx context.Context, req core.Request, ui core.UI,
) (core.Credential, error) {
	if p.asked != nil {
		close(p.asked)
		time.Sleep(p.signIn)
	}
	return p.family.SignIn(ctx, req, ui)
}

// An attempt that may have spent the stored refresh token is not cancelled by
// Close, SignOut or Reconfigure, and its outcome is saved before they return.
func TestSpentRefreshTokenIsReplacedInTheStore(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *core.Session, *core.Options) *core.Session{
		"Close": func(t *testing.T, s *core.Session, _ *core.Options) *core.Session {
			require.NoError(t, s.Close(t.Context()))
			return s
		},
		"Reconfigure": func(t *testing.T, s *core.Session, opts *core.Options) *core.Session {
			s.Reconfigure(&issuer{life: time.Hour}, nil)
			time.Sleep(3 * time.Second)
			require.NoError(t, s.Close(t.Context()))
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, store := &spender{family: family{life: time.Hour}}, newShelf()
				opts := &core.Options{Store: store, UI: somebody(0)}
				s := core.New("api", p, opts)
				require.NoError(t, s.Init(t.Context()))
				time.Sleep(59*time.Minute + 30*time.Second)
				require.Equal(t, "t1", bearing(t, s), "it is renewed in the background")
				time.Sleep(time.Second)
				if end(t, s, opts) == nil {
					s = core.New("api", p, opts)
				}
				require.NoError(t, s.Init(t.Context()))
				require.Equal(t, "t2", bearing(t, s))
				signIns, renewals := p.counts()
				require.Equal(t, [2]int{1, 1}, [2]int{signIns, renewals})
				require.False(t, p.revoked, "no refresh token was presented twice")
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
}

// Close during a sign-in returns at once, also if the sign-in follows a stored
// renewal that was spent, and also if it ignores its context.
func TestCloseDuringASignIn(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for _, takes := range []time.Duration{0, time.Hour} {
			t.Run(
				fmt.Sprint("stored ", stored, ", ignores its context for ", takes),
				func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						p, store := &spender{family: family{life: time.Hour}}, newShelf()
						opts := &core.Options{UI: somebody(30 * time.Second)}
						if stored {
							opts.Store = store
							require.NoError(t, core.New("api", p, opts).Init(t.Context()))
							time.Sleep(2 * time.Hour)
							p.revoked = true
						}
						p.asked, p.signIn = make(chan struct{}), takes
						s := core.New("api", p, opts)
						var wg sync.WaitGroup
						wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.CodeClosed) })
						<-p.asked
						began := time.Now()
						require.NoError(t, s.Close(t.Context()))
						require.LessOrEqual(t, time.Since(began), 100*time.Millisecond)
						wg.Wait()
						time.Sleep(2 * time.Hour)
						require.Equal(t, core.StateClosed, s.Status().State)
					})
				},
			)
		}
	}
}

// Nobody is asked to sign in while the store cannot be used, since what they
// obtain could not be kept.
func TestNobodyIsAskedWhileTheStoreIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		store := hooked{newShelf(), func(string) error {
			if broken.Load() {
				return core.Errorf(core.CodeUnavailable, "the keyring is locked")
			}
			return nil
		}}
		p := &scriptedProvider{authenticate: func(
			_ context.Context, call int, _ core.Request,
		) (core.Credential, error) {
			if call == 1 {
				return lasting("t1", "", time.Hour), nil
			}
			return core.Credential{}, core.Errorf(core.CodeInteractive, "sign in")
		}}
		p.signIn = func(context.Context) (core.Credential, error) { return bearer("t2"), nil }
		s := core.New("api", p, &core.Options{Store: store, UI: somebody(0)})
		require.NoError(t, s.Init(t.Context()))
		broken.Store(true)
		time.Sleep(2 * time.Hour)
		_, err := s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorContains(t, err, "the keyring is locked")
		require.Zero(t, p.signIns())
		broken.Store(false)
		time.Sleep(time.Minute)
		require.Equal(t, "t2", bearing(t, s))
		require.Equal(t, 1, p.signIns())
	})
}

// No browser opens for callers that have their answer already: the attempt was
// closed or superseded, or its limit has passed, before the issuer asked for a
// person.
func TestNobodyIsAskedForAnAttemptThatHasEnded(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *core.Session){
		"Close": func(t *testing.T, s *core.Session) {
			require.NoError(t, s.Close(t.Context()))
		},
		"Reconfigure": func(_ *testing.T, s *core.Session) {
			s.Reconfigure(fixed(bearer("x")), nil)
		},
		"the limit": func(*testing.T, *core.Session) { time.Sleep(11 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &scriptedProvider{authenticate: func(
					context.Context, int, core.Request,
				) (core.Credential, error) {
					time.Sleep(15 * time.Second) // it ignores its context
					return core.Credential{}, core.Errorf(core.CodeInteractive, "sign in")
				}}
				p.signIn = func(context.Context) (core.Credential, error) { return bearer("t"), nil }
				s := core.New("api", p, &core.Options{UI: somebody(0)})
				var wg sync.WaitGroup
				wg.Go(func() { _ = s.Init(t.Context()) })
				time.Sleep(time.Second)
				end(t, s)
				wg.Wait()
				time.Sleep(time.Minute)
				require.Zero(t, p.signIns())
				_ = s.Close(t.Context())
			})
		})
	}
}

// The same for an attempt that Close does not cancel, because it may have spent
// what is stored.
func TestNobodyIsAskedAfterARenewalThatCloseWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour, takes: 2 * time.Second}, newShelf()
		s := ready(t, f, &core.Options{Store: store, UI: somebody(0)})
		f.revoked = true
		time.Sleep(59*time.Minute + 30*time.Second)
		bearing(t, s) // it is renewed in the background
		time.Sleep(time.Second)
		require.NoError(t, s.Close(t.Context()))
		time.Sleep(time.Minute)
		signIns, _ := f.counts()
		require.Equal(t, 1, signIns)
	})
}

// What was obtained for an Init that Close ended is not used by the next one.
func TestCredentialOfAnInitThatWasClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := late(time.Second)
		s := core.New("api", p, nil)
		var wg sync.WaitGroup
		wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.CodeClosed) })
		time.Sleep(100 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.NoError(t, s.Close(ctx)) // it does not wait for the provider
		wg.Wait()
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"t1"}, p.gone())
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "t2", bearing(t, s))
		require.NoError(t, s.Close(t.Context()))
	})
}

// A new configuration gets nothing of the old provider's, and ends the waits
// after its failures.
func TestNewConfigurationBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := &scriptedProvider{authenticate: func(
			_ context.Context, call int, _ core.Request,
		) (core.Credential, error) {
			return lasting("old", "refresh-of-old", time.Hour), nil
		}}
		p := &scriptedProvider{authenticate: issuing(time.Hour)}
		s := ready(t, old, nil)
		s.Reconfigure(p, nil)
		synctest.Wait()
		require.Equal(t, core.Request{Reason: core.ReasonInitial, MayRetry: true}, p.requests[0])
		require.Equal(t, "t1", bearing(t, s))

		wrong := &issuer{}
		wrong.set(core.Errorf(core.CodeDenied, "wrong secret"))
		s = core.New("api", wrong, &core.Options{Lazy: true})
		for range 5 {
			time.Sleep(time.Minute)
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.CodeDenied)
		}
		s.Reconfigure(p, &core.Options{Lazy: true})
		require.Equal(t, "t2", bearing(t, s), "the secret was corrected")
		require.NoError(t, s.Status().LastError)
		require.NoError(t, s.Close(t.Context()))
	})
}

// Refusals are spaced only if they follow each other: neither over a minute
// without one nor over Close.
func TestRefusalsAreCountedInARow(t *testing.T) {
	for name, pause := range map[string]func(*testing.T, *core.Session){
		"a quiet minute": func(*testing.T, *core.Session) { time.Sleep(61 * time.Second) },
		"Close": func(t *testing.T, s *core.Session) {
			require.NoError(t, s.Close(t.Context()))
			require.NoError(t, s.Init(t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &issuer{life: time.Hour}
				s := ready(t, p, nil)
				refuse := func() {
					c, err := s.Credential(t.Context())
					require.NoError(t, err)
					calls := p.calls.Load()
					s.Reject(c, "")
					again, err := s.Credential(t.Context())
					require.NoError(t, err)
					require.NotEqual(t, token(c), token(again))
					require.Equal(t, calls+1, p.calls.Load())
				}
				for range 20 {
					pause(t, s)
					refuse()
				}
				time.Sleep(2 * time.Second) // the next one follows closely
				refuse()
			})
		})
	}
}
