package core_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// rackConfig are the settings of a kind of store.
type rackConfig struct {
	Address  string      `json:"address" required:"true" doc:"Where the rack is."`
	Password core.Secret `json:"password"`
	Depth    int         `json:"depth" default:"3"`
}

func (c *rackConfig) Validate() error {
	if strings.HasPrefix(c.Address, "~") {
		return core.Faultf("address", "want a full address")
	}
	return nil
}

// rackStore is a store of nothing.
type rackStore struct {
	core.Store
	rackConfig
}

func rackFactory() core.StoreFactory {
	info := core.StoreInfo{Kind: "rack", Summary: "a rack"}
	return core.NewStoreFactory(info, func(_ context.Context, c rackConfig) (core.Store, error) {
		switch c.Address {
		case "gone":
			return nil, errors.New("gone")
		case "nothing":
			return nil, nil
		}
		return &rackStore{rackConfig: c}, nil
	})
}

func TestStoreFactory(t *testing.T) {
	f := rackFactory()
	require.Equal(t, core.StoreInfo{Kind: "rack", Summary: "a rack"}, f.Info())
	require.Len(t, f.Settings(), 3)
	require.Equal(t, "Where the rack is.", f.Settings()[0].Doc)
	require.True(t, f.Settings()[1].Secret)
	given := map[string]any{"address": core.NewSecret("here"), "password": "p"}
	require.NoError(t, f.Check(given))
	made, err := f.Open(t.Context(), given)
	require.NoError(t, err)
	require.Equal(t, "here", made.(*rackStore).Address)
	require.Equal(t, "p", made.(*rackStore).Password.Reveal())
	require.Equal(t, 3, made.(*rackStore).Depth)
}

func TestStoreFactoryFaults(t *testing.T) {
	f := rackFactory()
	for name, c := range map[string]struct {
		factory  core.StoreFactory
		settings map[string]any
		check    string // empty: Check finds nothing, and only Open fails
		open     string
	}{
		"missing":     {f, nil, "address: missing", ""},
		"unknown key": {f, map[string]any{"adress": "x", "address": "x"}, `did you mean "address"?`, ""},
		"wrong type":  {f, map[string]any{"address": "x", "depth": true}, "depth: want an integer", ""},
		"Validate":    {f, map[string]any{"address": "~/x"}, "address: want a full address", ""},
		"open fails":  {f, map[string]any{"address": "gone"}, "", "gone"},
		"no store":    {f, map[string]any{"address": "nothing"}, "", "returned no store"},
		"zero":        {core.StoreFactory{}, nil, "makes no store", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.factory.Check(c.settings)
			if c.check != "" {
				require.ErrorContains(t, err, c.check)
				require.ErrorIs(t, err, core.CodeBadConfig)
				c.open = c.check
			} else {
				require.NoError(t, err)
			}
			made, err := c.factory.Open(t.Context(), c.settings)
			require.ErrorContains(t, err, c.open)
			require.Nil(t, made)
		})
	}
}

func TestNewStoreFactoryPanics(t *testing.T) {
	require.Panics(t, func() {
		core.NewStoreFactory[rackConfig](core.StoreInfo{}, nil)
	})
	require.Panics(t, func() { core.NewStoreFactory[int](core.StoreInfo{Kind: "x"}, nil) })
	require.Panics(t, func() {
		core.NewStoreFactory[struct {
			Kind string `json:"kind"`
		}](core.StoreInfo{Kind: "x"}, nil)
	})
}
