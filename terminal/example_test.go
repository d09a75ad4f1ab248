package terminal_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

// A provider asks, and the person answers. A program passes nil to New.
func Example() {
	ask := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{}, core.Errorf(core.Interactive, "a person must sign in")
	})
	var screen strings.Builder
	ui := terminal.New(&terminal.Options{In: strings.NewReader("ada\n"), Out: &screen})
	s := core.New("calendar", person{ask}, &core.Options{UI: ui})
	if err := s.Init(context.Background()); err != nil {
		fmt.Println(err)
	}
	defer s.Close(context.Background())
	fmt.Println(screen.String() + "signed in as " + s.Status().Subject)
	// Output:
	// Who is there? signed in as ada
}

// person is a provider that believes every name.
type person struct{ core.Provider }

func (person) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	name, err := ui.Ask(ctx, "Who is there?", false)
	return core.Credential{
		Subject: name.Reveal(),
		Attach:  core.Attachment{Header: map[string]core.Secret{"X-Name": name}},
	}, err
}
