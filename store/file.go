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
	// Dir is the folder of the files. The first Save or Lock creates it, readable
	// by this user only. A folder of another user than this one and root is an
	// error, and so is one that others may write to. It should be on a local disk.
	// Empty: "authsession/credentials" in the user's folder for settings
	// (os.UserConfigDir).
	Dir string
	// KeyFile is the file of the key that encrypts the others, 32 random bytes. It
	// is created with mode 0600 if it does not exist. A key file of another user
	// than this one and root is an error, and so is one that others may read; the
	// group may read a key file of root's. Empty: the key is in the system's keyring.
	KeyFile string
	// Service is the name in the keyring under which the key is kept. Empty:
	// "authsession". It is unused with KeyFile.
	Service string
	// Timeout limits each call into the keyring. Zero or less: five seconds. It is
	// unused with KeyFile.
	Timeout time.Duration
}

// File returns a store of encrypted files, one for each key. Only the owner may read
// a file. Save replaces a file completely or not at all, even if the process is
// killed. The encryption is AES-256-GCM; docs/security.md says what it protects
// against. File itself reads and creates nothing.
//
// Load renames a file that is damaged, so that its name ends in ".damaged" (the last
// such file is kept). The error wraps [core.ErrDamaged] and has the new name. A file
// that was encrypted with another key, or written by a newer version, is not
// changed, and the error is [core.CodeBadConfig].
//
// Lock locks a file whose name ends in ".lock", which unlocking removes. Then it
// reserves the disk space for the next Save, as a file whose name ends in ".tmp". So
// a folder that is not writable ([core.CodeBadConfig]) and a full disk
// ([core.CodeUnavailable]) are found before a refresh token is spent. A process that is
// killed may leave the file ".tmp"; the next Lock uses it again. A Save by a process
// that does not hold the lock waits for the lock.
//
// The store is safe for concurrent use by goroutines and by processes. A process
// should make one store for a folder.
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

// absolute makes a path independent of later changes of the working directory.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); path != "" && err == nil {
		return abs
	}
	return path
}

// fileStore implements [core.Store]. Read on in filelock.go.
type fileStore struct {
	dir   string // empty: the default
	keys  keySource
	locks namedLocks

	mu   sync.Mutex // guards held
	held map[string]*heldLock
}

const suffix = ".credential"

// paths are the files of a key, and their folder.
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

// StoreName implements [core.NamedStore].
func (s *fileStore) StoreName() string { return kindFile }

// Load implements [core.Store].
func (s *fileStore) Load(ctx context.Context, key string) (core.Secret, error) {
	if err := contextError(ctx); err != nil {
		return core.Secret{}, err
	}
	p, err := s.paths(key)
	if err != nil {
		return core.Secret{}, err
	}
	if err := checkDirIfThere(p.dir); err != nil {
		return core.Secret{}, err
	}
	value, err := s.open(ctx, p, key)
	if !errors.Is(err, core.ErrDamaged) {
		return value, err
	}
	// Rename the file under the lock, unless another process has replaced it.
	unlock, e := s.lockReplacing(ctx, p)
	if e != nil {
		return core.Secret{}, e
	}
	defer unlock()
	if value, err = s.open(ctx, p, key); !errors.Is(err, core.ErrDamaged) {
		return value, err
	}
	if e := replaceFile(p.dir, p.file, p.damaged); e != nil {
		return core.Secret{}, fileError(p.dir, e)
	}
	return core.Secret{}, core.Errorf(core.CodeUnavailable, "%w; the file is now %q", err, p.damaged)
}

// open reads and decrypts the file of a key.
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

// sealerFor returns the sealer with the key that file was encrypted with, or, if file
// is nil, with the current key. create says whether a missing key is created. The
// error says that the head of the file is damaged or that the key is another one.
func (s *fileStore) sealerFor(
	ctx context.Context, p paths, file []byte, create bool,
) (*sealer, error) {
	var id [idSize]byte
	if file != nil {
		switch err := checkHead(file); {
		case err == nil:
			id = keyIDOf(file)
		case errors.Is(err, core.ErrDamaged):
			return nil, err
		default:
			return nil, core.Errorf(core.CodeBadConfig, "the file %q: %w", p.file, core.Cause(err))
		}
	}
	sealer, err := s.keys.sealer(ctx, id, create)
	switch {
	case err != nil:
		return nil, err
	case file != nil && sealer.id != id:
		return nil, core.Errorf(core.CodeBadConfig, "the file %q was encrypted with another key "+
			"than that of %s: bring the old key back, or delete the file", p.file, s.keys)
	}
	return sealer, nil
}

// Save implements [core.Store].
func (s *fileStore) Save(ctx context.Context, key string, value core.Secret) error {
	if err := contextError(ctx); err != nil {
		return err
	}
	if n := len(value.Reveal()); n > maxValue {
		return core.Errorf(core.CodeBadConfig,
			"the credential is too large to be stored: %d bytes, at most %d", n, maxValue)
	}
	p, err := s.paths(key)
	if err != nil {
		return err
	}
	if err := makeDir(p.dir); err != nil {
		return err
	}
	unlock, err := s.lockReplacing(ctx, p)
	if err != nil {
		return err
	}
	defer unlock()
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

// sealerForSave returns the sealer for the next file of a key. A file that Save must
// not replace, such as one of another key, is an error.
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
	if err := checkDirIfThere(p.dir); err != nil {
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
