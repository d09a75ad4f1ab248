// Command bareload loads the configuration that its argument names, and ends: it is
// what the start of authsession is measured against.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

func main() {
	_, err := config.Load(context.Background(), config.Options{
		Files: os.Args[1:], Scope: new(core.Scope),
		Factories: providers.Builtin(), Stores: store.Builtin(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bareload:", err)
		os.Exit(1)
	}
}
