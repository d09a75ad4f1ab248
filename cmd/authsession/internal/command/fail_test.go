package command

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

// Ctrl-C while a password is typed is a key and no signal, and ends the command alike.
func TestInterruptedQuestion(t *testing.T) {
	err := core.Errorf(core.CodeInteractive, "nobody answered: %w", terminal.ErrInterrupted)
	require.Equal(t, 130, new(app).kindOf(t.Context(), fmt.Errorf("session: %w", err)).status)
	err = core.Errorf(core.CodeInteractive, "nobody answered")
	require.Equal(t, exitInteractive, new(app).kindOf(t.Context(), err).status)
}
