// The terminal that a command may use while a person signs in.
//
// Read on in terminal_unix.go.

package exec

import (
	"os"

	"golang.org/x/term"
)

// terminal is the terminal of this process.
type terminal struct {
	in, out *os.File
	state   *term.State // how the terminal was; nil: unknown
}

func newTerminal(in, out *os.File) *terminal {
	at := &terminal{in: in, out: out}
	at.state, _ = term.GetState(int(in.Fd()))
	return at
}

// restore sets the terminal to how it was: a command that was killed may have turned the echo off.
func (t *terminal) restore() {
	if t.state != nil {
		_ = term.Restore(int(t.in.Fd()), t.state)
	}
}
