package registry_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/apikey"
	"github.com/authsession/authsession/registry"
)

// A name that a person cannot read, or cannot tell from another one, is a fault before
// anything is opened.
func TestNamesOfSessionsAreChecked(t *testing.T) {
	r, err := registry.New(apikey.Factory)
	require.NoError(t, err)
	for _, name := range []string{
		"a\x00", "a\nb", "a\u202eb", "a\u200bb", "\ufeffa", "a\xff", "a\x1b[2J", strings.Repeat("a", 257),
	} {
		settings := map[string]any{"header": "X-Key", "key": core.NewSecret("k")}
		require.NoError(t, r.Check([]registry.Entry{{Name: "a", Kind: "apikey", Settings: settings}}))
		for _, e := range []registry.Entry{
			{Name: name, Kind: "apikey", Settings: settings},
			{Name: "a", Kind: "apikey", Settings: settings, Environment: core.Environment(name)},
			{Name: "a", Kind: "apikey", Settings: settings, Inputs: map[string]string{name: "a"}},
			{
				Name: "a", Kind: "apikey", Settings: settings,
				Options: core.Options{StoreScope: name + strings.Repeat("a", 4<<10)},
			},
		} {
			err := r.Add(t.Context(), e)
			require.ErrorIs(t, err, core.CodeBadConfig, "%q", name)
			require.NotContains(t, err.Error(), "\x1b")
			require.ErrorIs(t, r.Check([]registry.Entry{e}), core.CodeBadConfig)
		}
	}
	require.Empty(t, r.Names())
}
