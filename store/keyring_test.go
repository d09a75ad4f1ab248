package store_test

import (
	"context"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/authsession/authsession/store/storetest"
	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"
)

// mock puts a keyring in memory in the place of the system's.
func mock(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	keyring.MockInit()
}

func TestKeyringConformance(t *testing.T) {
	mock(t)
	storetest.Run(t, func() core.Store { return store.Keyring(store.KeyringOptions{}) })
}

func TestKeyringService(t *testing.T) {
	mock(t)
	ctx := context.Background()
	a, b := store.Keyring(store.KeyringOptions{}), store.Keyring(store.KeyringOptions{Service: "acme"})
	require.NoError(t, a.Save(ctx, "drive", core.NewSecret("one")))
	require.NoError(t, b.Save(ctx, "drive", core.NewSecret("two")))
	got, err := a.Load(ctx, "drive")
	require.NoError(t, err)
	require.Equal(t, "one", got.Reveal())
	unlock, err := a.Lock(ctx, "drive")
	require.NoError(t, err)
	defer unlock()
	other, err := b.Lock(ctx, "drive")
	require.NoError(t, err, "another service, another lock")
	other()
}

func TestMemoryConformance(t *testing.T) {
	s := store.Memory()
	storetest.Run(t, func() core.Store { return s })
}

func TestFileConformanceWithKeyring(t *testing.T) {
	mock(t)
	opts := store.FileOptions{Dir: t.TempDir() + "/credentials"}
	storetest.Run(t, func() core.Store { return store.File(opts) })
}
