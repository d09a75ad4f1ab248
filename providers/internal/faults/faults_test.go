package faults_test

import (
	"context"
	"errors"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/stretchr/testify/require"
)

func TestBadConfig(t *testing.T) {
	require.NoError(t, faults.BadConfig(nil))
	err := faults.BadConfig(errors.Join(core.Faultf("a.b", "is bad"),
		errors.Join(core.Faultf("c", "too"), errors.New("other"))))
	require.EqualError(t, err, "bad config: a.b: is bad; c: too; other")
	var list core.Faults
	require.ErrorAs(t, err, &list)
	require.Len(t, list, 3)
}

func TestContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	require.NoError(t, faults.ContextEnded(ctx))
	why := errors.New("why")
	cancel(why)
	require.ErrorIs(t, faults.ContextEnded(ctx), why)
	require.ErrorIs(t, faults.ContextEnded(ctx), core.CodeUnavailable)
}
