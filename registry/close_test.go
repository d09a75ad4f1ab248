package registry

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// held is a provider that holds something outside of itself.
type held struct {
	core.ProviderFunc
	closed *atomic.Int64
}

func (h held) Close(context.Context) error {
	h.closed.Add(1)
	return nil
}

// A provider is closed once no request uses it: after its successor's first
// credential, or with its session.
func TestProvidersAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var opened, closed atomic.Int64
		gate := make(chan struct{}, 10)
		f := core.NewFactory(
			core.Info{Kind: "held"},
			func(context.Context, core.Environment, struct {
				N int `json:"n"`
			}) (core.Provider, error) {
				opened.Add(1)
				return held{func(context.Context, core.Request) (core.Credential, error) {
					<-gate
					return core.Credential{
						Attach: core.Attachment{
							Header: map[string]core.Secret{"A": core.NewSecret("b")},
						},
					}, nil
				}, &closed}, nil
			},
		)
		r, err := New(f)
		require.NoError(t, err)
		entries := func(n int) []Entry {
			return []Entry{
				{Name: "a", Kind: "held", Settings: map[string]any{"n": n}},
				{Name: "b", Kind: "held", Settings: map[string]any{"n": 0}},
			}
		}
		require.NoError(t, r.Replace(ctx, entries(1)))
		a, err := r.Session("a")
		require.NoError(t, err)
		gate <- struct{}{}
		require.NoError(t, a.Init(ctx))

		require.NoError(t, r.Replace(ctx, entries(2)))
		require.NoError(t, r.Replace(ctx, entries(3)))
		synctest.Wait()
		require.Zero(t, closed.Load(), "the old credential is still served")
		gate <- struct{}{}
		gate <- struct{}{}
		synctest.Wait()
		require.EqualValues(t, opened.Load()-1, closed.Load())
		before := closed.Load()

		require.NoError(t, r.Replace(ctx, entries(3)[1:]))
		require.Equal(t, before+1, closed.Load(), "removed with its session")
		b, err := r.Session("b")
		require.NoError(t, err)
		gate <- struct{}{}
		require.NoError(t, b.Init(ctx))
		require.NoError(t, r.Close(ctx))
		require.Equal(t, before+2, closed.Load())
		require.NoError(t, r.Close(ctx))
		require.Equal(t, before+2, closed.Load())
	})
}

// A use of a provider that comes after its successor's first credential opens
// it once more, and only for itself.
func TestLateUseOfAReplacedProvider(t *testing.T) {
	ctx := context.Background()
	for name, use := range map[string]func(*provider) error{
		"authenticate": func(p *provider) error {
			_,
				err := p.Authenticate(ctx, core.Request{})
			return err
		},
		"authorize": func(p *provider) error {
			_, err := p.Authorize(ctx, core.Credential{}, core.Outgoing{})
			return err
		},
		"sign":   func(p *provider) error { _, err := p.SignDigest(ctx, core.SignatureRequest{}); return err },
		"revoke": func(p *provider) error { return p.Revoke(ctx, core.Credential{}) },
		"sign in": func(p *provider) error {
			_,
				err := p.SignIn(ctx, core.Request{}, core.UI{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var opened, closed atomic.Int64
				p := newProvider(core.NewFactory(core.Info{Kind: "held"},
					func(context.Context, core.Environment, struct{}) (core.Provider, error) {
						opened.Add(1)
						return held{func(context.Context, core.Request) (core.Credential, error) {
							return core.Credential{}, nil
						}, &closed}, nil
					}), "", nil)
				_, err := p.Authenticate(ctx, core.Request{})
				require.NoError(t, err)
				synctest.Wait()
				require.Zero(t, closed.Load())
				p.retire(ctx)
				require.EqualValues(t, 1, closed.Load())
				if err := use(p); name == "authenticate" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, errors.ErrUnsupported)
				}
				synctest.Wait()
				require.Equal(t, [2]int64{2, 2}, [2]int64{opened.Load(), closed.Load()})
			})
		})
	}
}

// slow is a provider whose Authorize waits, and fails once the provider is closed.
type slow struct {
	held
	gate chan struct{}
}

func (s slow) Authorize(
	context.Context, core.Credential, core.Outgoing,
) (core.Attachment, error) {
	<-s.gate
	if s.closed.Load() > 0 {
		return core.Attachment{}, core.Errorf(core.CodeUnavailable, "closed")
	}
	return core.Attachment{}, nil
}

// A replaced provider is closed after the last of the requests that use it, also
// if another use ends before.
func TestReplacedProviderIsClosedAfterItsUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var closed atomic.Int64
		gate := make(chan struct{})
		p := newProvider(core.NewFactory(core.Info{Kind: "slow"},
			func(context.Context, core.Environment, struct{}) (core.Provider, error) {
				return slow{held{func(context.Context, core.Request) (core.Credential, error) {
					return core.Credential{}, nil
				}, &closed}, gate}, nil
			}), "", nil)
		errs := make(chan error, 1)
		go func() {
			_, err := p.Authorize(ctx, core.Credential{}, core.Outgoing{})
			errs <- err
		}()
		synctest.Wait()
		p.retire(ctx)
		require.Zero(t, closed.Load(), "a request uses it")
		_, err := p.Authenticate(ctx, core.Request{})
		require.NoError(t, err)
		synctest.Wait()
		require.Zero(t, closed.Load(), "a request still uses it")
		close(gate)
		require.NoError(t, <-errs)
		synctest.Wait()
		require.EqualValues(t, 1, closed.Load())
	})
}
