package config_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// shelf is a kind of store of a program; opened counts its stores.
func shelf(opened *atomic.Int32) core.StoreFactory {
	type settings struct {
		Address  string      `json:"address" required:"true"`
		Password core.Secret `json:"password"`
		Depth    float64     `json:"depth"`
	}
	open := func(_ context.Context, c settings) (core.Store, error) {
		if c.Address == "gone" {
			return nil, core.Errorf(core.CodeBadConfig, "the shelf is gone")
		}
		opened.Add(1)
		return store.Memory(), nil
	}
	return core.NewStoreFactory(core.StoreInfo{Kind: "shelf"}, open)
}

// A kind of store that the program did not give is a fault that says what to import.
func TestStoreKindNotGiven(t *testing.T) {
	const advice = `: import "github.com/authsession/authsession/store" and give store.Builtin() ` +
		`in config.Options.Stores`
	for name, c := range map[string]struct {
		text   string
		stores []core.StoreFactory
		env    string
		want   []string
	}{
		"for all": {"store: {kind: file, path: x}\n" +
			"sessions: {a: {provider: count}, b: {provider: count}}", nil, "", []string{
			`a.yaml:1:9: store.kind: this program has no stores of the kind "file"` + advice}},
		"for one": {"sessions: {a: {provider: count, store: {kind: keyring, service: x}}}", nil, "",
			[]string{
				`a.yaml:1:41: sessions.a.store.kind: this program has no stores of the kind "keyring"` + advice}},
		"for an environment": {"environment: qa\n" +
			"sessions: {a: {provider: count, environments: {qa: {store: {kind: file}}}}}", nil, "", []string{
			`a.yaml:2:61: sessions.a.environments.qa.store.kind: this program has no stores of the kind ` +
				`"file"` + advice}},
		"by a variable": {"sessions: {a: {provider: count}}", nil, "AUTHSESSION_STORE__KIND=file",
			[]string{
				`AUTHSESSION_STORE__KIND: store.kind: this program has no stores of the kind "file"` + advice}},
		"one of two": {"store: {kind: keyring}\nsessions: {a: {provider: count}}",
			[]core.StoreFactory{store.FileFactory}, "", []string{
				`a.yaml:1:9: store.kind: this program has no stores of the kind "keyring"` + advice}},
		"misspelt": {"store: {kind: flie}\nsessions: {a: {provider: count}}", nil, "", []string{
			`a.yaml:1:9: store.kind: want one of memory, did you mean "file"?`}},
		"of another module": {"store: {kind: redis}\nsessions: {a: {provider: count}}", nil, "", []string{
			`a.yaml:1:9: store.kind: want one of memory (forgotten to give its factory in ` +
				`config.Options.Stores?)`}},
		"a key of none": {"sessions: {a: {provider: count, store: {path: x}}}", nil, "", []string{
			`a.yaml:1:41: sessions.a.store.path: unknown key; known: kind`}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			opts := withCount(options(t, "a.yaml", c.text), &asked)
			opts.Stores = c.stores
			if c.env != "" {
				opts.Environ = []string{c.env}
			}
			require.Equal(t, c.want, faults(t, opts))
		})
	}
}

// The module's own kinds are those that the advice speaks of.
func TestModuleStores(t *testing.T) {
	var asked atomic.Int32
	for _, f := range store.Builtin() {
		opts := withCount(
			options(t, "a.yaml", "store: {kind: "+f.Info().Kind+"}\nsessions: {a: {provider: count}}"),
			&asked)
		opts.Stores = nil
		require.Contains(t, faults(t, opts)[0], `import "github.com/authsession/authsession/store"`)
	}
}

func TestStoreKindOfAProgram(t *testing.T) {
	var asked, opened atomic.Int32
	opts := withCount(options(t, "a.yaml", `
store: {kind: shelf, password: "${env:P}", depth: 1.5}
sessions:
  a: {provider: count, store: {address: here}}
  b: {provider: count, store: {address: "${env:ADDRESS}"}}
  c: {provider: count, store: {address: there}}
  d: {provider: count, store: {address: here, depth: null}}
`, "P=secret", "ADDRESS=here"), &asked)
	opts.Stores = append(opts.Stores, shelf(&opened))
	cfg := load(t, opts)
	require.EqualValues(t, 3, opened.Load(), "a and b have the same store")
	require.NoError(t, cfg.Reload(t.Context()))
	require.EqualValues(t, 3, opened.Load(), "a reload keeps them")
	for key, want := range map[string]string{
		"store.password": "REDACTED", "store.address": "here", "store.depth": "1.5",
		"store.kind": "shelf",
	} {
		source, err := cfg.Source("a", key)
		require.NoError(t, err)
		require.Equal(t, want, source.Value, key)
	}
}

// A key that is null is as one that is not there.
func TestStoreKeyThatIsNull(t *testing.T) {
	var asked, opened atomic.Int32
	opts := withCount(options(t, "a.yaml", `
sessions:
  a: {provider: count, store: {kind: shelf, address: x, depth: null}}
  b: {provider: count, store: {kind: shelf, address: x}}
`), &asked)
	opts.Stores = append(opts.Stores, shelf(&opened))
	load(t, opts)
	require.EqualValues(t, 1, opened.Load(), "a and b have the same store")
}

func TestStoreKindOfAProgramFaults(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"missing": {"store: {kind: shelf}\n" +
			"sessions: {a: {provider: count, store: {address: x}}, b: {provider: count}}", []string{
			`a.yaml:1:1: store.address: missing`}},
		"wrong type": {"sessions: {a: {provider: count, store: {kind: shelf, address: x, depth: [1]}}}",
			[]string{
				`a.yaml:1:66: sessions.a.store.depth: want a number, found a list`}},
		"key of another kind": {"sessions: {a: {provider: count, store: {kind: shelf, address: x, " +
			"path: y}}}", []string{
			`a.yaml:1:66: sessions.a.store.path: a store of the kind shelf has no such key: it is for ` +
				`file, first`}},
		"cannot be made": {"sessions: {a: {provider: count, store: {kind: shelf, address: gone}}}",
			[]string{
				`a.yaml:1:33: sessions.a.store: the shelf is gone`}},
		"kind is no text": {"sessions: {a: {provider: count, store: {kind: [shelf]}}}", []string{
			`a.yaml:1:41: sessions.a.store.kind: want a string, found a list`}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked, opened atomic.Int32
			opts := withCount(options(t, "a.yaml", c.text), &asked)
			opts.Stores = append(opts.Stores, shelf(&opened))
			require.Equal(t, c.want, faults(t, opts))
		})
	}
}

func TestStoresAreChecked(t *testing.T) {
	opts := options(t, "a.yaml", "sessions: {}")
	memory := core.NewStoreFactory(
		core.StoreInfo{Kind: "memory"},
		func(context.Context, struct{}) (core.Store, error) {
			return nil, errors.New("never")
		},
	)
	opts.Stores = []core.StoreFactory{store.FileFactory, {}, store.FileFactory, memory}
	cfg, err := config.Load(t.Context(), opts)
	require.Nil(t, cfg)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "factory 1 of Options.Stores has no kind")
	require.ErrorContains(t, err, `the kind of store "file" is in Options.Stores twice`)
	require.ErrorContains(t, err, `the kind of store "memory" is taken`)
}
