// Read on in keyringservice.go.

package store

import (
	"context"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// KeyringOptions configure [Keyring]. The zero value is the recommended
// default.
type KeyringOptions struct {
	// Service is the name in the keyring under which the credentials are kept.
	// Empty: "authsession".
	Service string
	// Timeout limits each call into the keyring, which may wait until a person
	// unlocks it. Zero or less: five seconds.
	Timeout time.Duration
}

// Keyring returns a store in the system's keyring: the Secret Service (such as
// GNOME's or KDE's) on Linux and BSD, the Keychain on macOS, the Credential
// Manager on Windows. Locks are files in the user's folder for caches.
//
// Most servers have no keyring: the error is then [core.CodeBadConfig] and says what to
// use instead. If a keyring is locked or does not answer in time, the error is
// [core.CodeUnavailable]. While a call has exceeded its time limit, all other calls of
// the process fail at once. Windows stores at most 2,560 bytes and macOS about 2,900;
// for a larger credential the error is [core.CodeBadConfig]. Use [File] then, which keeps
// only its key in the keyring.
//
// The store is safe for concurrent use by goroutines and by processes.
func Keyring(opts KeyringOptions) core.Store {
	if opts.Service == "" {
		opts.Service = appName
	}
	return &keyringStore{service: newKeyringService(opts.Service, opts.Timeout)}
}

// keyringStore implements [core.Store].
type keyringStore struct{ service *keyringService }

// StoreName implements [core.NamedStore].
func (k *keyringStore) StoreName() string { return kindKeyring }

// Load implements [core.Store].
func (k *keyringStore) Load(ctx context.Context, key string) (core.Secret, error) {
	if err := contextError(ctx); err != nil {
		return core.Secret{}, err
	}
	text, _, err := k.service.get(ctx, safeName(key))
	return core.NewSecret(text), err
}

// Save implements [core.Store].
func (k *keyringStore) Save(ctx context.Context, key string, value core.Secret) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	if value.IsZero() { // not every system can store an empty text
		return k.service.delete(ctx, safeName(key))
	}
	return k.service.set(ctx, safeName(key), value.Reveal())
}

// Delete implements [core.Store].
func (k *keyringStore) Delete(ctx context.Context, key string) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	return k.service.delete(ctx, safeName(key))
}

// Lock implements [core.Store].
func (k *keyringStore) Lock(ctx context.Context, key string) (func(), error) {
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	unlock, err := k.service.lock(ctx, safeName(key))
	if err != nil {
		return nil, err
	}
	if _, _, err := k.service.get(ctx, safeName(key)); err != nil {
		unlock()
		return nil, err
	}
	return sync.OnceFunc(unlock), nil
}
