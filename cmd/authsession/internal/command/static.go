package command

import (
	"io/fs"
	"os"
	"slices"

	"github.com/authsession/authsession/registry/config"
)

// staticKinds are the providers whose credential is in the configuration or in files that it names:
// nobody signs in, nothing is sent, and there is nothing to keep.
var staticKinds = []string{"apikey", "basic", "bearer", "mtls"}

// isStatic reports whether a session is of one of them.
func isStatic(cfg *config.Config, name string) bool {
	kind, err := cfg.Source(name, "provider")
	return err == nil && slices.Contains(staticKinds, kind.Value)
}

// isPipe reports whether a file can be read only once.
func isPipe(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}
