package store

import (
	"context"
	"sync"

	"github.com/authsession/authsession/core"
)

// Memory returns a store that lives as long as the process: for tests, and for
// sessions that share a credential because they share the store and the key.
// It is safe for concurrent use.
func Memory() core.Store { return &memory{values: map[string]core.Secret{}} }

type memory struct {
	turns  turns
	mu     sync.Mutex // guards values
	values map[string]core.Secret
}

// Load implements [core.Store].
func (m *memory) Load(ctx context.Context, key string) (core.Secret, error) {
	if err := ended(ctx); err != nil {
		return core.Secret{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.values[key], nil
}

// Save implements [core.Store].
func (m *memory) Save(ctx context.Context, key string, value core.Secret) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[key] = value
	return nil
}

// Delete implements [core.Store].
func (m *memory) Delete(ctx context.Context, key string) error {
	if err := ended(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.values, key)
	return nil
}

// Lock implements [core.Store].
func (m *memory) Lock(ctx context.Context, key string) (func(), error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	return m.turns.take(ctx, key)
}

// ended is an error if ctx is over.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return core.Errorf(core.Unavailable, "the store: %w", context.Cause(ctx))
}
