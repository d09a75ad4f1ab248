//go:build !unix

// Read on in program.go.

package exec

import (
	"errors"
	"os"

	"golang.org/x/term"
)

// openTerminal returns the console of this process. The error is a phrase that says why nobody can
// be asked there.
func openTerminal() (*terminal, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil, errors.New("this process has no console")
	}
	return newTerminal(os.Stdin, os.Stderr), nil
}

func (t *terminal) close() { t.restore() }
