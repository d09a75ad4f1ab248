package gs_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
)

// TestCurrentBesideOtherKinds proves that the current gs session stays when a
// session of another kind becomes current, in slots and in blocks.
func TestCurrentBesideOtherKinds(t *testing.T) {
	ctx := t.Context()
	before := core.SetCurrent(nil)
	defer func() { core.SetCurrent(nil); core.SetCurrent(before) }()
	current := func(ctx context.Context) *core.Session {
		s, err := gs.Current(ctx)
		if err != nil {
			require.ErrorIs(t, err, core.CodeNotInitialized)
			return nil
		}
		return s.Core()
	}
	token := gs.Config{Token: core.NewSecret("tok")}
	prices := core.New("prices",
		core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{
				Attach: core.Attachment{Header: map[string]core.Secret{"X-Key": core.NewSecret("k")}}}, nil
		}), &core.Options{Kind: "apikey"})

	prod, err := gs.Use(ctx, gs.Prod, token, &core.Options{Kind: "a name of my own"})
	require.NoError(t, err)
	require.Equal(t, "gs", prod.Core().Status().Kind)
	require.NoError(t, core.Use(ctx, prices))
	require.Same(t, prod.Core(), current(ctx))
	last, err := core.Current(ctx)
	require.NoError(t, err)
	require.Same(t, prices, last)

	qa, err := gs.Get(gs.QA, token, nil)
	require.NoError(t, err)
	require.NoError(t, gs.Do(ctx, qa, func(ctx context.Context) error {
		return core.Do(ctx, prices, func(ctx context.Context) error {
			require.Same(t, qa.Core(), current(ctx), "the innermost of kind gs")
			require.Same(t, prod.Core(), gs.SetCurrent(prod).Core())
			require.Same(t, qa.Core(), current(ctx), "the block keeps its own")
			return nil
		})
	}))
	require.Same(t, prod.Core(), core.SetCurrent(qa.Core()), "one slot of core and of gs")
	require.Same(t, qa.Core(), gs.SetCurrent(nil).Core())
	require.Nil(t, current(ctx))
	last, err = core.Current(ctx)
	require.NoError(t, err)
	require.Same(t, prices, last, "other kinds stay")
	require.Nil(t, gs.SetCurrent(qa))
	core.SetCurrent(nil)
	require.Nil(t, current(ctx), "core's nil empties all")
	require.ErrorIs(t, gs.Do(ctx, nil, func(context.Context) error { t.Error("ran"); return nil }),
		core.CodeBadConfig)
}

// TestCurrentOfAHandMadeSession has a session that the program made of the
// factory, without saying that its kind has a facade.
func TestCurrentOfAHandMadeSession(t *testing.T) {
	ctx := t.Context()
	p, err := gs.Factory.Open(ctx, gs.Prod, map[string]any{"token": "tok"})
	require.NoError(t, err)
	s := core.New("mine", p, &core.Options{Kind: "gs"})
	core.SetCurrent(s)
	found, err := gs.Current(ctx)
	require.NoError(t, err)
	require.Same(t, s, found.Core())
	require.Same(t, s, gs.SetCurrent(nil).Core())
	_, err = core.Current(ctx)
	require.ErrorIs(t, err, core.CodeNotInitialized)
	require.True(t, gs.Factory.Info().Facade)
}
