// Read on in disk.go.

package store

import (
	"context"
	"os"
	"sync"

	"github.com/authsession/authsession/internal/ctxmutex"
)

// heldLock is a lock of a key's file that [core.Store.Lock] returned, until it is
// released. The goroutine that holds it also holds the lock of the operating
// system, so Save must not take that one again.
type heldLock struct {
	file      *lockedFile
	replacing ctxmutex.Mutex // held while the file is replaced
	released  bool           // guarded by replacing
}

// minReserved is the least size of the space that Lock reserves, in bytes.
const minReserved = 8 << 10

// lockReplacing gives the caller the exclusive right to replace a key's file: under
// the lock that Lock returned, if one is held, and otherwise under a lock that it
// takes for this purpose.
func (s *fileStore) lockReplacing(ctx context.Context, p paths) (unlock func(), err error) {
	for {
		s.mu.Lock()
		l := s.held[p.file]
		s.mu.Unlock()
		if l == nil {
			_, unlock, err := s.lock(ctx, p)
			return unlock, err
		}
		if l.replacing.Lock(ctx) != nil {
			return nil, contextError(ctx)
		}
		if !l.released {
			return l.lockAgain(ctx, p)
		}
		l.replacing.Unlock()
	}
}

// lockAgain returns the function that ends replacing. If somebody has removed the
// lock file, another process may hold the lock of a new one, and replace the file at
// the same time: lockAgain then takes that lock, too.
func (l *heldLock) lockAgain(ctx context.Context, p paths) (unlock func(), err error) {
	if there, _ := l.file.isThere(); there {
		return l.replacing.Unlock, nil
	}
	again, err := lockFile(ctx, p.dir, p.lock)
	if err != nil {
		l.replacing.Unlock()
		return nil, err
	}
	return func() { again.unlock(); l.replacing.Unlock() }, nil
}

// lock takes the lock of a key's file: first among the goroutines of this process,
// then among all processes.
func (s *fileStore) lock(
	ctx context.Context, p paths,
) (file *lockedFile, unlock func(), err error) {
	unlockName, err := s.locks.lock(ctx, p.file)
	if err != nil {
		return nil, nil, err
	}
	file, err = lockFile(ctx, p.dir, p.lock)
	if err != nil {
		unlockName()
		return nil, nil, err
	}
	return file, func() { file.unlock(); unlockName() }, nil
}

// Lock implements core.Store.
func (s *fileStore) Lock(ctx context.Context, key string) (func(), error) {
	if err := contextError(ctx); err != nil {
		return nil, err
	}
	p, err := s.paths(key)
	if err != nil {
		return nil, err
	}
	if err := makeDir(p.dir); err != nil {
		return nil, err
	}
	file, unlock, err := s.lock(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := s.reserve(ctx, p); err != nil {
		_ = os.Remove(p.temp)
		unlock()
		return nil, err
	}
	l := &heldLock{file: file, replacing: ctxmutex.New()}
	s.mu.Lock()
	s.held[p.file] = l
	s.mu.Unlock()
	return sync.OnceFunc(func() {
		s.mu.Lock()
		delete(s.held, p.file)
		s.mu.Unlock()
		_ = l.replacing.Lock(context.Background()) // a Save that has begun completes first
		l.released = true                          // and no other one begins under this lock
		l.replacing.Unlock()
		if there, _ := file.isThere(); there { // otherwise it may be another holder's
			_ = os.Remove(p.temp)
		}
		unlock()
	}), nil
}

// reserve reports whether a Save would fail, and writes a file as large as the next
// Save needs. Save overwrites that file, so that it needs no more space on the disk.
func (s *fileStore) reserve(ctx context.Context, p paths) error {
	if _, err := s.sealerForSave(ctx, p); err != nil {
		return err
	}
	size := minReserved
	if info, err := os.Lstat(p.file); err == nil {
		size = max(size, 2*int(info.Size()))
	}
	if err := writeFile(p.temp, make([]byte, size)); err != nil {
		return fileError(p.dir, err)
	}
	return nil
}
