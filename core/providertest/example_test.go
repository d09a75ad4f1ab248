package providertest_test

import (
	"context"
	"fmt"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
)

// keyConfig has the settings of a provider whose secret is not a core.Secret.
type keyConfig struct {
	Key string `json:"key" doc:"The key of the API."`
}

// Authenticate returns a credential with the key.
func (c *keyConfig) Authenticate(context.Context, core.Request) (core.Credential, error) {
	header := map[string]core.Secret{"X-Key": core.NewSecret(c.Key)}
	return core.Credential{Attach: core.Attachment{Header: header}}, nil
}

// Check returns the results, for a program that reports them in its own way.
func ExampleCheck() {
	open := func(_ context.Context, _ core.Environment, cfg keyConfig) (core.Provider, error) {
		return &cfg, nil
	}
	results := providertest.Check(context.Background(), providertest.Fixture{
		Factory: core.NewFactory(core.Info{Kind: "key", Summary: "A key."}, open),
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"key": s.Secret}
		},
	})
	for _, r := range results {
		if r.Name == "settings/secret" {
			fmt.Println(r.Err)
		}
	}
	// Output: the setting "key" holds the secret and is not a core.Secret
}
