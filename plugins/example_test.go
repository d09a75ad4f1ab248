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
