package store_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/authsession/authsession/store/storetest"
)

// faulty is a store in memory whose calls fail while fault is set.
type faulty struct {
	core.Store
	name  string
	fault atomic.Pointer[core.Error]
	calls atomic.Int32
}

func newFaulty(name string, err error) *faulty {
	f := &faulty{Store: store.Memory(), name: name}
	if err != nil {
		f.fault.Store(err.(*core.Error))
	}
	return f
}

func (f *faulty) StoreName() string { return f.name }

func (f *faulty) err() error {
	f.calls.Add(1)
	if e := f.fault.Load(); e != nil {
		return e
	}
	return nil
}

func (f *faulty) Load(ctx context.Context, key string) (core.Secret, error) {
	if err := f.err(); err != nil {
		return core.Secret{}, err
	}
	return f.Store.Load(ctx, key)
}

func (f *faulty) Save(ctx context.Context, key string, value core.Secret) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Save(ctx, key, value)
}

func (f *faulty) Lock(ctx context.Context, key string) (func(), error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Lock(ctx, key)
}

var (
	errNoKeyring = core.Errorf(core.CodeBadConfig, "there is no keyring here")
	errLocked    = core.Errorf(core.CodeUnavailable, "it is locked")
)

// name is the name of the store in use.
func name(s core.Store) string { return s.(core.NamedStore).StoreName() }

func TestFirstConformance(t *testing.T) {
	opts := store.FileOptions{Dir: t.TempDir() + "/credentials", KeyFile: t.TempDir() + "/key"}
	storetest.Run(t, func() core.Store {
		return store.First(newFaulty("none", errNoKeyring), store.File(opts))
	})
}

// The first store that works here is used, and nothing is asked of those after it.
func TestFirstThatWorks(t *testing.T) {
	for caseName, c := range map[string]struct {
		faults []error
		want   int
	}{
		"all work":  {[]error{nil, nil}, 0},
		"the next":  {[]error{errNoKeyring, nil, nil}, 1},
		"last":      {[]error{errNoKeyring, errNoKeyring, nil}, 2},
		"only one":  {[]error{nil}, 0},
		"not after": {[]error{nil, errNoKeyring}, 0},
	} {
		t.Run(caseName, func(t *testing.T) {
			var members []*faulty
			var stores []core.Store
			for i, err := range c.faults {
				members = append(members, newFaulty(string(rune('a'+i)), err))
				stores = append(stores, members[i])
			}
			s := store.First(stores...)
			require.Empty(t, name(s), "nothing is chosen before it is needed")
			_, err := s.Load(t.Context(), "drive")
			require.NoError(t, err)
			require.Equal(t, members[c.want].name, name(s))
			require.NoError(t, s.Save(t.Context(), "drive", core.NewSecret("token")))
			got, err := members[c.want].Store.Load(t.Context(), "drive")
			require.NoError(t, err)
			require.Equal(t, "token", got.Reveal())
			for _, m := range members[c.want+1:] {
				require.Zero(t, m.calls.Load())
			}
		})
	}
}

// A store that is there and fails is not passed over; one that fails later is not left.
func TestFirstDoesNotSwitch(t *testing.T) {
	locked, second := newFaulty("keyring", errLocked), newFaulty("file", nil)
	s := store.First(locked, second)
	for range 2 {
		_, err := s.Load(t.Context(), "drive")
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorContains(t, err, "the store keyring comes first and fails now: it is locked")
	}
	require.Zero(t, second.calls.Load())
	require.Empty(t, name(s))

	locked.fault.Store(nil)
	require.NoError(t, s.Save(t.Context(), "drive", core.NewSecret("token")))
	require.Equal(t, "keyring", name(s))
	for _, err := range []error{errLocked, errNoKeyring} {
		locked.fault.Store(err.(*core.Error))
		_, lockErr := s.Lock(t.Context(), "drive")
		for _, got := range []error{lockErr, s.Save(t.Context(), "drive", core.NewSecret("next"))} {
			require.ErrorIs(t, got, core.CodeOf(err))
		}
	}
	require.Zero(t, second.calls.Load())
	require.Equal(t, "keyring", name(s))
}

func TestFirstWithoutStoreThatWorks(t *testing.T) {
	ring := newFaulty("keyring", errNoKeyring)
	other := newFaulty("", core.Errorf(core.CodeBadConfig, "no folder"))
	s := store.First(ring, other)
	_, err := s.Lock(t.Context(), "drive")
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "no store of the list works on this machine: "+
		"keyring: there is no keyring here; 2: no folder")
	ring.fault.Store(nil)
	_, err = s.Load(t.Context(), "drive")
	require.NoError(t, err, "it looks again")
}

func TestFirstOfWrongArguments(t *testing.T) {
	m := store.Memory()
	for want, s := range map[string]core.Store{
		"store.First has no stores":                    store.First(),
		"store 2 of store.First is nil":                store.First(m, nil),
		"stores 1 and 3 of store.First are the same":   store.First(m, store.Memory(), m),
		"no store of the list works on this machine: ": store.First(store.First()),
	} {
		_, loadErr := s.Load(t.Context(), "drive")
		_, lockErr := s.Lock(t.Context(), "drive")
		for _, err := range []error{loadErr, lockErr, s.Delete(t.Context(), "drive"),
			s.Save(t.Context(), "drive", core.NewSecret("canary"))} {
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, want)
		}
	}
}

// A session's Status names the store of the list that it uses.
func TestFirstInStatus(t *testing.T) {
	s := core.New("drive", core.ProviderFunc(
		func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{Attach: core.Attachment{
				Header: map[string]core.Secret{"X-Key": core.NewSecret("key")},
			}}, nil
		}), &core.Options{Store: store.First(newFaulty("keyring", errNoKeyring), newFaulty("file", nil))})
	require.Empty(t, s.Status().Store)
	require.NoError(t, s.Init(t.Context()))
	require.Equal(t, "file", s.Status().Store)
	text, err := s.Status().MarshalJSON()
	require.NoError(t, err)
	require.Contains(t, string(text), `"store":"file"`)
	var read core.Status
	require.NoError(t, read.UnmarshalJSON(text))
	require.Equal(t, "file", read.Store)
	require.NoError(t, s.Close(t.Context()))
}

func TestFirstFactory(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	settings := map[string]any{
		"stores": []any{"file", "memory"},
		"path":   filepath.Join(dir, "credentials"), "key_file": filepath.Join(dir, "key"),
	}
	s, err := store.FirstFactory.Open(t.Context(), settings)
	require.NoError(t, err)
	require.NoDirExists(t, filepath.Join(dir, "credentials"), "opening makes nothing")
	require.NoError(t, s.Save(t.Context(), "drive", core.NewSecret("token")))
	require.Equal(t, "file", name(s))
	require.FileExists(t, filepath.Join(dir, "key"))

	settings["path"] = filepath.Join(dir, "key", "below a file")
	s, err = store.FirstFactory.Open(t.Context(), settings)
	require.NoError(t, err)
	require.NoError(t, s.Save(t.Context(), "drive", core.NewSecret("token")))
	require.Equal(t, "memory", name(s))
}

func TestFirstFactoryFaults(t *testing.T) {
	list := func(kinds ...any) map[string]any { return map[string]any{"stores": kinds} }
	with := func(m map[string]any, key string, value any) map[string]any {
		m[key] = value
		return m
	}
	for caseName, c := range map[string]struct {
		settings map[string]any
		want     string
	}{
		"no list":    {map[string]any{}, "stores: missing"},
		"empty list": {list(), "stores: is empty: want some of file, keyring, memory"},
		"no list at all": {map[string]any{"stores": "keyring"},
			"stores: want a list of strings, found a string"},
		"unknown": {list("keyring", "fil"),
			`stores.1: want one of file, keyring, memory, did you mean "file"?`},
		"itself": {list("first"), "stores.0: want one of file, keyring, memory"},
		"number": {list(1), "stores.0: want a string, found an integer: put it in quotes"},
		"twice":  {list("keyring", "keyring"), "stores.1: is in the list twice"},
		"after memory": {list("memory", "keyring"),
			"stores.0: memory always works, so that what follows it is never used"},
		"path of no file": {with(list("keyring"), "path", "/x"),
			"path: is for the kind file, which is not in stores"},
		"key of no file": {with(list("keyring"), "key_file", "/x"),
			"key_file: is for the kind file, which is not in stores"},
		"service of no keyring": {with(with(list("file"), "key_file", "/x"), "service", "s"),
			"service: is for a keyring, which is not used"},
		"file that needs the keyring, too": {list("keyring", "file"),
			"key_file: is needed: without it, the key of the kind file is in the keyring"},
		"home": {with(list("file"), "path", "~/x"), `path: "~" stands for nothing here`},
	} {
		t.Run(caseName, func(t *testing.T) {
			require.ErrorContains(t, store.FirstFactory.Check(c.settings), c.want)
		})
	}
	for _, good := range []map[string]any{
		list("memory"), list("keyring", "memory"), list("file", "keyring"), list("file"),
		with(list("keyring", "file", "memory"), "key_file", "/x"),
		with(with(list("keyring", "file"), "key_file", "/x"), "service", "acme"),
		with(list("file"), "service", "acme"),
	} {
		require.NoError(t, store.FirstFactory.Check(good), good)
	}
}
