package store

import (
	"context"
	"os"
	"sync"
)

// room is what the holder of a lock keeps for the next Save.
type room struct {
	turn chan struct{} // holds one element while a file is exchanged
	gone chan struct{} // closed when the lock is let go
}

// minRoom is the least that is kept, in bytes.
const minRoom = 8 << 10

// exclusive makes the caller the only one who exchanges a key's file: under
// the lock that is held through s, or under one of its own.
func (s *files) exclusive(ctx context.Context, p paths) (done func(), err error) {
	for {
		s.mu.Lock()
		r := s.held[p.file]
		s.mu.Unlock()
		if r == nil {
			return s.lock(ctx, p)
		}
		select {
		case r.turn <- struct{}{}:
			return func() { <-r.turn }, nil
		case <-r.gone:
		case <-ctx.Done():
			return nil, ended(ctx)
		}
	}
}

// lock takes the lock of a key's file.
func (s *files) lock(ctx context.Context, p paths) (unlock func(), err error) {
	leave, err := s.turns.take(ctx, p.file)
	if err != nil {
		return nil, err
	}
	release, err := lockFile(ctx, p.dir, p.lock)
	if err != nil {
		leave()
		return nil, err
	}
	return func() { release(); leave() }, nil
}

// Lock implements core.Store.
func (s *files) Lock(ctx context.Context, key string) (func(), error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	p, err := s.paths(key)
	if err != nil {
		return nil, err
	}
	if err := makeDir(p.dir); err != nil {
		return nil, err
	}
	unlock, err := s.lock(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := s.reserve(ctx, p); err != nil {
		_ = os.Remove(p.temp)
		unlock()
		return nil, err
	}
	r := &room{turn: make(chan struct{}, 1), gone: make(chan struct{})}
	s.mu.Lock()
	s.held[p.file] = r
	s.mu.Unlock()
	return sync.OnceFunc(func() {
		s.mu.Lock()
		delete(s.held, p.file)
		s.mu.Unlock()
		r.turn <- struct{}{} // a Save that has begun comes to its end, and none begins
		close(r.gone)
		_ = os.Remove(p.temp)
		unlock()
	}), nil
}

// reserve finds out whether a Save would fail, and keeps the room for it.
func (s *files) reserve(ctx context.Context, p paths) error {
	if _, err := s.saver(ctx, p); err != nil {
		return err
	}
	size := minRoom
	if info, err := os.Lstat(p.file); err == nil {
		size = max(size, 2*int(info.Size()))
	}
	if err := write(p.temp, make([]byte, size)); err != nil {
		return fault(p.dir, err)
	}
	return nil
}
