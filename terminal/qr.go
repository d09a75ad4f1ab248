package terminal

import (
	"cmp"
	"os"
	"runtime"
	"strings"

	"github.com/mdp/qrterminal/v3"
	"rsc.io/qr"

	"github.com/authsession/authsession/core"
)

// quiet is the free margin of a QR code, in modules.
const quiet = 2

// qr returns the QR code of a visit, or nothing where it has no room or is not
// wanted.
func (u *ui) qr(v core.Visit) string {
	columns, rows := size(u.opts.Out)
	if u.opts.NoQR || columns == 0 || !blocks(runtime.GOOS, os.Getenv) {
		return ""
	}
	return draw(cmp.Or(v.Direct, v.URL), columns, rows, os.Getenv("NO_COLOR") == "")
}

// blocks reports whether the terminal draws the half blocks of a QR code. The
// old console of Windows has no letters for them.
func blocks(goos string, env func(string) string) bool {
	switch {
	case env("TERM") == "dumb":
		return false
	case goos == "windows":
		return env("WT_SESSION") != "" || env("TERM_PROGRAM") != ""
	}
	return true
}

// draw draws the QR code of text, two modules in the height of a letter. In
// color it is black on white whatever the terminal's own colors are; without,
// it is light where the terminal's letters are. Empty: it has no room.
func draw(text string, columns, rows int, color bool) string {
	code, err := qr.Encode(text, qr.L)
	if err != nil || code.Size+2*quiet > columns || code.Size/2+quiet+4 > rows {
		return ""
	}
	var b strings.Builder
	qrterminal.GenerateWithConfig(text, qrterminal.Config{Level: qr.L, Writer: &b, HalfBlocks: true, QuietZone: quiet})
	if !color {
		return b.String()
	}
	const whiteOnBlack, reset = "\x1b[97;40m", "\x1b[0m"
	lines := strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
	for i, line := range lines {
		lines[i] = whiteOnBlack + strings.TrimSuffix(line, "\n") + reset + "\n"
	}
	return strings.Join(lines, "")
}
