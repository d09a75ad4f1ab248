// Package ticket is a provider for the benchmarks of plugins.
package ticket

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
)

// token is a text of 1 KiB.
var token = strings.Repeat("k", 1024)

// Factory's provider tells which process it is in, as the subject.
var Factory = core.NewFactory(core.Info{Kind: "ticket", Summary: "A token of 1 KiB."},
	func(context.Context, core.Environment, struct{}) (core.Provider, error) {
		return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{
				Attach: core.Attachment{Header: map[string]core.Secret{
					"Authorization": core.NewSecret("Bearer " + token)}},
				Expiry: time.Now().Add(time.Hour), Subject: strconv.Itoa(os.Getpid()),
			}, nil
		}), nil
	})

// Serve serves the provider until the host ends the plugin.
func Serve() { plugins.Serve(Factory) }
