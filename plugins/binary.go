// Read on in message.go.

package plugins

import (
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
)

// Binary names a plugin: a program on this machine that serves factories.
type Binary struct {
	// Name is what errors and logs call the plugin: letters, digits, "-", "_"
	// and ".".
	Name string
	// Path is the program's absolute path. Neither the file nor a folder above
	// it may be writable by others.
	Path string
	// SHA256 is the checksum of the file, as sha256sum prints it: 64
	// hexadecimal digits. It is always compared, with the very file that is
	// executed.
	SHA256 string
	// Args are the arguments of the program. Others can see them: put no secret
	// here.
	Args []string
	// Env names the variables of this process that the plugin gets. Nil: none.
	// A variable that is not set is left out.
	Env []string
	// Kinds are the kinds of providers that are used. Nil: the one called Name.
	Kinds []string
}

// check reports what is wrong with b itself, without a look at the file.
func (b Binary) check() error {
	if err := b.program().Check(); err != nil {
		return err
	}
	for i, kind := range b.Kinds {
		if !process.IsName(kind) || slices.Contains(b.Kinds[:i], kind) {
			return core.Errorf(core.CodeBadConfig, "plugin %q: the kind %q is empty, repeated or no name",
				b.Name, kind)
		}
	}
	return nil
}

// program returns what of b is about the process.
func (b Binary) program() process.Program {
	return process.Program{Name: b.Name, Path: b.Path, SHA256: b.SHA256, Args: b.Args, Env: b.Env}
}

// kinds returns the kinds that b is used for.
func (b Binary) kinds() []string {
	if len(b.Kinds) == 0 {
		return []string{b.Name}
	}
	return b.Kinds
}
