// Package registry holds the kinds of providers that a program knows and its
// named sessions: one shared session for each name.
//
//	reg, err := registry.New(providers.Builtin()...)
//	…
//	err = reg.Replace(ctx, []registry.Entry{{
//		Name: "prices", Kind: "apikey",
//		Settings: map[string]any{"header": "X-API-Key", "key": core.NewSecret(key)},
//	}})
//	…
//	s, err := reg.Session("prices")
//
// A set of sessions is exchanged as a whole: it is checked first, and a fault
// anywhere changes nothing. Package registry/config makes such sets from files
// and environment variables; this package reads neither.
//
// Read on in plugin.go.
package registry
