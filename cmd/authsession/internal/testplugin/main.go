// Command testplugin is a plugin for tests. It serves the kind fixed, which has one
// token.
package main

import (
	"context"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
)

type config struct {
	Token core.Secret `json:"token" required:"true" doc:"The token."`
}

func open(_ context.Context, _ core.Environment, c config) (core.Provider, error) {
	return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		header := map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + c.Token.Reveal())}
		return core.Credential{Attach: core.Attachment{Header: header}}, nil
	}), nil
}

func main() {
	plugins.Serve(core.NewFactory(core.Info{Kind: "fixed", Summary: "One token."}, open))
}
