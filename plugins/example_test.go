//go:build unix

package plugins

import (
	"context"
	"fmt"

	"github.com/authsession/authsession/core"
)

// A plugin's kind becomes a factory like any other. Here the program is its own
// plugin; testBinary names it, with its path and its checksum.
func Example() {
	ctx := context.Background()
	var host Host
	defer host.Close(ctx)
	factories, err := host.Factories(testBinary())
	if err != nil {
		fmt.Println(err)
		return
	}
	provider, err := factories[0].Open(ctx, "", map[string]any{"name": "alice", "key": "the key"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("prices", provider, nil)
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Status().Subject)
	// Output: alice
}

// Describe starts a plugin and says what it serves, such as for a page of help.
func ExampleHost_Describe() {
	ctx := context.Background()
	var host Host
	defer host.Close(ctx)
	description, err := host.Describe(ctx, testBinary())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, kind := range description.Kinds {
		fmt.Printf("%s: %s\n", kind.Kind, kind.Summary)
		for _, setting := range kind.Settings {
			if setting.Required {
				fmt.Printf("  %s (%s) %s\n", setting.Name, setting.Type, setting.Doc)
			}
		}
	}
	// Output:
	// ticket: Tickets of the ticket office.
	//   url (string) Where tickets are issued.
	//   key (string) The key that the ticket office knows.
	// test: Does what it is told.
}

// A fault of the entry itself is found before the file is looked at.
func ExampleHost_Factories() {
	var host Host
	_, err := host.Factories(Binary{Name: "ticket", Path: "bin/authsession-ticket"})
	fmt.Println(err)
	// Output: bad config: plugin "ticket": the path "bin/authsession-ticket" is not absolute
}
