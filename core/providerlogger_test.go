package core_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestProviderLogger checks that a provider logs by the logger of its session.
func TestProviderLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
			core.ProviderLogger(ctx).WithGroup("command").Warn("it warns", "line", "abc")
			return core.Credential{}, core.Errorf(core.CodeDenied, "no")
		})
		var log bytes.Buffer
		s := core.New("prices", p, &core.Options{
			Kind: "exec", Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.ErrorIs(t, s.Init(t.Context()), core.CodeDenied)
		synctest.Wait() // the attempt logs its events, too
		require.Contains(t, log.String(),
			`level=WARN msg="it warns" session=prices provider=exec command.line=abc`)

		s = core.New("prices", p, &core.Options{Logger: slog.New(faultyHandler{})})
		require.ErrorIs(t, s.Init(t.Context()), core.CodeDenied, "a logger that panics changes nothing")
		require.ErrorIs(t, core.New("prices", p, nil).Init(t.Context()), core.CodeDenied)
		require.False(t, core.ProviderLogger(t.Context()).Enabled(t.Context(), slog.LevelError))
	})
}

// faultyHandler panics in every method.
type faultyHandler struct{}

func (faultyHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (faultyHandler) Handle(context.Context, slog.Record) error { panic("handle") }
func (faultyHandler) WithAttrs([]slog.Attr) slog.Handler        { panic("attrs") }
func (faultyHandler) WithGroup(string) slog.Handler             { panic("group") }
