package terminal

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// clean removes the characters that could change the terminal or the way in which text
// is shown: control characters, and those that reverse, hide or break a line. With
// lines it keeps line feeds; otherwise it replaces them with spaces.
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

// descriptor returns the file descriptor of x. file reports whether x is a file, and
// tty whether it is a terminal.
func descriptor(x any) (fd int, file, tty bool) {
	f, file := x.(*os.File)
	if !file {
		return 0, false, false
	}
	fd = int(f.Fd())
	return fd, true, term.IsTerminal(fd)
}

// terminalSize returns the columns and rows of a terminal. They are zero if out is not
// a terminal.
func terminalSize(out io.Writer) (columns, rows int) {
	if fd, _, tty := descriptor(out); tty {
		if columns, rows, err := term.GetSize(fd); err == nil {
			return columns, rows
		}
	}
	return 0, 0
}
