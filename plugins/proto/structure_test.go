package proto

import (
	"testing"

	"github.com/authsession/authsession/internal/uses"
)

// TestReadingOrder proves that the package can be read in one direction.
func TestReadingOrder(t *testing.T) {
	uses.CheckOrder(t, ".", []string{
		"doc.go", "scalars.go", "credential.go", "request.go", "kind.go", "values.go", "errors.go",
	}, 0)
}
