package config_test

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/registry/config"
)

const listOfStores = `
store:
  kind: first
  stores: [keyring, file, memory]
  path: "${env:DIR}/all"
  key_file: "${env:DIR}/key"
sessions:
  a: {provider: count}
  b: {provider: count, store: {path: "${env:DIR}/b"}}
  c: {provider: count, store: {path: "${env:DIR}/key/below a file"}}
  d: {provider: count, store: {stores: [memory]}}
`

// A file has an ordered list of stores. Each session uses the first that works on this
// machine, which its Status names.
func TestStoreOfAList(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "") // no keyring
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	text := strings.Replace(listOfStores, "store: {stores: [memory]}",
		"store: {kind: memory}", 1)
	dir := t.TempDir()
	var asked atomic.Int32
	for range 2 {
		cfg := load(t, withCount(options(t, "a.yaml", text, "DIR="+dir), &asked))
		want := map[string]string{"a": "file", "b": "file", "c": "memory", "d": ""}
		for _, name := range []string{"a", "b", "c", "d"} { // the first one makes the key file
			s, err := cfg.Session(name)
			require.NoError(t, err)
			require.NoError(t, s.Init(t.Context()))
			if s.Status().Store == "keyring" {
				t.Skip("this machine has a keyring")
			}
			require.Equal(t, want[name], s.Status().Store, name)
		}
	}
	require.EqualValues(t, 4+2, asked.Load(), "what is in files is found again")
	require.Equal(t, []string{"a"}, credentials(t, filepath.Join(dir, "all")))
	require.Equal(t, []string{"b"}, credentials(t, filepath.Join(dir, "b")))
}

func TestStoreOfAListInAVariable(t *testing.T) {
	dir := t.TempDir()
	var asked atomic.Int32
	cfg := load(t, withCount(options(t, "a.yaml", "sessions: {a: {provider: count}}",
		"AUTHSESSION_STORE__KIND=first", `AUTHSESSION_STORE__STORES=file,memory`,
		"AUTHSESSION_STORE__PATH="+dir+"/all", "AUTHSESSION_STORE__KEY_FILE="+dir+"/key"), &asked))
	header(t, cfg, "a")
	require.Equal(t, []string{"a"}, credentials(t, filepath.Join(dir, "all")))
}

func TestStoreOfAListFaults(t *testing.T) {
	for name, c := range map[string]struct{ store, want string }{
		"empty": {"{kind: first, stores: []}",
			"stores: is empty: want some of file, keyring, memory"},
		"missing": {"{kind: first}", "store.stores: missing"},
		"unknown": {"{kind: first, stores: [keyrin]}",
			`stores.0: want one of file, keyring, memory, did you mean "keyring"?`},
		"twice": {"{kind: first, stores: [file, file]}", "store.stores.1: is in the list twice"},
		"no list": {"{kind: first, stores: file}",
			"store.stores: want a list of strings, found a string"},
		"not its key": {"{kind: file, stores: [file]}",
			"a store of the kind file has no such key: it is for first"},
		"list for kind": {"{kind: [keyring, file]}", "store.kind: want a string, found a list"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			text := "sessions: {a: {provider: count, store: " + c.store + "}}"
			_, err := config.Load(t.Context(), withCount(options(t, "a.yaml", text), &asked))
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "a.yaml:1:")
		})
	}
}
