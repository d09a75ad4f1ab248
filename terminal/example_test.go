package terminal_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

// A provider asks, and the person answers. Programs pass nil to New.
func Example() {
	ask := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
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

// person is a provider that accepts every name.
type person struct{ core.Provider }

func (person) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	name, err := ui.Ask(ctx, "Who is there?", false)
	return core.Credential{
		Subject: name.Reveal(),
		Attach:  core.Attachment{Header: map[string]core.Secret{"X-Name": name}},
	}, err
}

// A program that is not a provider can use the functions of the UI as well. A job without a
// terminal gets an error and does not wait.
func ExampleNew() {
	ctx := context.Background()
	ui := terminal.New(&terminal.Options{In: strings.NewReader(""), Out: os.Stdout, NoQR: true})
	err := ui.ShowDevicePrompt(
		ctx,
		core.DevicePrompt{VerificationURI: "https://login.example.com/device", UserCode: "WDJB-MJHT"},
	)
	fmt.Println("error:", err)
	_, err = terminal.New(&terminal.Options{In: nowhere()}).Ask(ctx, "Password", true)
	fmt.Println("interactive:", errors.Is(err, core.CodeInteractive))
	// Output:
	// To sign in, open this page on any device:
	//
	//     https://login.example.com/device
	//
	// and enter this code, or check that it shows it:
	//
	//     WDJB-MJHT
	//
	// error: <nil>
	// interactive: true
}

// nowhere returns the standard input of a job.
func nowhere() *os.File {
	f, err := os.Open(os.DevNull)
	if err != nil {
		panic(err)
	}
	return f
}
