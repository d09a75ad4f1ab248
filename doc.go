// Package authsession authenticates a program to the APIs that it calls. A configuration file names
// sessions, each with the way in which its API wants to be asked: OAuth 2.0, an API key, a client
// certificate, a command, a plugin. A [core.Session] authenticates once, adds its credential to
// requests, renews it before it expires, and is shared by the whole process or scoped to a block.
//
// With this file authsession.yaml in the working directory,
//
//	default: reports
//	sessions:
//	  reports:
//	    provider: oauth2
//	    origins: [https://reports.example.com]
//	    lazy: true
//	    settings:
//	      issuer: https://login.example.com
//	      client_id: nightly-report
//	      client_secret: ${file:/run/secrets/reports}
//
// a program is five lines:
//
//	cfg, err := authsession.Load(ctx, nil)
//	if err != nil {
//		return err // every fault of the file, with line and column
//	}
//	defer cfg.Close(ctx)
//
// and each request of [core.Client] to https://reports.example.com then carries a token:
//
//	resp, err := core.Client().Get("https://reports.example.com/v1/today")
//
// # What Load fills in
//
// [Load] is config.Load of package registry/config with everything that the module has: the
// providers of package providers, the stores of package store, and a host that runs plugins. A
// program that wants to link less names what it wants and calls config.Load itself. A program
// without a file makes a session of a provider with core.New.
//
// # Where the file is
//
// [Options].Files names the files, and later ones overlay earlier ones. Without it, the variable
// AUTHSESSION_CONFIG names them, separated as in PATH. Without that, the file is authsession.yaml,
// authsession.yml, authsession.toml or authsession.json in the working directory: the first of
// these that exists. No other folder is searched.
//
// # What it is not
//
// It is not an authorization server, and it does not check the credentials of those who call the
// program. It is no general configuration library: what else a program has to configure belongs
// to a file of its own. It sends nothing to hosts that the configuration does not name.
//
// # What stays compatible
//
// The module follows semantic versioning, and CHANGELOG.md names every change. From version 1.0.0
// on, within one major version:
//
//   - A program that compiles goes on to compile, and does the same. Exceptions are what a security
//     fault needs, and structs that are written without field names. Interfaces that a provider or
//     a store implements gain no methods: new abilities are interfaces of their own.
//   - A configuration file that loads goes on to load, with the same meaning. A file with a fault,
//     which does not load, may load later.
//   - What a store holds can be read by later versions. An earlier version does not overwrite what
//     a later one wrote.
//   - Plugins and programs of different versions work together: the protocol only grows.
//   - The codes of errors stay; their texts do not. Compare with errors.Is, as in
//     errors.Is(err, core.Denied).
//   - The two newest releases of Go work.
//
// Before version 1.0.0 a minor version may change names in Go, and says so in CHANGELOG.md; what
// stores hold, files and plugins are compatible already.
//
// # Where to read on
//
// Package core has the session, its scopes, and what an author of a provider implements; package
// registry/config has the configuration; each package below providers has its settings. The folder
// docs has one page for each task, beginning with docs/getting-started.md, and examples has
// programs that run.
//
// Read on in load.go.
package authsession
