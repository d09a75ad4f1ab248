package registry_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// ticket returns a provider whose credential is a header.
func ticket(key core.Secret) core.Provider {
	return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		attach := core.Attachment{Header: map[string]core.Secret{"X-Ticket": key}}
		return core.Credential{Attach: attach}, nil
	})
}

func Example() {
	type settings struct {
		Key core.Secret `json:"key" required:"true"`
	}
	open := func(_ context.Context, _ core.Environment, cfg settings) (core.Provider, error) {
		return ticket(cfg.Key), nil
	}
	ctx := context.Background()
	reg, err := registry.New(core.NewFactory(core.Info{Kind: "ticket"}, open))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close(ctx)

	prices := registry.Entry{
		Name: "prices", Kind: "ticket", Settings: map[string]any{"kye": "k"},
	}
	fmt.Println(reg.Add(ctx, prices))
	prices.Settings = map[string]any{"key": "k"}
	fmt.Println(reg.Add(ctx, prices))
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

// A program that calls several APIs has one client for all of them.
func ExampleRegistry_Client() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "called with ", r.Header.Get("X-Ticket"))
	}))
	defer api.Close()

	open := func(context.Context, core.Environment, struct{}) (core.Provider, error) {
		return ticket(core.NewSecret("a-ticket")), nil
	}
	ctx := context.Background()
	reg, err := registry.New(core.NewFactory(core.Info{Kind: "ticket"}, open))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close(ctx)
	err = reg.Add(ctx, registry.Entry{
		Name: "prices", Kind: "ticket",
		Options: core.Options{Origins: []string{api.URL}, Lazy: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := reg.Client().Get(api.URL + "/v1/prices")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	fmt.Println(string(text), err)
	_, err = reg.For("https://other.example/v1")
	fmt.Println(err)
	// Output:
	// called with a-ticket <nil>
	// origin refused: https://other.example is none of the origins of the 1 sessions
}

// Replace exchanges all sessions at once; those whose entries did not change keep
// their credential.
func ExampleRegistry_Replace() {
	type settings struct {
		Account string `json:"account" required:"true"`
	}
	open := func(_ context.Context, _ core.Environment, cfg settings) (core.Provider, error) {
		fmt.Println("opens", cfg.Account)
		return ticket(core.NewSecret(cfg.Account)), nil
	}
	ctx := context.Background()
	reg, err := registry.New(core.NewFactory(core.Info{Kind: "ticket"}, open))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close(ctx)
	entry := func(name, account string) registry.Entry {
		return registry.Entry{
			Name: name, Kind: "ticket", Settings: map[string]any{"account": account},
		}
	}
	for _, entries := range [][]registry.Entry{
		{entry("prices", "alice"), entry("orders", "alice")},
		{entry("prices", "alice"), entry("news", "bob")},
	} {
		if err := reg.Replace(ctx, entries); err != nil {
			fmt.Println(err)
			return
		}
		for _, name := range reg.Names() {
			s, _ := reg.Session(name)
			fmt.Println(name, s.Init(ctx))
		}
	}
	// Output:
	// opens alice
	// orders <nil>
	// opens alice
	// prices <nil>
	// opens bob
	// news <nil>
	// prices <nil>
}
