package store_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
)

func TestBuiltin(t *testing.T) {
	var kinds []string
	for _, f := range store.Builtin() {
		kinds = append(kinds, f.Info().Kind)
		require.NotEmpty(t, f.Info().Summary)
		for _, s := range f.Settings() {
			require.NotEmpty(t, s.Doc, "%s of %s", s.Name, f.Info().Kind)
		}
	}
	require.Equal(t, []string{"file", "keyring", "first"}, kinds)

	dir := t.TempDir()
	settings := map[string]any{"path": dir, "key_file": filepath.Join(dir, "key")}
	s, err := store.FileFactory.Open(t.Context(), settings)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, "key"), "opening makes nothing")
	require.NoError(t, s.Save(t.Context(), "k", core.NewSecret("v")))
	found, err := s.Load(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "v", found.Reveal())
	require.FileExists(t, filepath.Join(dir, "key"))
}

func TestFactoryFaults(t *testing.T) {
	for name, c := range map[string]struct {
		factory  core.StoreFactory
		settings map[string]any
		want     []string
	}{
		"home": {store.FileFactory, map[string]any{"path": "~/x", "key_file": "~"}, []string{
			`path: "~" stands for nothing here: write "${env:HOME}/…" or a full path`,
			`key_file: "~" stands for nothing here: write "${env:HOME}/…" or a full path`}},
		"variables of shells": {store.FileFactory, map[string]any{"path": "$HOME/x", "key_file": "%AppData%\\x"}, []string{
			`path: "$" stands for nothing here: write "${env:HOME}/…" or a full path`,
			`key_file: "%" stands for nothing here: write "${env:HOME}/…" or a full path`}},
		"a variable in a list": {store.FirstFactory, map[string]any{
			"stores": []any{"file"}, "path": "${HOME}/x"}, []string{
			`path: "$" stands for nothing here: write "${env:HOME}/…" or a full path`}},
		"unseen": {store.FileFactory, map[string]any{"path": "/x ", "key_file": "/x\u200b"}, []string{
			"path: has a space or line break at an end, or a character that cannot be seen: remove it",
			"key_file: has a space or line break at an end, or a character that cannot be seen: remove it"}},
		"line break": {store.FileFactory, map[string]any{"path": "/x\n", "key_file": "\ufeff/x"}, []string{
			"path: has a space or line break at an end, or a character that cannot be seen: remove it",
			"key_file: has a space or line break at an end, or a character that cannot be seen: remove it"}},
		"two keys": {store.FileFactory, map[string]any{"service": "s", "key_file": "k"}, []string{
			"service: the key is in key_file, so that no keyring is used"}},
		"path of a keyring": {store.KeyringFactory, map[string]any{"path": "x"}, []string{
			"path: unknown key; known: service"}},
	} {
		t.Run(name, func(t *testing.T) {
			var faults core.Faults
			require.ErrorAs(t, c.factory.Check(c.settings), &faults)
			var got []string
			for _, f := range faults {
				got = append(got, f.Error())
			}
			require.Equal(t, c.want, got)
		})
	}
}
