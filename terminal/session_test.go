package terminal_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

// shower is a provider that shows a message and a code.
type shower struct{}

func (shower) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
}

func (shower) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	_ = ui.Show(ctx, "open this link")
	_ = ui.ShowDevicePrompt(ctx, core.DevicePrompt{VerificationURI: "https://a/"})
	return core.Credential{}, core.Errorf(core.CodeInteractive, "nobody")
}

// A program has one terminal for all of its sessions: what it shows names the session.
func TestMessagesNameTheSession(t *testing.T) {
	var out bytes.Buffer
	s := core.New("reports", shower{}, &core.Options{UI: terminal.New(&terminal.Options{Out: &out})})
	require.Error(t, s.Init(t.Context()))
	require.Contains(t, out.String(), "Session \"reports\": open this link\n")
	require.Contains(t, out.String(), "To sign in to session \"reports\", open this page on any device:\n")
}
