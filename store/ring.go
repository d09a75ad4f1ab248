package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/zalando/go-keyring"
)

// ring is one service of the system's keyring.
type ring struct {
	service string
	limit   time.Duration
	system  *system
	turns   turns
}

const keyringTimeout = 5 * time.Second

func newRing(service string, limit time.Duration) *ring {
	if limit <= 0 {
		limit = keyringTimeout
	}
	return &ring{service: service, limit: limit, system: theSystem}
}

// system makes the calls into the keyring: one at a time, as the library
// mistakes the answer to one prompt for that to another, and each on a
// goroutine of its own, which may be stuck for ever in a locked keyring.
type system struct {
	ring interface {
		Get(service, user string) (string, error)
		Set(service, user, password string) error
		Delete(service, user string) error
	}
	absent func() error
	slot   chan struct{} // holds one element while a call is made

	mu    sync.Mutex // guards stuck
	stuck bool       // the call that has the slot is over its time
}

var theSystem = &system{ring: library{}, absent: noBus, slot: make(chan struct{}, 1)}

// library calls go-keyring.
type library struct{}

func (library) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (library) Set(service, user, password string) error { return keyring.Set(service, user, password) }
func (library) Delete(service, user string) error        { return keyring.Delete(service, user) }

// errSlow says that a keyring did not answer in time.
var errSlow = errors.New("it is locked or does not answer: unlock it")

// do makes a call, and waits for its turn and for it, until the limit for each
// or the end of ctx.
func (s *system) do(ctx context.Context, limit time.Duration, call func() error) error {
	if err := s.absent(); err != nil {
		return err
	}
	if s.isStuck() {
		return errSlow
	}
	turn := time.NewTimer(limit)
	defer turn.Stop()
	select {
	case s.slot <- struct{}{}:
	case <-turn.C:
		return errSlow
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	done, late := make(chan error, 1), make(chan struct{})
	go s.run(limit, call, done, late)
	select {
	case err := <-done:
		return err
	case <-late:
		return errSlow
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run makes a call and lets go of the slot. It closes late when the limit is
// over first: then all others fail at once, until the call is back.
func (s *system) run(limit time.Duration, call func() error, done chan<- error, late chan<- struct{}) {
	over := false
	watch := time.AfterFunc(limit, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !over {
			s.stuck = true
			close(late)
		}
	})
	defer func() {
		panicked := recover() != nil // the library does where the bus goes away during a prompt
		watch.Stop()
		s.mu.Lock()
		over, s.stuck = true, false
		s.mu.Unlock()
		if panicked {
			done <- errSlow
		}
		<-s.slot
	}()
	done <- call()
}

func (s *system) isStuck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stuck
}

func (r *ring) get(ctx context.Context, name string) (text string, found bool, err error) {
	out := make(chan string, 1)
	err = r.system.do(ctx, r.limit, func() error {
		text, err := r.system.ring.Get(r.service, name)
		out <- text
		return err
	})
	if err != nil {
		return "", false, r.fault(err)
	}
	return <-out, true, nil
}

func (r *ring) set(ctx context.Context, name, text string) error {
	if limit := capacity(runtime.GOOS, len(r.service)+len(name)); len(text) > limit {
		return r.fault(keyring.ErrSetDataTooBig)
	}
	return r.fault(r.system.do(ctx, r.limit, func() error { return r.system.ring.Set(r.service, name, text) }))
}

func (r *ring) delete(ctx context.Context, name string) error {
	return r.fault(r.system.do(ctx, r.limit, func() error { return r.system.ring.Delete(r.service, name) }))
}

// capacity is how many bytes a value may have. The library would say so as
// well, on macOS at the cost of a process that it leaves.
func capacity(goos string, names int) int {
	switch goos {
	case "windows":
		return 2560
	case "darwin": // a command of 4096 bytes, the value in base64
		return (4000 - 100 - names) / 4 * 3
	}
	return maxValue
}

// lock takes the lock of a name, which is a file.
func (r *ring) lock(ctx context.Context, name string) (unlock func(), err error) {
	dir, err := lockDir()
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, nameOf(r.service+"\x00"+name)+".lock")
	leave, err := r.turns.take(ctx, path)
	if err != nil {
		return nil, err
	}
	release, err := lockFile(ctx, dir, path)
	if err != nil {
		leave()
		return nil, err
	}
	return func() { release(); leave() }, nil
}

const instead = "use a store of files with a key file instead (kind: file, key_file)"

// fault is an error of the keyring with a code; nil for what is not there.
func (r *ring) fault(err error) error {
	var dial *net.OpError
	switch {
	case err == nil, errors.Is(err, keyring.ErrNotFound):
		return nil
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return core.Errorf(core.BadConfig, "the credential is too large for this system's keyring: use a store of files, whose key the keyring keeps")
	case strings.Contains(err.Error(), "failed to unlock"): // somebody refused, or nobody could be asked
		return core.Errorf(core.Unavailable, "the system's keyring is locked, or has no default collection: unlock it (%w)", err)
	case errors.Is(err, errNoBus), errors.Is(err, keyring.ErrUnsupportedPlatform), errors.As(err, &dial), nobody(err):
		return core.Errorf(core.BadConfig, "there is no keyring here (%w): %s", err, instead)
	}
	return core.Errorf(core.Unavailable, "the system's keyring: %w", err)
}

// nobody reports whether the bus is there, but nobody on it keeps secrets, or
// there is no collection to keep them in.
func nobody(err error) bool {
	for _, text := range []string{"org.freedesktop.secrets", "ServiceUnknown", "not provided by any", "No such object", "does not exist"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

var errNoBus = errors.New("no session bus is running")

// noBus keeps the library from starting a bus of its own, which would stay,
// and whose keyring nobody could unlock.
func noBus() error {
	switch runtime.GOOS {
	case "darwin", "windows":
		return nil
	}
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return nil
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)); err == nil {
			return nil
		}
	}
	return errNoBus
}
