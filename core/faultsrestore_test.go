package core_test

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// slowLoads is a store that loads slowly, whatever its context says.
type slowLoads struct {
	*shelf
	loads atomic.Int64
}

func (s *slowLoads) Load(ctx context.Context, key string) (core.Secret, error) {
	s.loads.Add(1)
	time.Sleep(time.Second)
	return s.shelf.Load(ctx, key)
}

// A reload during Restore is no error: Restore looks again, with the new options.
func TestReconfigureDuringRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		opts := &core.Options{Store: store}
		ready := core.New("api", &issuer{life: time.Hour}, opts)
		require.NoError(t, ready.Init(t.Context()))
		s := core.New("api", &issuer{}, &core.Options{Store: &slowLoads{shelf: newShelf()}})
		time.AfterFunc(500*time.Millisecond, func() { s.Reconfigure(&issuer{}, opts) })
		ok, err := s.Restore(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, s.Close(t.Context()))
		time.Sleep(time.Minute)
	})
}

// Callers of Restore share a look into the store, if it began after they called.
func TestManyRestoresAtOnce(t *testing.T) {
	for name, want := range map[string]error{
		"nothing is stored":   nil,
		"the store is broken": core.Errorf(core.CodeUnavailable, "broken"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &slowLoads{shelf: newShelf()}
				store.loadErr = want
				s := core.New("api", &issuer{}, &core.Options{Store: store})
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						ok, err := s.Restore(t.Context())
						if ok || core.CodeOf(err) != core.CodeOf(want) {
							t.Errorf("Restore returns %v, %v", ok, err)
						}
					})
				}
				wg.Wait()
				require.EqualValues(t, 2, store.loads.Load())
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
}

// asksLater is a provider whose input is refused once, and that then asks a person.
type asksLater struct{ calls, asked int }

func (p *asksLater) Authenticate(context.Context, core.Request) (core.Credential, error) {
	if p.calls++; p.calls == 1 {
		return core.Credential{}, core.InputRefused("subject", core.Errorf(core.CodeDenied, "no"))
	}
	return core.Credential{}, core.Errorf(core.CodeInteractive, "ask")
}

func (p *asksLater) SignIn(context.Context, core.Request, core.UI) (core.Credential, error) {
	p.asked++
	return bearer("x"), nil
}

// The attempt after a refused input asks with the UI of SignIn, too.
func TestSignInAfterARefusedInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &asksLater{}
		s := core.New("api", p, &core.Options{
			Inputs: map[string]*core.Session{"subject": core.New("front", &issuer{}, nil)},
		})
		require.NoError(t, s.SignIn(t.Context(), &core.SignInOptions{UI: &core.UI{}}))
		require.Equal(t, 1, p.asked)
		require.NoError(t, s.Close(t.Context()))
	})
}

// RejectStored also drops a credential that is there for the next Init.
func TestRejectStoredBeforeInitTakesTheCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour, takes: time.Second}
		s := core.New("api", p, &core.Options{Store: newShelf()})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.Error(t, s.Init(ctx))
		time.Sleep(2 * time.Second)
		marked, err := s.RejectStored(t.Context(), core.NewSecret("t1"))
		require.NoError(t, err)
		require.True(t, marked)
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "t2", bearing(t, s))
		require.Equal(t, core.ReasonRejected, p.last.Load().Reason)
		require.NoError(t, s.Close(t.Context()))
	})
}

// RejectStored returns when its context ends, even if the store is slow.
func TestRejectStoredReturnsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		p := &issuer{life: time.Hour}
		require.NoError(t, core.New("api", p, &core.Options{Store: store}).Init(t.Context()))
		s := core.New("api", p, &core.Options{Store: slowShelf{store, 5 * time.Second}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := s.RejectStored(ctx, core.NewSecret("t1"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, time.Since(began), 1100*time.Millisecond)
		time.Sleep(time.Minute)
		require.Contains(t, store.text("api"), `"refused":true`)
	})
}

// The JSON null changes nothing, as package json expects of an Unmarshaler.
func TestStatusOfNull(t *testing.T) {
	s := core.Status{Name: "api"}
	require.NoError(t, json.Unmarshal([]byte("null"), &s))
	require.Equal(t, core.Status{Name: "api"}, s)
}
