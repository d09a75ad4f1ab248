package registry_test

import (
	"testing"

	"github.com/authsession/authsession/internal/uses"
)

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"doc.go", "plugin.go", "entry.go", "storekey.go", "inputs.go", "provider.go", "abilities.go",
	"kinds.go", "registry.go", "replace.go", "client.go",
}

// TestReadingOrder proves that the package can be read in one direction.
func TestReadingOrder(t *testing.T) { uses.CheckOrder(t, ".", readingOrder, 0) }
