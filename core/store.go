// Read on in storename.go.

package core

import (
	"context"
	"errors"
)

// Store keeps credentials when the process has ended. Package store has stores for
// files and for the system's keyring; a program may have its own, for a database or
// a vault.
//
// A value is opaque to a Store, and secret: the Store encrypts it, or passes it to a
// service that does. A key is the name of a session, perhaps with a suffix; it may
// contain any character and be longer than the name of a file can be. A Store is safe
// for concurrent use, also by several processes, and its methods return when ctx ends.
//
// Errors are made by [Errorf]: [CodeBadConfig] for what a person must correct, such as
// a folder that cannot be written, and [CodeUnavailable] for what may be temporary,
// the end of ctx included.
type Store interface {
	// Load returns the value that was last saved under key, or the zero Secret if
	// there is none. An error that wraps [ErrDamaged] means that the value cannot be
	// read and was moved away: the session reports the error and continues as if
	// nothing had been saved.
	Load(ctx context.Context, key string) (Secret, error)
	// Save replaces the value of key. If it fails, the old value remains.
	Save(ctx context.Context, key string, value Secret) error
	// Delete removes the value of key. It returns nil if there is none.
	Delete(ctx context.Context, key string) error
	// Lock acquires the lock of key, of which there is one for all processes, and
	// returns the function that releases it. It waits until the lock is free. When
	// a process ends, its locks are free. A Store that can find out whether Save
	// would fail does so here: what follows costs a refresh token or a sign-in.
	Lock(ctx context.Context, key string) (unlock func(), err error)
}

// ErrDamaged is wrapped by the error of [Store.Load] for a value that cannot be read
// and was moved away.
var ErrDamaged = errors.New("the stored credential is damaged")
