//go:build !race

// These tests read sources and start no goroutine: the race detector would only slow them down.

package providers_test

import (
	"testing"

	fileuses "github.com/authsession/authsession/internal/uses"
)

// readingOrders are the ways through the packages that have several files: the first comment of
// each file names the next one. Package oauth2 has a test of its own.
var readingOrders = map[string]struct {
	files    []string
	backward int // how many pairs of files may have the earlier one use the later one
}{
	"exec": {[]string{
		"exec.go", "template.go", "fields.go", "logins.go", "documents.go", "output.go", "stderr.go",
		"group_unix.go", "group_windows.go", "group_other.go", "terminal.go", "terminal_unix.go",
		"terminal_other.go", "program.go", "outcome.go", "run.go", "signin.go",
	}, 3},
	"gs": {[]string{
		"gs.go", "text.go", "site.go", "config.go", "check.go", "provider.go",
		"msgpack.go", "body.go", "errors.go", "redirect.go", "session.go", "call.go", "rest.go", "websocket.go",
	}, 4},
	"internal/browser": {[]string{"browser.go", "request.go", "paste.go", "connections.go",
		"page.go"}, 5},
	"internal/certs": {[]string{"certs.go", "pbes2.go", "keys.go", "pem.go", "pkcs12.go", "check.go",
		"skipped.go", "load.go"}, 2},
	"internal/dpop": {[]string{"dpop.go", "proof.go", "nonce.go"}, 1},
	"internal/grant": {[]string{"grant.go", "auth.go", "refusal.go", "answer.go", "clock.go", "send.go",
		"revoke.go"}, 3},
	"internal/jose": {[]string{"jose.go", "key.go"}, 0},
}

func TestReadingOrders(t *testing.T) {
	for dir, order := range readingOrders {
		t.Run(dir, func(t *testing.T) {
			fileuses.CheckOrder(t, dir, order.files, order.backward)
		})
	}
}
