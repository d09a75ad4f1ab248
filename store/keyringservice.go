// Read on in systemkeyring.go.

package store

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/authsession/authsession/core"
)

// keyringService is one service of the system's keyring: a name under which there
// are entries.
type keyringService struct {
	name    string
	timeout time.Duration // of each call
	system  *systemKeyring
	locks   namedLocks
}

// keyringTimeout is the timeout if the program gives none.
const keyringTimeout = 5 * time.Second

func newKeyringService(name string, timeout time.Duration) *keyringService {
	if timeout <= 0 {
		timeout = keyringTimeout
	}
	return &keyringService{name: name, timeout: timeout, system: theSystemKeyring}
}

// get returns the text of an entry, and whether there is one.
func (k *keyringService) get(
	ctx context.Context, entry string,
) (text string, found bool, err error) {
	result := make(chan string, 1)
	err = k.system.call(ctx, k.timeout, func() error {
		text, err := k.system.keyring.Get(k.name, entry)
		result <- text
		return err
	})
	if err != nil {
		return "", false, keyringError(err)
	}
	return <-result, true, nil
}

func (k *keyringService) set(ctx context.Context, entry, text string) error {
	if limit := maxKeyringValue(runtime.GOOS, len(k.name)+len(entry)); len(text) > limit {
		return keyringError(keyring.ErrSetDataTooBig)
	}
	return keyringError(k.system.call(ctx, k.timeout, func() error {
		return k.system.keyring.Set(k.name, entry, text)
	}))
}

func (k *keyringService) delete(ctx context.Context, entry string) error {
	return keyringError(k.system.call(ctx, k.timeout, func() error {
		return k.system.keyring.Delete(k.name, entry)
	}))
}

// maxKeyringValue returns how many bytes an entry may have. names is the length of
// the names of the service and the entry. The library reports larger ones, too, but
// on macOS only after it has started a process that it does not end.
func maxKeyringValue(goos string, names int) int {
	switch goos {
	case "windows":
		return 2560
	case "darwin": // a command of 4096 bytes that has the value in base64
		return (4000 - 100 - names) / 4 * 3
	}
	return maxValue
}

// lock takes the lock of an entry: first among the goroutines of this process, then
// among all processes. Keyrings have no locks, so it is a file.
func (k *keyringService) lock(ctx context.Context, entry string) (unlock func(), err error) {
	dir, err := lockDir()
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, safeName(k.name+"\x00"+entry)+".lock")
	unlockName, err := k.locks.lock(ctx, path)
	if err != nil {
		return nil, err
	}
	file, err := lockFile(ctx, dir, path)
	if err != nil {
		unlockName()
		return nil, err
	}
	return func() { file.unlock(); unlockName() }, nil
}

const adviceFileStore = "use a store of files with a key file instead (kind: file, key_file)"

// keyringError gives an error of the keyring the code that says what to do. It
// returns nil for an entry that does not exist.
func keyringError(err error) error {
	var dial *net.OpError
	switch {
	case err == nil, errors.Is(err, keyring.ErrNotFound):
		return nil
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return core.Errorf(core.CodeBadConfig, "the credential is too large for this system's keyring: "+
			"use a store of files, whose key the keyring keeps")
	case strings.Contains(err.Error(), "failed to unlock"): // a person refused, or nobody was there
		return core.Errorf(core.CodeUnavailable,
			"the system's keyring is locked, or has no default collection: unlock it (%w)", err)
	case errors.Is(err, errNoBus), errors.Is(err, keyring.ErrUnsupportedPlatform),
		errors.As(err, &dial), isNoKeyring(err):
		return core.Errorf(core.CodeBadConfig, "there is no keyring here (%w): %s", err, adviceFileStore)
	}
	return core.Errorf(core.CodeUnavailable, "the system's keyring: %w", err)
}

// isNoKeyring reports whether err says that the bus works, but that no program on it
// keeps secrets, or that there is no collection to keep them in.
func isNoKeyring(err error) bool {
	for _, text := range []string{
		"org.freedesktop.secrets", "ServiceUnknown", "not provided by any", "No such object",
		"does not exist",
	} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}
