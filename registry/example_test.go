package registry_test

import (
	"context"
	"fmt"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

func Example() {
	type settings struct {
		Key core.Secret `json:"key" required:"true"`
	}
	ticket := core.NewFactory(core.Info{Kind: "ticket"}, func(_ context.Context, _ core.Environment, cfg settings) (core.Provider, error) {
		return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{"X-Ticket": cfg.Key}}}, nil
		}), nil
	})
	ctx := context.Background()
	reg, err := registry.New(ticket)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close(ctx)

	fmt.Println(reg.Add(ctx, registry.Entry{Name: "prices", Kind: "ticket", Settings: map[string]any{"kye": "k"}}))
	fmt.Println(reg.Add(ctx, registry.Entry{Name: "prices", Kind: "ticket", Settings: map[string]any{"key": "k"}}))
	s, _ := reg.Session("prices")
	fmt.Println(s.Init(ctx), s)
	_, err = reg.Session("price")
	fmt.Println(err)
	// Output:
	// session "prices" (ticket): bad config: kye: unknown key, did you mean "key"?; key: missing
	// <nil>
	// <nil> session "prices" (fresh)
	// bad config: no session is named "price", did you mean "prices"?
}
