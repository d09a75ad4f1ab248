package store

import (
	"context"
	"sync"

	"github.com/authsession/authsession/core"
)

// Memory returns a store in the memory of the process. It is for tests, and for
// sessions that share a credential: those with the same store and the same key.
// It is safe for concurrent use.
func Memory() core.Store { return &memoryStore{values: map[string]core.Secret{}} }

type memoryStore struct {
	locks  namedLocks
	mu     sync.Mutex // guards values
	values map[string]core.Secret
}

// StoreName implements [core.NamedStore].
func (m *memoryStore) StoreName() string { return kindMemory }

// Load implements [core.Store].
func (m *memoryStore) Load(ctx context.Context, key string) (core.Secret, error) {
	if err := contextError(ctx); err != nil {
		return core.Secret{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[key], nil
}

// Save implements [core.Store].
func (m *memoryStore) Save(ctx context.Context, key string, value core.Secret) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
	return nil
}

// Delete implements [core.Store].
func (m *memoryStore) Delete(ctx context.Context, key string) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}

// Lock implements [core.Store].
func (m *memoryStore) Lock(ctx context.Context, key string) (func(), error) {
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	return m.locks.lock(ctx, key)
}

// contextError returns [core.CodeUnavailable] if ctx has ended, and otherwise nil.
func contextError(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return core.Errorf(core.CodeUnavailable, "the store: %w", context.Cause(ctx))
}
