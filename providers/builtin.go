// Package providers lists the providers of this module, for programs that use all of them:
//
//	cfg, err := config.Load(ctx, config.Options{Files: files, Factories: providers.Builtin()})
//
// A program that uses only some of them names their factories instead; it does not link the others.
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

// Builtin returns the factories of all providers of this module, in the alphabetical order of their
// kinds. The slice is the caller's.
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
