package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/authsession/authsession/store/storetest"
	"github.com/stretchr/testify/require"
)

// funcs is a store whose methods can be exchanged.
type funcs struct {
	core.Store
	load   func(context.Context, string) (core.Secret, error)
	save   func(context.Context, string, core.Secret) error
	delete func(context.Context, string) error
	lock   func(context.Context, string) (func(), error)
}

func (f *funcs) Load(ctx context.Context, key string) (core.Secret, error) {
	if f.load != nil {
		return f.load(ctx, key)
	}
	return f.Store.Load(ctx, key)
}

func (f *funcs) Save(ctx context.Context, key string, v core.Secret) error {
	if f.save != nil {
		return f.save(ctx, key, v)
	}
	return f.Store.Save(ctx, key, v)
}

func (f *funcs) Delete(ctx context.Context, key string) error {
	if f.delete != nil {
		return f.delete(ctx, key)
	}
	return f.Store.Delete(ctx, key)
}

func (f *funcs) Lock(ctx context.Context, key string) (func(), error) {
	if f.lock != nil {
		return f.lock(ctx, key)
	}
	return f.Store.Lock(ctx, key)
}

func TestGoodStore(t *testing.T) {
	s := store.Memory()
	storetest.Run(t, func() core.Store { return s })
}

// Each broken store fails the checks that are about what it breaks.
func TestBrokenStores(t *testing.T) {
	for name, c := range map[string]struct {
		broken func(f *funcs, m core.Store)
		check  string
		want   string
	}{
		"an error for what is absent": {func(f *funcs, m core.Store) {
			f.load = func(ctx context.Context, key string) (core.Secret, error) {
				v, err := m.Load(ctx, key)
				if v.IsZero() {
					err = core.Errorf(core.CodeBadConfig, "no such key")
				}
				return v, err
			}
		}, "what was never saved", "Load of a key that was never saved: bad config: no such key"},
		"an error for deleting what is absent": {func(f *funcs, m core.Store) {
			f.delete = func(context.Context, string) error { return core.Errorf(core.CodeBadConfig, "no such key") }
		}, "what was never saved", "Delete of a key that was never saved"},
		"saves once": {func(f *funcs, m core.Store) {
			f.save = func(ctx context.Context, key string, v core.Secret) error {
				if old, _ := m.Load(ctx, key); !old.IsZero() {
					return nil
				}
				return m.Save(ctx, key, v)
			}
		}, "what was saved", "after Save"},
		"trims": {func(f *funcs, m core.Store) {
			f.save = func(ctx context.Context, key string, v core.Secret) error {
				return m.Save(ctx, key, core.NewSecret(strings.TrimSpace(v.Reveal())))
			}
		}, "large and odd values", "a value of"},
		"keys without case": {func(f *funcs, m core.Store) {
			f.save = func(ctx context.Context, key string, v core.Secret) error {
				return m.Save(ctx, strings.ToLower(key), v)
			}
			f.load = func(ctx context.Context, key string) (core.Secret, error) { return m.Load(ctx, strings.ToLower(key)) }
		}, "odd keys", `the key that ends in "a"`},
		"keys are cut": {func(f *funcs, m core.Store) {
			cut := func(key string) string { return key[:min(len(key), 100)] }
			f.save = func(ctx context.Context, key string, v core.Secret) error { return m.Save(ctx, cut(key), v) }
			f.load = func(ctx context.Context, key string) (core.Secret, error) { return m.Load(ctx, cut(key)) }
		}, "odd keys", "the key that ends in"},
		"deletes nothing": {func(f *funcs, m core.Store) {
			f.delete = func(context.Context, string) error { return nil }
		}, "deleting", "after Delete"},
		"locks nothing": {func(f *funcs, m core.Store) {
			f.lock = func(context.Context, string) (func(), error) { return func() {}, nil }
		}, "one holder of a lock", "got the lock while it was held"},
		"one lock for all keys": {func(f *funcs, m core.Store) {
			f.lock = func(ctx context.Context, _ string) (func(), error) { return m.Lock(ctx, "all") }
		}, "one holder of a lock", "the lock of another key is not free"},
		"waits beyond the context": {func(f *funcs, m core.Store) {
			f.lock = func(ctx context.Context, key string) (func(), error) { return m.Lock(context.WithoutCancel(ctx), key) }
		}, "waiting for a lock", "Lock did not return"},
		"does not wait": {func(f *funcs, m core.Store) {
			f.lock = func(ctx context.Context, key string) (func(), error) {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return m.Lock(ctx, key)
			}
		}, "waiting for a lock", "Lock"},
		"unlocks twice": {func(f *funcs, m core.Store) {
			slot := make(chan struct{}, 1)
			f.lock = func(ctx context.Context, key string) (func(), error) {
				select {
				case slot <- struct{}{}:
					return func() {
						select {
						case <-slot:
						default:
						}
					}, nil
				case <-ctx.Done():
					return nil, core.Errorf(core.CodeUnavailable, "locked")
				}
			}
		}, "unlocking twice", "the second call of unlock"},
		"no function and no error": {func(f *funcs, m core.Store) {
			f.lock = func(context.Context, string) (func(), error) { return nil, nil }
		}, "under a lock", "neither an error nor a function"},
		"saves late": {func(f *funcs, m core.Store) {
			var mu sync.Mutex
			late := map[string]core.Secret{}
			f.save = func(ctx context.Context, key string, v core.Secret) error {
				mu.Lock()
				defer mu.Unlock()
				before, ok := late[key]
				late[key] = v
				if !ok {
					return nil
				}
				return m.Save(ctx, key, before)
			}
		}, "no lost update", "an update under the lock was lost"},
		"parts": {func(f *funcs, m core.Store) {
			f.save = func(ctx context.Context, key string, v core.Secret) error {
				if err := m.Save(ctx, key, core.NewSecret(v.Reveal()[:(len(v.Reveal())+1)/2])); err != nil {
					return err
				}
				time.Sleep(time.Millisecond) // so that a reader sees the part
				return m.Save(ctx, key, v)
			}
		}, "whole values", "a part of one"},
		"no code": {func(f *funcs, m core.Store) {
			f.save = func(context.Context, string, core.Secret) error { return errors.New("no") }
		}, "what was saved", "the error of Save has no code"},
		"another code": {func(f *funcs, m core.Store) {
			f.save = func(context.Context, string, core.Secret) error { return core.Errorf(core.CodeDenied, "no") }
		}, "what was saved", "has the code denied"},
		"hangs": {func(f *funcs, m core.Store) {
			f.load = func(ctx context.Context, key string) (core.Secret, error) {
				if ctx.Err() != nil {
					select {}
				}
				return m.Load(ctx, key)
			}
		}, "after the end of the context", "Load did not return"},
		"shows a secret": {func(f *funcs, m core.Store) {
			f.save = func(_ context.Context, _ string, v core.Secret) error {
				return core.Errorf(core.CodeBadConfig, "will not save %s", v.Reveal())
			}
		}, "no secret shows", "an error shows a saved value"},
		"panics": {func(f *funcs, m core.Store) {
			f.load = func(context.Context, string) (core.Secret, error) { panic("oh") }
		}, "what was never saved", "the store panicked: oh"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := store.Memory()
			f := &funcs{Store: m}
			c.broken(f, m)
			results := storetest.Check(func() core.Store { return f }, c.check)
			require.Len(t, results, 1)
			require.ErrorContains(t, results[0].Err, c.want)
		})
	}
	results := storetest.Check(store.Memory, "another value of the store") // each store has other contents
	require.Len(t, results, 1)
	require.ErrorContains(t, results[0].Err, "saved by another value of the store")
}

// Two checks of a store in memory. Without names, Check runs all checks.
func ExampleCheck() {
	s := store.Memory()
	open := func() core.Store { return s }
	for _, r := range storetest.Check(open, "what was saved", "no lost update") {
		fmt.Println(r.Name, r.Err)
	}
	// Output:
	// what was saved <nil>
	// no lost update <nil>
}

// forgetful is a store whose Save does nothing.
type forgetful struct{ core.Store }

func (forgetful) Save(context.Context, string, core.Secret) error { return nil }

// A store with a fault: the result has the reason.
func ExampleCheck_fault() {
	open := func() core.Store { return forgetful{store.Memory()} }
	for _, r := range storetest.Check(open, "what was saved") {
		fmt.Println(r.Err)
	}
	// Output:
	// after Save: Load returned 0 bytes, want 5 others
}
