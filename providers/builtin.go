// Package providers lists the providers that come with authsession, for
// programs that want them all:
//
//	cfg, err := config.Load(ctx, config.Options{Files: files, Factories: providers.Builtin()})
//
// A program that wants only some names their factories instead, and links no
// more than those.
package providers

import (
	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/apikey"
	"github.com/authsession/authsession/providers/basic"
	"github.com/authsession/authsession/providers/bearer"
	"github.com/authsession/authsession/providers/exec"
	"github.com/authsession/authsession/providers/gs"
	"github.com/authsession/authsession/providers/mtls"
	"github.com/authsession/authsession/providers/oauth2"
)

// Builtin returns the factories of all providers of this module, by kind in
// alphabetical order. The slice is the caller's.
func Builtin() []core.Factory {
	return []core.Factory{
		apikey.Factory,
		basic.Factory,
		bearer.Factory,
		exec.Factory,
		gs.Factory,
		mtls.Factory,
		oauth2.Factory,
	}
}
