// Package providertest is the conformance kit: it checks that a provider keeps
// the promises that [core.Provider] and [core.Factory] make to sessions. Every
// provider runs it, in the program and as a plugin:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, providertest.Fixture{
//			Factory: ticket.Factory,
//			Settings: func(s providertest.Server) map[string]any {
//				return map[string]any{"url": s.URL, "key": s.Secret}
//			},
//			Good: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//				fmt.Fprint(w, `{"ticket": "a-good-ticket", "seconds": 60}`)
//			}),
//		})
//	}
//
// The kit plays the provider's server on the loopback: first as the fixture
// says, then refusing, hanging, resetting connections, redirecting and
// answering nonsense. It plants a secret in the settings and looks for it in
// every error, log line and printed value. It uses the provider through its factory
// and a session only, so that the provider may be in another process.
//
// It does not check that a provider implements its protocol correctly: the provider's own
// tests check what the server receives, or a strict Good does. A run takes about a second.
//
// Start reading at the list in checks.go.
package providertest

import (
	"context"
	"net/http"
	"testing"

	"github.com/authsession/authsession/core"
)

// Fixture describes a provider to the kit. Only Factory and Settings are
// always needed. The kit does not write to it and may call Settings and Good
// often, Good from many goroutines at once.
type Fixture struct {
	// Factory makes the provider.
	Factory core.Factory
	// Environment is what the factory is given. Empty: none, for a factory
	// without environments.
	Environment core.Environment
	// Settings returns good settings, with s.Secret in the place of the
	// provider's secret and, if the provider has a server, s.URL or s.TLSURL
	// as its address.
	Settings func(s Server) map[string]any
	// Good is the provider's server when it works. Nil: the provider has no server,
	// and the checks that need one are skipped.
	Good http.Handler
	// Endpoint is the path at which the kit lets the server misbehave, such
	// as "/token"; other paths stay good. Empty: all paths misbehave.
	Endpoint string
	// Person returns a UI that acts as a person who is asked to sign in: its
	// functions open the page that they are given at the server, or enter a code
	// there. If willing is false, the person refuses there. It is called for each
	// sign-in. With it, what Authenticate answers with Interactive is obtained
	// by SignIn, as a session does. Nil: there is no person.
	Person func(s Server, willing bool) core.UI
	// Inputs are what every Request brings in its Inputs. Nil: nothing.
	Inputs map[string]core.Credential
	// Remembered is what the API's 401 to a request without an Authorization header
	// says, by canonical name, for an Authorizer whose first round carries no
	// credential, such as the challenge of HTTP Digest. Nil: there is no such
	// round.
	Remembered http.Header
	// Secrets are further texts that must never be shown, such as a password
	// inside a file that the settings name. The kit adds Server.Secret and
	// what credentials hold.
	Secrets []string
	// Waive names checks that cannot hold for this provider, with the reason.
	// They are reported as skipped.
	Waive map[string]string
}

// Server is the server that the kit plays for a provider.
type Server struct {
	URL    string // over plain HTTP, as "http://127.0.0.1:41234"
	TLSURL string // the same server over TLS, as "https://127.0.0.1:41235"
	CA     string // the PEM certificate that verifies TLSURL
	Secret string // the planted secret: letters and digits
}

// Result is the outcome of one check.
type Result struct {
	Name    string // stable, such as "settings/unknown-key"
	Promise string // what a provider promises, in words
	Skipped string // why the check does not apply; empty: it was made
	Err     error  // how the promise is broken; nil: it is kept, or Skipped
}

// Check runs all checks, one after the other, and returns their results in the order of
// the list. When ctx ends, the remaining checks fail with its error. It is safe for
// concurrent use: one run waits for another, as each reads the log of the process.
func Check(ctx context.Context, f Fixture) []Result {
	return newKit(f, f.Factory).runAll(ctx, nil)
}

// Run runs all checks and reports each as a subtest of t.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	for _, r := range Check(t.Context(), f) {
		t.Run(r.Name, func(t *testing.T) {
			switch {
			case r.Skipped != "":
				t.Log("does not apply:", r.Skipped)
			case r.Err != nil:
				t.Errorf("%v\nthe promise: %s", r.Err, r.Promise)
			}
		})
	}
}
