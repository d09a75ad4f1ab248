// Command authsession-plugin serves all providers of this module as a plugin.
// A program that names this binary in its configuration has them in a process
// of its own, away from its memory:
//
//	go build -o /opt/acme/authsession-plugin ./plugins/cmd/authsession-plugin
//
// The kinds are those of providers.Builtin, with the same settings and the
// same errors. Settings that name files are read by the plugin; variables of
// the host, and its PATH for the kind exec, are there only if the plugin's
// entry passes them on.
package main

import (
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
)

func main() { plugins.Serve(providers.Builtin()...) }
