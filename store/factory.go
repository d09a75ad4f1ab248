package store

import (
	"context"
	"strings"

	"github.com/authsession/authsession/core"
)

// Builtin returns the factories of the kinds of store in this package, for
// Options.Stores of package registry/config: "file", "keyring" and "first". The
// caller may change the slice.
func Builtin() []core.StoreFactory {
	return []core.StoreFactory{FileFactory, KeyringFactory, FirstFactory}
}

// FileFactory is the kind of store "file". It makes stores with [File].
var FileFactory = core.NewStoreFactory(
	core.StoreInfo{Kind: kindFile, Summary: "encrypted files, one for each credential"},
	func(_ context.Context, s fileSettings) (core.Store, error) {
		return File(FileOptions{Dir: s.Path, KeyFile: s.KeyFile, Service: s.Service}), nil
	})

// KeyringFactory is the kind of store "keyring". It makes stores with [Keyring].
var KeyringFactory = core.NewStoreFactory(
	core.StoreInfo{Kind: kindKeyring, Summary: "entries in the system's keyring"},
	func(_ context.Context, s keyringSettings) (core.Store, error) {
		return Keyring(KeyringOptions{Service: s.Service}), nil
	})

// fileSettings are the keys of a store of the kind "file".
type fileSettings struct {
	Path    string `json:"path" doc:"The folder of the files. Without it: authsession/credentials in the user's folder for settings."`
	KeyFile string `json:"key_file" doc:"A file with the key that encrypts the others; made if it is missing. Without it, the key is in the system's keyring."`
	Service string `json:"service" doc:"The name that the key goes by in the keyring. Without it: authsession."`
}

// Validate reports settings that do not have the effect that their author expects.
func (s *fileSettings) Validate() error {
	faults := checkPaths(s.Path, s.KeyFile)
	if s.Service != "" && s.KeyFile != "" {
		faults = append(
			faults,
			core.Fault{
				Path:    []string{"service"},
				Problem: "the key is in key_file, so that no keyring is used",
			},
		)
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// checkPaths reports paths that begin with "~", "$" or "%", which only shells replace, and those
// with characters at an end that nobody sees there: a folder of such a name would be made.
func checkPaths(path, keyFile string) (faults core.Faults) {
	for _, p := range []struct{ name, value string }{{"path", path}, {"key_file", keyFile}} {
		problem := ""
		switch unquoted := strings.TrimSpace(p.value); {
		case p.value == "":
			continue
		case strings.IndexByte("~$%", p.value[0]) >= 0:
			problem = `"` + p.value[:1] + `" stands for nothing here: write "${env:HOME}/…" or a full path`
		case unquoted != p.value, core.Printable(p.value, len(p.value)) != p.value:
			problem = "has a space or line break at an end, or a character that cannot be seen: remove it"
		}
		if problem != "" {
			faults = append(faults, core.Fault{Path: []string{p.name}, Problem: problem})
		}
	}
	return faults
}

// keyringSettings are the keys of a store of the kind "keyring".
type keyringSettings struct {
	Service string `json:"service" doc:"The name that the entries go by. Without it: authsession."`
}
