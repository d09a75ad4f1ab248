package providers_test

import (
	"fmt"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry"
)

// The kinds of the built-in providers.
func Example() {
	for _, f := range providers.Builtin() {
		fmt.Println(f.Info().Kind)
	}
	// Output:
	// apikey
	// basic
	// bearer
	// exec
	// gs
	// mtls
	// oauth2
}

// A registry made of the built-in providers. An unknown kind is an error.
func ExampleBuiltin() {
	r, err := registry.New(providers.Builtin()...)
	if err != nil {
		fmt.Println(err)
		return
	}
	factory, err := r.Factory("apikey")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(factory.Info().Summary)
	_, err = r.Factory("unknown")
	fmt.Println(core.CodeOf(err))
	// Output:
	// Fixed keys in headers, query parameters or cookies.
	// bad config
}
