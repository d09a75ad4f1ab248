package proto_test

import (
	"errors"
	"fmt"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
)

// An error keeps its code and its text on the way to another process.
func ExampleFromError() {
	m := wire.FromError(core.Errorf(core.CodeDenied, "the key is not known"))
	err := wire.ToError(m)
	fmt.Println(err)
	fmt.Println(errors.Is(err, core.CodeDenied))
	// Output:
	// denied: the key is not known
	// true
}

// Settings keep their types, and what came from a reference stays a secret.
func ExampleFromSettings() {
	m, err := wire.FromSettings(map[string]any{
		"url": "https://login.example", "retries": 3, "key": core.NewSecret("the key"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	settings, err := wire.ToSettings(m)
	fmt.Println(settings, err)

	_, err = wire.FromSettings(map[string]any{"scopes": []any{"read", make(chan int)}})
	fmt.Println(err)
	// Output:
	// map[key:REDACTED retries:3 url:https://login.example] <nil>
	// bad config: scopes.1: want plain data, found chan int
}

// The description of a kind travels with its settings.
func ExampleFromInfo() {
	m := wire.FromInfo(core.Info{Kind: "ticket", Summary: "Buys tickets."}, []core.Setting{
		{Name: "key", Type: "string", Required: true, Secret: true},
	})
	info, settings := wire.ToInfo(m)
	fmt.Println(info.Kind, info.Summary)
	fmt.Println(settings[0].Name, settings[0].Type, settings[0].Secret)
	// Output:
	// ticket Buys tickets.
	// key string true
}
