package core

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// twoKeys is a store whose locks are always free, unless busy.
type twoKeys struct {
	values map[string]Secret
	busy   bool
	locked atomic.Int32
}

func (k *twoKeys) Load(_ context.Context, key string) (Secret, error) { return k.values[key], nil }

func (k *twoKeys) Save(_ context.Context, key string, value Secret) error {
	k.values[key] = value
	return nil
}

func (k *twoKeys) Delete(_ context.Context, key string) error {
	delete(k.values, key)
	return nil
}

func (k *twoKeys) Lock(ctx context.Context, _ string) (func(), error) {
	k.locked.Add(1)
	if k.busy {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return func() {}, nil
}

// What is restored may be under the former key; if it cannot be moved, it
// counts as absent.
func TestRestoreFromTheFormerKey(t *testing.T) {
	const saved = `{"version":1,"id":"x","saved":"2000-01-01T00:00:00Z",` +
		`"header":{"Authorization":"Bearer old"},"expiry":"2000-01-01T01:00:00Z"}`
	for name, c := range map[string]struct {
		key    string // where the record is
		busy   bool
		want   bool
		locked int
	}{
		"moved":             {"former", false, true, 2},
		"lock held":         {"former", true, false, 1},
		"nothing":           {"elsewhere", false, false, 0},
		"there already":     {"new", false, true, 0},
		"there, lock held":  {"new", true, true, 0},
		"nothing, but held": {"elsewhere", true, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &twoKeys{values: map[string]Secret{c.key: NewSecret(saved)}, busy: c.busy}
				s := New("api", ProviderFunc(func(context.Context, Request) (Credential, error) {
					panic("nobody is asked")
				}), &Options{Store: store, StoreKey: "new", StoreFormerKey: "former"})
				began := time.Now()
				ready, err := s.Restore(t.Context())
				require.NoError(t, err)
				require.Equal(t, c.want, ready)
				require.EqualValues(t, c.locked, store.locked.Load())
				require.LessOrEqual(t, time.Since(began), defaultTimeout)
				require.Len(t, store.values, 1)
				if c.key == "former" && c.want {
					require.NotContains(t, store.values, "former")
				}
			})
		})
	}
}

// An attempt that is over its time has lost the lock of the session's key.
func TestLateAttemptDoesNotMoveTheFormerKey(t *testing.T) {
	for late, want := range map[bool]string{false: "new", true: "former"} {
		store := &twoKeys{values: map[string]Secret{"former": NewSecret(`{"version":1,"id":"x"}`)}}
		s := stored{direct{newSetup("api", ProviderFunc(nil), &Options{
			Store: store, StoreKey: "new", StoreFormerKey: "former",
		})}}
		a := &attempt{setup: s.setup, deadline: time.Now().Add(time.Minute)}
		a.timedOut.Store(late)
		require.Equal(t, !late, s.moveFormer(t.Context(), a))
		require.Len(t, store.values, 1)
		require.Contains(t, store.values, want)
	}
}
