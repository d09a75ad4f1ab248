package core_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// slowRevoker needs a while to revoke.
type slowRevoker struct {
	issuer
	takes time.Duration
}

func (p *slowRevoker) Revoke(context.Context, core.Credential) error {
	time.Sleep(p.takes)
	return nil
}

// TestSlowSignOut proves that each step of SignOut has the whole Options.Timeout: reading, deleting
// and revoking what is stored and what the session has, which another process has replaced.
func TestSlowSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 10 * time.Second
		const takes = limit - time.Millisecond
		store := newShelf()
		var slow atomic.Bool
		opts := &core.Options{Timeout: limit, Store: hooked{store, func(step string) error {
			if slow.Load() && (step == "load" || step == "delete") {
				time.Sleep(takes)
			}
			return nil
		}}}
		s := core.New("api", &slowRevoker{issuer{life: time.Hour}, takes}, opts)
		require.NoError(t, s.Init(t.Context()))
		other := core.New("api", &issuer{life: time.Hour}, opts)
		require.NoError(t, other.Init(t.Context()))
		require.NoError(t, other.Renew(t.Context()))
		slow.Store(true)
		began := time.Now()
		require.NoError(t, s.SignOut(t.Context()))
		require.Equal(t, 4*takes, time.Since(began))
		require.Empty(t, store.text("api"))
	})
}

// TestStoredCredentialNearItsEnd proves until when a stored credential is used: as long as one that
// an issuer has just given.
func TestStoredCredentialNearItsEnd(t *testing.T) {
	const least = 100 * time.Millisecond
	for left, want := range map[time.Duration]bool{least + 1: true, least: true, least - 1: false} {
		synctest.Test(t, func(t *testing.T) {
			store := newShelf()
			opts := &core.Options{Store: store}
			provider := &issuer{life: time.Hour}
			require.NoError(t, core.New("api", provider, opts).Init(t.Context()))
			time.Sleep(time.Hour - left)
			restored, err := core.New("api", provider, opts).Restore(t.Context())
			require.Equal(t, want, restored, "%v: %v", left, err)
		})
	}
}
