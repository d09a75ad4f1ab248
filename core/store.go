// Read on in storename.go.

package core

import (
	"context"
	"errors"
)

// Store keeps credentials beyond the process. Package store has those for
// files and for the system's keyring; a program may bring its own, for a
// database or a vault.
//
// Values are opaque to a Store and secret: it encrypts them, or leaves them to
// something that does. Keys are session names, perhaps with a suffix; they may
// hold any character and be longer than a file's name. Implementations are safe for concurrent use, by several
// processes too, and return by the end of ctx.
//
// Their errors are made by [Errorf]: [CodeBadConfig] for what somebody must mend,
// such as a folder that may not be written, [CodeUnavailable] for what may pass,
// the end of ctx included.
type Store interface {
	// Load returns what was saved last under a key; the zero Secret if nothing
	// was. An error that wraps [ErrDamaged] says that what was there cannot be
	// read and has been put aside: the session reports that and goes on as if
	// nothing had been saved.
	Load(ctx context.Context, key string) (Secret, error)
	// Save replaces what is there, wholly or not at all.
	Save(ctx context.Context, key string, value Secret) error
	// Delete removes what is there. A key that is not there is no error.
	Delete(ctx context.Context, key string) error
	// Lock waits until the caller is the only one, among all processes, who
	// holds the lock of a key, and returns what lets go of it. The lock of a
	// process that died is free. A Store that can tell finds out here whether
	// Save would fail: what comes after costs a refresh token or a sign-in.
	Lock(ctx context.Context, key string) (unlock func(), err error)
}

// ErrDamaged is wrapped by the error of [Store.Load] for a value that cannot
// be read and has been put aside.
var ErrDamaged = errors.New("the stored credential is damaged")
