package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// FileOptions configure [File]. The zero value is the recommended default.
type FileOptions struct {
	// Dir is the folder of the files. It is made, for this user alone, when
	// something is first saved; one that others may write to is refused. It
	// should be on a disk of this machine. Empty: "authsession/credentials" in
	// the user's folder for settings (os.UserConfigDir).
	Dir string
	// KeyFile is a file of 32 random bytes that encrypts the others. It is
	// made with mode 0600 if it is missing, and refused if others than its
	// owner may read it. Empty: the key is in the system's keyring.
	KeyFile string
	// Service is the name in the keyring that the key goes by. Empty:
	// "authsession". Unused with KeyFile.
	Service string
	// Timeout bounds each call into the keyring. Zero or less: five seconds.
	// Unused with KeyFile.
	Timeout time.Duration
}

// File returns a store of encrypted files, one for each key. A file is
// replaced as a whole or not at all, whenever a process ends, and is for its
// owner alone. It is encrypted with AES-256-GCM; docs/security.md says what
// that is good for. Nothing is read or made before the store is first used.
//
// A file that cannot be read is renamed, to end in ".damaged" (one is kept),
// and the error wraps [core.ErrDamaged] and names it. One that was encrypted
// with another key, or written by a newer version, is left alone: its error is
// [core.BadConfig].
//
// Lock waits for the lock of a file beside the credential's, and then writes
// and keeps the room that the next Save takes: a folder that cannot be written
// to is [core.BadConfig], a full disk [core.Unavailable], before anything is
// spent. Save by who does not hold the lock waits for it.
//
// The store is safe for concurrent use, by several processes too. Use one
// value for one folder.
func File(opts FileOptions) core.Store {
	if opts.Service == "" {
		opts.Service = appName
	}
	s := &fileStore{dir: absolute(opts.Dir), held: map[string]*heldLock{}}
	if opts.KeyFile != "" {
		s.keys = &keyFile{path: absolute(opts.KeyFile)}
	} else {
		s.keys = &keyringKey{service: newKeyringService(opts.Service, opts.Timeout)}
	}
	return s
}

// absolute keeps a path what it is when the program changes its folder.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); path != "" && err == nil {
		return abs
	}
	return path
}

// files implements [core.Store]. Read on in filelock.go.
type fileStore struct {
	dir   string // empty: the default
	keys  keys
	locks namedLocks

	mu   sync.Mutex // guards held
	held map[string]*heldLock
}

const suffix = ".credential"

// paths are where a key's files are.
type paths struct{ dir, file, temp, lock, damaged string }

func (s *fileStore) paths(key string) (p paths, err error) {
	dir := s.dir
	if dir == "" {
		if dir, err = defaultDir(); err != nil {
			return p, err
		}
	}
	file := filepath.Join(dir, safeName(key)+suffix)
	return paths{dir, file, file + ".tmp", file + ".lock", file + ".damaged"}, nil
}

// Load implements [core.Store].
func (s *fileStore) Load(ctx context.Context, key string) (core.Secret, error) {
	if err := contextError(ctx); err != nil {
		return core.Secret{}, err
	}
	p, err := s.paths(key)
	if err != nil {
		return core.Secret{}, err
	}
	value, err := s.open(ctx, p, key)
	if !errors.Is(err, core.ErrDamaged) {
		return value, err
	}
	// Put it aside when nobody is about to replace it, if it still is damaged.
	done, e := s.lockReplacing(ctx, p)
	if e != nil {
		return core.Secret{}, e
	}
	defer done()
	if value, err = s.open(ctx, p, key); !errors.Is(err, core.ErrDamaged) {
		return value, err
	}
	if e := replaceFile(p.dir, p.file, p.damaged); e != nil {
		return core.Secret{}, fileError(p.dir, e)
	}
	return core.Secret{}, core.Errorf(core.Unavailable, "%w; the file is now %q", err, p.damaged)
}

// open reads a key's file.
func (s *fileStore) open(ctx context.Context, p paths, key string) (core.Secret, error) {
	file, _, err := readFile(p.dir, p.file, maxFile, openFlags)
	if file == nil || err != nil {
		return core.Secret{}, err
	}
	sealer, err := s.sealerFor(ctx, p, file, false)
	if err != nil {
		return core.Secret{}, err
	}
	return sealer.open(key, file)
}

// sealerFor returns what can open a file, nil for none. The error is about the
// file's head, or says that it wants another key.
func (s *fileStore) sealerFor(ctx context.Context, p paths, file []byte, create bool) (*sealer, error) {
	var id [idSize]byte
	if file != nil {
		switch err := checkHead(file); {
		case err == nil:
			id = keyIDOf(file)
		case errors.Is(err, core.ErrDamaged):
			return nil, err
		default:
			return nil, core.Errorf(core.BadConfig, "the file %q: %w", p.file, core.Cause(err))
		}
	}
	sealer, err := s.keys.sealer(ctx, id, create)
	switch {
	case err != nil:
		return nil, err
	case file != nil && sealer.id != id:
		return nil, core.Errorf(core.BadConfig, "the file %q was encrypted with another key than that of %s: bring the old key back, or delete the file",
			p.file, s.keys)
	}
	return sealer, nil
}

// Save implements [core.Store].
func (s *fileStore) Save(ctx context.Context, key string, value core.Secret) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	if n := len(value.Reveal()); n > maxValue {
		return core.Errorf(core.BadConfig, "the credential is too large to be stored: %d bytes, at most %d", n, maxValue)
	}
	p, err := s.paths(key)
	if err != nil {
		return err
	}
	if err := makeDir(p.dir); err != nil {
		return err
	}
	done, err := s.lockReplacing(ctx, p)
	if err != nil {
		return err
	}
	defer done()
	sealer, err := s.sealerForSave(ctx, p)
	if err != nil {
		return err
	}
	if err := writeFile(p.temp, sealer.seal(key, value)); err != nil {
		_ = os.Remove(p.temp)
		return fileError(p.dir, err)
	}
	if err := replaceFile(p.dir, p.temp, p.file); err != nil {
		_ = os.Remove(p.temp)
		return fileError(p.dir, err)
	}
	return nil
}

// saver returns what a key's file is encrypted with. A file that is there and
// is not ours to replace is an error.
func (s *fileStore) sealerForSave(ctx context.Context, p paths) (*sealer, error) {
	file, _, err := readFile(p.dir, p.file, maxFile, openFlags)
	if err != nil {
		return nil, err
	}
	sealer, err := s.sealerFor(ctx, p, file, file == nil)
	if errors.Is(err, core.ErrDamaged) {
		return s.sealerFor(ctx, p, nil, true)
	}
	return sealer, err
}

// Delete implements [core.Store].
func (s *fileStore) Delete(ctx context.Context, key string) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	p, err := s.paths(key)
	if err != nil {
		return err
	}
	err = os.Remove(p.file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fileError(p.dir, err)
	}
	syncDir(p.dir)
	return nil
}
