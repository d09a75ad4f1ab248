package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"
)

func testSealer(t testing.TB, fill byte) *sealer {
	s, err := newSealer(bytes.Repeat([]byte{fill}, keySize))
	require.NoError(t, err)
	return s
}

// written is a file of version 1: the value "token" of the key "drive".
const written = "YXV0aHNlc3MBB62mFgvEBWlRs6QMoeZwcCZ8NzsZ2hs241BxUbbvO5jnfJdnxbFSdzu5NfeSgdTE9p9SeTc="

// A file that an earlier program wrote stays readable.
func TestSealVersion1(t *testing.T) {
	file, err := base64.StdEncoding.DecodeString(written)
	require.NoError(t, err)
	value, err := testSealer(t, 'k').open("drive", file)
	require.NoError(t, err)
	require.Equal(t, "token", value.Reveal())
}

// FuzzOpen opens damaged files and files of other programs.
func FuzzOpen(f *testing.F) {
	s := testSealer(f, 'k')
	good, err := base64.StdEncoding.DecodeString(written) // the same in all processes of the fuzzer
	require.NoError(f, err)
	f.Add([]byte{}, "drive")
	f.Add(good, "drive")
	f.Add(good, "other")
	f.Add(good[:head], "drive")
	f.Add(good[:len(good)-1], "drive")
	f.Add(append(bytes.Clone(good), 0), "drive")
	f.Add([]byte(magic+"\x02"), "drive")
	f.Fuzz(func(t *testing.T, file []byte, name string) {
		before := bytes.Clone(file)
		value, err := s.open(name, file)
		require.Equal(t, before, file)
		switch {
		case err == nil: // nobody else has the key
			require.True(t, bytes.Equal(file, good) && name == "drive")
			require.Equal(t, "token", value.Reveal())
		case errors.Is(err, core.ErrDamaged):
			require.True(t, value.IsZero())
		default:
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.NotEqual(t, byte(version), file[len(magic)])
		}
	})
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_-]{0,48}-[0-9a-f]{32}$`)

// FuzzName checks that a name of a file has no path and belongs to one key only.
func FuzzName(f *testing.F) {
	for _, key := range []string{
		"", "drive", "../../etc/passwd", "a\x00b", "CON", strings.Repeat("ü", 100), "\xff", "a/b", "A/B",
	} {
		f.Add(key, key+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		require.Regexp(t, plainName, safeName(a))
		require.Equal(t, a == b, safeName(a) == safeName(b))
		require.False(t, a != b && strings.EqualFold(safeName(a), safeName(b)), "not by case alone")
	})
}

// fakeRing is a keyring whose calls wait while it is locked.
type fakeRing struct {
	values map[string]string
	locked chan struct{} // nil: open
	err    error
	panics bool
	calls  atomic.Int32
}

func (f *fakeRing) wait() error {
	f.calls.Add(1)
	if f.locked != nil {
		<-f.locked
	}
	if f.panics {
		panic("the bus went away")
	}
	return f.err
}

func (f *fakeRing) Get(service, user string) (string, error) {
	if err := f.wait(); err != nil {
		return "", err
	}
	v, ok := f.values[service+"/"+user]
	if !ok {
		return "", keyring.ErrNotFound
	}
	return v, nil
}

func (f *fakeRing) Set(service, user, text string) error {
	if err := f.wait(); err != nil {
		return err
	}
	f.values[service+"/"+user] = text
	return nil
}

func (f *fakeRing) Delete(service, user string) error {
	if err := f.wait(); err != nil {
		return err
	}
	delete(f.values, service+"/"+user)
	return nil
}

func newFake() (*fakeRing, *systemKeyring) {
	f := &fakeRing{values: map[string]string{}}
	available := func() error { return nil }
	return f, &systemKeyring{keyring: f, available: available, calling: ctxmutex.New()}
}

func keyringOf(sys *systemKeyring) *keyringStore {
	k := Keyring(KeyringOptions{}).(*keyringStore)
	k.service.system = sys
	return k
}

// A locked keyring blocks a caller at most for the time limit, and only one call reaches it.
func TestKeyringLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sys := newFake()
		k := keyringOf(sys)
		require.NoError(t, k.Save(t.Context(), "drive", core.NewSecret("token")))
		f.locked = make(chan struct{})
		calls := f.calls.Load()
		began := time.Now()
		_, err := k.Load(t.Context(), "drive")
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorContains(t, err, "it is locked or does not answer: unlock it")
		require.Equal(t, 5*time.Second, time.Since(began))
		began = time.Now()
		for range 3 {
			_, err = keyringOf(sys).Load(t.Context(), "drive")
			require.ErrorIs(t, err, core.CodeUnavailable)
		}
		require.Zero(t, time.Since(began), "while one is stuck, the others fail at once")
		require.Equal(t, calls+1, f.calls.Load())
		close(f.locked)
		synctest.Wait()
		got, err := k.Load(t.Context(), "drive")
		require.NoError(t, err)
		require.Equal(t, "token", got.Reveal())
	})
}

func TestKeyringWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, sys := newFake()
		f.locked = make(chan struct{})
		k := keyringOf(sys)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := k.Load(short, "drive")
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.Equal(t, time.Second, time.Since(began))
		done := make(chan error, 1)
		go func() { _, err := k.Load(t.Context(), "drive"); done <- err }() // waits for the first call
		time.Sleep(time.Second)
		close(f.locked)
		require.NoError(t, <-done)
		require.Equal(t, 2*time.Second, time.Since(began))
	})
}

func TestKeyringFaults(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		panics bool
		code   core.Code
		want   string
	}{
		"no service": {
			errors.New("The name org.freedesktop.secrets was not provided by any .service files"),
			false,
			core.CodeBadConfig,
			"use a store of files with a key file instead",
		},
		"no bus": {
			&net.OpError{Op: "dial", Err: os.ErrNotExist},
			false,
			core.CodeBadConfig,
			"there is no keyring here",
		},
		"unsupported": {keyring.ErrUnsupportedPlatform, false, core.CodeBadConfig, "use a store of files"},
		"too big": {
			keyring.ErrSetDataTooBig,
			false,
			core.CodeBadConfig,
			"too large for this system's keyring: use a store of files, whose key the keyring keeps",
		},
		"dismissed": {
			errors.New("failed to unlock correct collection '/org/x'"),
			false,
			core.CodeUnavailable,
			"the system's keyring is locked, or has no default collection: unlock it",
		},
		"panic": {nil, true, core.CodeUnavailable, "locked or does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			f, sys := newFake()
			f.err, f.panics = c.err, c.panics
			k := keyringOf(sys)
			_, loadErr := k.Load(t.Context(), "drive")
			_, lockErr := k.Lock(t.Context(), "drive")
			saveErr := k.Save(t.Context(), "drive", core.NewSecret("canary"))
			for _, err := range []error{loadErr, lockErr, saveErr, k.Delete(t.Context(), "drive")} {
				require.Equal(t, c.code, core.CodeOf(err))
				require.ErrorContains(t, err, c.want)
				require.NotContains(t, err.Error(), "canary")
			}
			f.err, f.panics = nil, false
			unlock, err := k.Lock(t.Context(), "drive")
			require.NoError(t, err, "the lock was released")
			unlock()
		})
	}
}

// Without a bus nothing is called that would start one.
func TestKeyringWithoutBus(t *testing.T) {
	f, sys := newFake()
	sys.available = checkBus
	for _, address := range []string{"", "autolaunch:"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if checkBus() == nil {
			t.Skip("this system needs no bus, or has one")
		}
		_, err := keyringOf(sys).Load(t.Context(), "drive")
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "no session bus is running")
	}
	require.Zero(t, f.calls.Load())
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/x")
	require.NoError(t, checkBus())
}

func TestCapacity(t *testing.T) {
	require.Equal(t, 2560, maxKeyringValue("windows", 40))
	require.Equal(t, 2895, maxKeyringValue("darwin", 40))
	require.Equal(t, maxValue, maxKeyringValue("linux", 40))
}

// The key of files is in the keyring: made once, remembered, looked up again
// where a file wants another one, and missed when it is gone.
func TestFileKeyInKeyring(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	f, sys := newFake()
	dir := filepath.Join(t.TempDir(), "credentials")
	open := func() core.Store {
		s := File(FileOptions{Dir: dir, Service: "acme"}).(*fileStore)
		s.keys.(*keyringKey).service.system = sys
		return s
	}
	s, early := open(), open()
	_, err := early.Load(t.Context(), "drive")
	require.NoError(t, err)
	require.Empty(t, f.values, "nothing is made for reading")
	require.NoError(t, s.Save(t.Context(), "drive", core.NewSecret("token")))
	require.Len(t, f.values, 1)
	require.Contains(t, f.values, "acme/"+keyName)
	calls := f.calls.Load()
	for range 3 {
		require.NoError(t, s.Save(t.Context(), "drive", core.NewSecret("token")))
	}
	require.Equal(t, calls, f.calls.Load())
	got, err := early.Load(t.Context(), "drive")
	require.NoError(t, err)
	require.Equal(t, "token", got.Reveal())

	kept := f.values["acme/"+keyName]
	for name, c := range map[string]struct {
		text string
		want string
	}{
		"gone": {"", "holds no key for stored files any more"},
		"another": {
			"bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGw=",
			"another key than that of the keyring's service \"acme\"",
		},
		"no key": {"%", "something else than a key"},
		"short":  {"bGxs", "want a key of 32 bytes, found 3"},
	} {
		f.values["acme/"+keyName] = c.text
		if c.text == "" {
			delete(f.values, "acme/"+keyName)
		}
		_, err = open().Load(t.Context(), "drive")
		require.ErrorIs(t, err, core.CodeBadConfig, name)
		require.ErrorContains(t, err, c.want, name)
	}
	f.values["acme/"+keyName] = kept
	_, err = open().Load(t.Context(), "drive")
	require.NoError(t, err)

	f.err = keyring.ErrUnsupportedPlatform
	_, err = open().Lock(t.Context(), "drive")
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "use a store of files with a key file instead")
}
