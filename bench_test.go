package authsession_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/apikey"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/authsession/authsession/registry/config"
)

const small = `
environment: qa
default: reports
sessions:
  reports:
    provider: oauth2
    settings: {client_id: nightly-report, client_secret: s, scopes: [reports.read]}
    environments:
      prod: {origins: [https://reports.example.com], settings: {issuer: https://login.example.com}}
      qa: {origins: [https://reports.qa.example.com], settings: {issuer: https://login.qa.example.com}}
  prices:
    provider: apikey
    origins: [https://prices.example.com]
    settings: {header: X-API-Key, key: k}
`

// BenchmarkLoad loads a file of two sessions with everything that the module has, and closes it;
// BenchmarkConfigLoad does so with the two providers that the file names.
func BenchmarkLoad(b *testing.B) {
	benchmark(b, func(ctx context.Context, opts config.Options) (closer, error) {
		return authsession.Load(ctx, &opts)
	})
}

func BenchmarkConfigLoad(b *testing.B) {
	benchmark(b, func(ctx context.Context, opts config.Options) (closer, error) {
		opts.Factories = []core.Factory{apikey.Factory, oauth2.Factory}
		return config.Load(ctx, opts)
	})
}

type closer interface{ Close(context.Context) error }

func benchmark(b *testing.B, load func(context.Context, config.Options) (closer, error)) {
	b.ReportAllocs()
	opts := config.Options{
		Files: []string{write(b, b.TempDir(), "a.yaml", small)},
		Scope: new(core.Scope), Environ: []string{},
	}
	for b.Loop() {
		cfg, err := load(b.Context(), opts)
		require.NoError(b, err)
		require.NoError(b, cfg.Close(b.Context()))
	}
}

// Load costs little more than config.Load: it starts nothing and reads nothing else.
func TestLoadCostsLittleMoreThanConfigLoad(t *testing.T) {
	opts := config.Options{
		Files: []string{write(t, t.TempDir(), "a.yaml", small)},
		Scope: new(core.Scope), Environ: []string{},
	}
	ours := testing.AllocsPerRun(20, func() {
		cfg, err := authsession.Load(t.Context(), &opts)
		require.NoError(t, err)
		require.NoError(t, cfg.Close(t.Context()))
	})
	opts.Factories = []core.Factory{apikey.Factory, oauth2.Factory}
	bare := testing.AllocsPerRun(20, func() {
		cfg, err := config.Load(t.Context(), opts)
		require.NoError(t, err)
		require.NoError(t, cfg.Close(t.Context()))
	})
	require.Less(t, ours, 1.1*bare, "%v allocations, and %v of config.Load", ours, bare)
}
