// Read on in firstfactory.go.

package store

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
)

// First returns a store that uses the first of stores that works on this machine:
//
//	store.First(
//		store.Keyring(store.KeyringOptions{}),
//		store.File(store.FileOptions{KeyFile: "/etc/my-app/key"}),
//	)
//
// The first call that needs the store takes and releases the lock of a key in each
// of stores, until one succeeds. That one is used as long as the process runs, also
// if it fails later: a credential never moves to another place. A store whose error
// is [core.CodeBadConfig], such as a keyring on a machine that has none, does not
// work here. After any other error, such as a keyring that is locked, First uses
// none, returns the error and looks again in the next call.
//
// [core.Status].Store names the store in use. A credential that was saved in one
// store is not looked for in the others.
//
// If stores is empty, contains nil or contains a store twice, all calls return
// [core.CodeBadConfig]. First itself calls none of stores. It is safe for concurrent
// use.
func First(stores ...core.Store) core.Store {
	return &firstStore{
		stores: append([]core.Store(nil), stores...), fault: checkStores(stores),
		choosing: ctxmutex.New(),
	}
}

// checkStores reports what is wrong with the arguments of First.
func checkStores(stores []core.Store) error {
	if len(stores) == 0 {
		return core.Errorf(core.CodeBadConfig, "store.First has no stores")
	}
	seen := map[core.Store]int{}
	for i, s := range stores {
		if s == nil {
			return core.Errorf(core.CodeBadConfig, "store %d of store.First is nil", i+1)
		}
		if !reflect.ValueOf(s).Comparable() {
			continue
		}
		if j := seen[s]; j > 0 {
			return core.Errorf(core.CodeBadConfig, "stores %d and %d of store.First are the same", j, i+1)
		}
		seen[s] = i + 1
	}
	return nil
}

// firstStore implements [core.Store].
type firstStore struct {
	stores   []core.Store
	fault    error          // of the arguments
	choosing ctxmutex.Mutex // held while a store is chosen
	chosen   atomic.Pointer[core.Store]
}

// probeKey is the key whose lock shows whether a store works.
const probeKey = "authsession-probe"

// choose returns the store in use, and chooses it if this is the first call.
func (f *firstStore) choose(ctx context.Context) (core.Store, error) {
	if s := f.chosen.Load(); s != nil {
		return *s, nil
	}
	if f.fault != nil {
		return nil, f.fault
	}
	if err := f.choosing.Lock(ctx); err != nil {
		return nil, contextError(ctx)
	}
	defer f.choosing.Unlock()
	if s := f.chosen.Load(); s != nil {
		return *s, nil
	}
	var reasons []string
	for i, s := range f.stores {
		err := probe(ctx, s)
		if err == nil {
			f.chosen.Store(&f.stores[i])
			return s, nil
		}
		name := nameOf(s, i)
		if core.CodeOf(err) != core.CodeBadConfig {
			return nil, core.Errorf(core.CodeUnavailable,
				"the store %s comes first and fails now: %w", name, core.Cause(err))
		}
		reasons = append(reasons, name+": "+core.Cause(err).Error())
	}
	return nil, core.Errorf(core.CodeBadConfig, "no store of the list works on this machine: %w",
		errors.New(strings.Join(reasons, "; ")))
}

// probe reports why a store does not work.
func probe(ctx context.Context, s core.Store) error {
	unlock, err := s.Lock(ctx, probeKey)
	if err == nil {
		unlock()
	}
	return err
}

// nameOf returns the name of a store, or its place in the list.
func nameOf(s core.Store, i int) string {
	if named, ok := s.(core.NamedStore); ok && named.StoreName() != "" {
		return named.StoreName()
	}
	return strconv.Itoa(i + 1)
}

// StoreName implements [core.NamedStore]. It returns the name of the store in use.
func (f *firstStore) StoreName() string {
	if s := f.chosen.Load(); s != nil {
		if named, ok := (*s).(core.NamedStore); ok {
			return named.StoreName()
		}
	}
	return ""
}

// Load implements [core.Store].
func (f *firstStore) Load(ctx context.Context, key string) (core.Secret, error) {
	s, err := f.choose(ctx)
	if err != nil {
		return core.Secret{}, err
	}
	return s.Load(ctx, key)
}

// Save implements [core.Store].
func (f *firstStore) Save(ctx context.Context, key string, value core.Secret) error {
	s, err := f.choose(ctx)
	if err != nil {
		return err
	}
	return s.Save(ctx, key, value)
}

// Delete implements [core.Store].
func (f *firstStore) Delete(ctx context.Context, key string) error {
	s, err := f.choose(ctx)
	if err != nil {
		return err
	}
	return s.Delete(ctx, key)
}

// Lock implements [core.Store].
func (f *firstStore) Lock(ctx context.Context, key string) (func(), error) {
	s, err := f.choose(ctx)
	if err != nil {
		return nil, err
	}
	return s.Lock(ctx, key)
}
