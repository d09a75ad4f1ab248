package terminal

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// clean removes what could make the terminal do or show something else than
// text: control characters, and those that reverse, hide or break a line.
// lines keeps line feeds; they become spaces otherwise.
func clean(text string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case r == '\n' || r == '\t':
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// descriptor returns the file descriptor of a terminal. file says that x is a
// file, which may be something else.
func descriptor(x any) (fd int, file, tty bool) {
	f, file := x.(*os.File)
	if !file {
		return 0, false, false
	}
	fd = int(f.Fd())
	return fd, true, term.IsTerminal(fd)
}

// size returns the columns and rows of a terminal; zero for anything else.
func size(out io.Writer) (columns, rows int) {
	if fd, _, tty := descriptor(out); tty {
		if columns, rows, err := term.GetSize(fd); err == nil {
			return columns, rows
		}
	}
	return 0, 0
}
