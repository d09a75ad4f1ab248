package gs_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
)

// However a facade of a session is obtained, it is the same pointer.
func TestFacadesAreTheSame(t *testing.T) {
	cfg := gs.Config{ClientID: "my-app", ClientSecret: core.NewSecret("canary")}
	s, err := gs.Get(gs.QA, cfg, nil)
	require.NoError(t, err)
	require.True(t, gs.From(s.Core()) == s)
	again := gs.From(s.Core())
	require.True(t, again == gs.From(s.Core()))
	other, err := gs.Get(gs.QA, cfg, nil)
	require.NoError(t, err)
	require.False(t, other == s)

	require.Nil(t, gs.SetCurrent(s))
	current, err := gs.Current(t.Context())
	require.NoError(t, err)
	require.True(t, current == s)
	require.True(t, gs.SetCurrent(nil) == s)
	require.Nil(t, (*gs.Session)(nil).Core())
}

// A facade prints its name and state, and no pointers.
func TestFacadePrints(t *testing.T) {
	s, err := gs.Get(gs.QA, gs.Config{ClientID: "my-app", ClientSecret: core.NewSecret("canary")}, nil)
	require.NoError(t, err)
	const want = `session "gs-qa" (new)`
	require.Equal(t, want+"\n", fmt.Sprintln(s))
	for _, format := range []string{"%v", "%+v", "%s"} {
		require.Equal(t, want, fmt.Sprintf(format, s))
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "session", s)
	require.Contains(t, log.String(), `session="session \"gs-qa\" (new)"`)
	require.NotContains(t, fmt.Sprintf("%v %+v %s", s, s, s), "0x")
	require.Equal(t, "no session\n", fmt.Sprintln((*gs.Session)(nil)))
}
