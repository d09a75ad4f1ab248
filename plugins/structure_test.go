package plugins

import (
	"testing"

	"github.com/authsession/authsession/internal/uses"
)

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"doc.go", "binary.go", "message.go",
	"settingtypes.go", "secrets.go", "secretbook.go", "description.go", "answer.go", "prompt.go",
	"remote.go", "remote_abilities.go", "authenticate.go", "prepare.go", "signin.go",
	"factory.go", "host.go", "config.go",
	"refusal.go", "prompter.go", "server.go", "server_abilities.go", "serve.go",
}

// TestReadingOrder proves that the package can be read in one direction.
func TestReadingOrder(t *testing.T) { uses.CheckOrder(t, ".", readingOrder, 0) }
