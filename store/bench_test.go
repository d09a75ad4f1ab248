package store_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/stretchr/testify/require"
)

// BenchmarkFile is what a store adds to a renewal: a look, and the lock, a
// second look and a Save.
func BenchmarkFile(b *testing.B) {
	dir := b.TempDir()
	s := store.File(store.FileOptions{Dir: dir, KeyFile: filepath.Join(dir, "key")})
	ctx, token := context.Background(), core.NewSecret(strings.Repeat("x", 3000))
	require.NoError(b, s.Save(ctx, "drive", token))
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := s.Load(ctx, "drive")
			require.NoError(b, err)
		}
	})
	b.Run("renewal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			unlock, err := s.Lock(ctx, "drive")
			require.NoError(b, err)
			_, err = s.Load(ctx, "drive")
			require.NoError(b, err)
			require.NoError(b, s.Save(ctx, "drive", token))
			unlock()
		}
	})
}
