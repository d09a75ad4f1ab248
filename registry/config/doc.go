// Package config makes sessions from files and environment variables.
//
//	cfg, err := config.Load(ctx, config.Options{
//		Files:     []string{"authsession.yaml"},
//		Factories: providers.Builtin(),
//		Stores:    store.Builtin(),
//	})
//	if err != nil {
//		return err // all faults, each with file, line and column
//	}
//	defer cfg.Close(ctx)
//	s, err := cfg.Session("prices")
//
// A file names sessions, each with its provider and that one's settings:
//
//	environment: qa
//	default: prices
//	sessions:
//	  prices:
//	    provider: apikey
//	    origins: [https://prices.example.com]
//	    settings: {header: X-API-Key, key: "${env:PRICES_KEY}"}
//
// docs/configuration.md has all keys. Reading is strict: an unknown key and a
// value of a wrong type are faults, and all faults are reported together.
// Loading sends nothing and authenticates nothing.
//
// The package knows no providers and no stores; the program gives their
// factories, and links only those. Package authsession, at the module's root,
// gives them all. This package is not a general configuration library: what
// else a program has to configure belongs in a file of its own.
//
// A load has three passes, with plain values between them. The first one parses
// files and variables to trees of values with their places (parse.go). The
// second one finds each session's provider and environment, puts its layers
// together and resolves references (resolve.go). The third one checks the result
// against the descriptions of the kinds and makes the entries of a registry
// (checksession.go). load.go runs them.
//
// Read on in options.go.
package config
