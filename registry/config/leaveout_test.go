package config_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// TestLeaveOutFaulty: a session with faults of any kind does not keep the others from being loaded.
func TestLeaveOutFaulty(t *testing.T) {
	const good = "  b: {provider: oauth2, settings: {client_id: x}}\n"
	for name, tt := range map[string]struct {
		faulty string
		want   []string
		text   string
	}{
		"variable":         {"  a: {provider: oauth2, settings: {client_id: '${env:NO_SUCH}'}}\n", []string{"a"}, "NO_SUCH"},
		"file":             {"  a: {provider: oauth2, settings: {client_id: '${file:/no/such}'}}\n", []string{"a"}, "/no/such"},
		"origin":           {"  a: {provider: oauth2, origins: ['${env:NO_SUCH}'], settings: {client_id: x}}\n", []string{"a"}, "NO_SUCH"},
		"kind":             {"  a: {provider: oauth7}\n", []string{"a"}, "oauth2"},
		"variable as kind": {"  a: {provider: '${env:NO_SUCH}'}\n", []string{"a"}, "NO_SUCH"},
		"key":              {"  a: {provider: oauth2, colour: red, settings: {client_id: x}}\n", []string{"a"}, "unknown key"},
		"setting":          {"  a: {provider: oauth2, settings: {client_id: x, colour: red}}\n", []string{"a"}, "unknown key"},
		"missing":          {"  a: {provider: oauth2}\n", []string{"a"}, "client_id"},
		"no object":        {"  a: 7\n", []string{"a"}, "want an object"},
		"store":            {"  a: {provider: oauth2, store: {kind: nowhere}, settings: {client_id: x}}\n", []string{"a"}, "store"},
		"environment":      {"  a: {provider: oauth2, settings: {client_id: x}, environments: {qa: {early: 1s}}}\n", []string{"a"}, "needs one"},
		"period":           {"  b.c: {provider: oauth2, settings: {client_id: '${env:NO_SUCH}'}}\n", []string{"b.c"}, "NO_SUCH"},
		"input": {"  a: {provider: oauth2, settings: {client_id: '${env:NO_SUCH}'}}\n" +
			"  c: {provider: oauth2, inputs: {person: a}, settings: {client_id: x}}\n" +
			"  d: {provider: oauth2, inputs: {person: c}, settings: {client_id: x}}\n", []string{"a", "c", "d"}, "NO_SUCH"},
		"no such input": {"  a: {provider: oauth2, inputs: {person: e}, settings: {client_id: x}}\n", []string{"a"}, "e"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := options(t, "a.yaml", "default: b\nsessions:\n"+tt.faulty+good)
			_, err := config.Load(context.Background(), opts)
			require.Error(t, err, "without the option")
			opts.LeaveOutFaulty = true
			cfg := load(t, opts)
			require.Equal(t, tt.want, cfg.Faulty())
			_, err = cfg.Session("b")
			require.NoError(t, err)
			require.Equal(t, []string{"b"}, cfg.Registry().Names())
			for _, name := range tt.want {
				_, err = cfg.Session(name)
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.ErrorContains(t, err, tt.text)
				var faults *config.Error
				require.ErrorAs(t, err, &faults)
				_, err = cfg.Source(name, "early")
				require.ErrorAs(t, err, &faults)
				_, err = cfg.Sources(name)
				require.ErrorAs(t, err, &faults)
			}
			require.NoError(t, cfg.Reload(context.Background()))
			require.Equal(t, tt.want, cfg.Faulty())
		})
	}
}

// TestFaultsOfTheFile: what is not of a session stays a fault of the load.
func TestFaultsOfTheFile(t *testing.T) {
	const good = "sessions:\n  b: {provider: oauth2, settings: {client_id: x}}\n"
	for _, text := range []string{
		"colour: red\n" + good, "default: c\n" + good, "store: {kind: nowhere}\n" + good,
		"environment: '${env:NO_SUCH}'\n" + good, "sessions: 7\n", "sessions: [\n",
	} {
		opts := options(t, "a.yaml", text)
		opts.LeaveOutFaulty = true
		_, err := config.Load(context.Background(), opts)
		require.ErrorIs(t, err, core.CodeBadConfig, text)
	}
	opts := options(t, "a.yaml", good)
	opts.LeaveOutFaulty = true
	require.Empty(t, load(t, opts).Faulty())
}

// TestWithoutStore: the sessions of a kind have no store, and a wrong key of one stays a fault.
func TestWithoutStore(t *testing.T) {
	const text = "store: {kind: file, path: x}\nsessions:\n" +
		"  a: {provider: oauth2, settings: {client_id: x}}\n  b: {provider: apikey, settings: {key: x}}\n"
	opts := options(t, "a.yaml", text)
	opts.WithoutStore = []string{"apikey"}
	cfg := load(t, opts)
	kind, err := cfg.Source("b", "store.kind")
	require.NoError(t, err)
	require.Equal(t, "file", kind.Value, "what the file says")
	b, err := cfg.Session("b")
	require.NoError(t, err)
	_, err = b.RejectStored(context.Background(), core.NewSecret("x"))
	require.ErrorContains(t, err, "no Options.Store")
	a, err := cfg.Session("a")
	require.NoError(t, err)
	_, err = a.RejectStored(context.Background(), core.NewSecret("x"))
	require.ErrorContains(t, err, "the store: ", "there is one")

	opts = options(t, "b.yaml", "sessions:\n  b: {provider: apikey, store: {kind: file, colour: red}, settings: {key: x}}\n")
	opts.WithoutStore = []string{"apikey"}
	require.Contains(t, faults(t, opts)[0], "colour")
}
