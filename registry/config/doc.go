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
// Read on in options.go.
package config

// A load has three passes. The first one parses files and variables to trees of
// values with their places (parse.go, plugins.go, variables.go). The second one
// finds each session's provider and environment, merges its layers and resolves
// the references in them (resolve.go). The third one checks the result against
// the descriptions of the kinds and makes the entries of a registry
// (checksession.go). Each pass takes the values that the one before it returned
// and does not change them; all report to one list of faults (report.go). load.go
// and, for every environment at once, check.go run them.
