package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/authsession/authsession/internal/ctxmutex"
)

// systemKeyring makes the calls into the system's keyring. It makes one at a time,
// because the library may take the answer to one prompt for the answer to another.
// Each call has its own goroutine, because a locked keyring may block it without
// limit.
type systemKeyring struct {
	keyring interface {
		Get(service, entry string) (string, error)
		Set(service, entry, text string) error
		Delete(service, entry string) error
	}
	available func() error   // why there is no keyring; nil: there may be one
	calling   ctxmutex.Mutex // held during a call

	mu    sync.Mutex // guards stuck
	stuck bool       // the call under way has exceeded its time limit
}

// theSystemKeyring is the only one of the process, so that all calls exclude each other.
var theSystemKeyring = &systemKeyring{
	keyring: library{}, available: checkBus, calling: ctxmutex.New(),
}

// library calls go-keyring.
type library struct{}

func (library) Get(service, entry string) (string, error) { return keyring.Get(service, entry) }

func (library) Set(service, entry, text string) error {
	return keyring.Set(service, entry, text)
}

func (library) Delete(service, entry string) error { return keyring.Delete(service, entry) }

// errNoAnswer says that a keyring did not answer in time.
var errNoAnswer = errors.New("it is locked or does not answer: unlock it")

// call calls fn. It waits for other calls to end and then for fn, each at most as
// long as limit and until ctx ends.
func (s *systemKeyring) call(ctx context.Context, limit time.Duration, fn func() error) error {
	if err := s.available(); err != nil {
		return err
	}
	if s.isStuck() {
		return errNoAnswer
	}
	if err := s.lock(ctx, limit); err != nil {
		return err
	}
	done, late := make(chan error, 1), make(chan struct{})
	go s.run(limit, fn, done, late)
	select {
	case err := <-done:
		return err
	case <-late:
		return errNoAnswer
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lock waits for other calls to end.
func (s *systemKeyring) lock(ctx context.Context, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := s.calling.Lock(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return errNoAnswer
}

// run calls fn and then unlocks s.calling. If fn exceeds the limit, run closes late,
// and all other calls fail at once until fn returns.
func (s *systemKeyring) run(
	limit time.Duration, fn func() error, done chan<- error, late chan<- struct{},
) {
	returned := false
	timer := time.AfterFunc(limit, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !returned {
			s.stuck = true
			close(late)
		}
	})
	defer func() {
		panicked := recover() != nil // the library panics if the bus goes away during a prompt
		timer.Stop()
		s.mu.Lock()
		returned, s.stuck = true, false
		s.mu.Unlock()
		if panicked {
			done <- errNoAnswer
		}
		s.calling.Unlock()
	}()
	done <- fn()
}

func (s *systemKeyring) isStuck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stuck
}

var errNoBus = errors.New("no session bus is running")

// checkBus returns an error if no session bus runs. Without this check, the library
// would start a bus that keeps running, with a keyring that nobody could unlock.
func checkBus() error {
	switch runtime.GOOS {
	case "darwin", "windows":
		return nil
	}
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address != "" && address != "autolaunch:" {
		return nil
	}
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), name)); err == nil {
			return nil
		}
	}
	return errNoBus
}
