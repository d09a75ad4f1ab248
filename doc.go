// Package authsession authenticates a program to the APIs that it calls. A configuration file names
// the sessions, one for each API, and says how to authenticate: with OAuth 2.0, an API key, a
// client certificate, a command or a plugin. A [core.Session] authenticates once, adds its
// credential to requests, and renews it before it expires. It is shared by the whole process or
// scoped to a block of code.
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
//		return err // all faults of the file, with line and column
//	}
//	defer cfg.Close(ctx)
//
// and each request of [core.Client] to https://reports.example.com carries a token:
//
//	resp, err := core.Client().Get("https://reports.example.com/v1/today")
//
// Without lazy, call Init of the session first; it authenticates at once. Config.Session returns a
// session by name, and [core.Do] makes a session current for a block of code.
//
// # What Load adds
//
// [Load] calls config.Load of package registry/config with everything that the module has: the
// providers of package providers, the stores of package store, and a host for plugins. A program
// that should link less calls config.Load itself with what it needs. A program without a file makes
// a session from a provider with core.New.
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
// program. It is not a general configuration library: other settings of a program belong into
// another file. It sends nothing to hosts that the configuration does not name.
//
// # What stays compatible
//
// The module follows semantic versioning, and CHANGELOG.md names every change. From version 1.0.0
// on, within one major version:
//
//   - A program that compiles continues to compile, and behaves in the same way. Exceptions are
//     corrections of security faults, and struct literals without field names. The interfaces that
//     a provider or a store implements get no new methods: a new ability is a new interface.
//   - A configuration file that loads continues to load, with the same meaning. A file with a fault
//     may load in a later version.
//   - Later versions can read a stored credential. An earlier version does not overwrite what a
//     later one has stored.
//   - Plugins and programs of different versions work together: the protocol is only extended.
//   - The codes of errors do not change, but their texts may. Compare with errors.Is, as in
//     errors.Is(err, core.CodeDenied).
//   - The two newest releases of Go are supported.
//
// Before version 1.0.0 a minor version may change names in Go, so that a program must be adapted;
// CHANGELOG.md names each change. Stored credentials, files and plugins are compatible from the
// first release on.
//
// # Where to read on
//
// Package core has the session, its scopes, and the interfaces that a provider implements. Package
// registry/config has the configuration. Each package below providers has the settings of one kind.
// The folder docs has one page for each task; begin with docs/getting-started.md. The folder
// examples has complete programs.
//
// Read on in load.go.
package authsession
