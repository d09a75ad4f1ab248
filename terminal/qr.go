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

// quietZone is the width of the empty margin of a QR code, in modules.
const quietZone = 2

// qr returns the QR code of a visit. It returns "" if the terminal is too small or
// Options.NoQR is set.
func (u *ui) qr(v core.DevicePrompt) string {
	columns, rows := terminalSize(u.opts.Out)
	if u.opts.NoQR || columns == 0 || !canDrawBlocks(runtime.GOOS, os.Getenv) {
		return ""
	}
	text := cmp.Or(v.VerificationURIComplete, v.VerificationURI)
	return drawQR(text, columns, rows, os.Getenv("NO_COLOR") == "")
}

// canDrawBlocks reports whether the terminal can draw the half blocks of a QR code. The
// font of the old Windows console does not have them.
func canDrawBlocks(goos string, env func(string) string) bool {
	switch {
	case env("TERM") == "dumb":
		return false
	case goos == "windows":
		return env("WT_SESSION") != "" || env("TERM_PROGRAM") != ""
	}
	return true
}

// drawQR draws the QR code of text. A character is two modules high. With color, the
// code is black on white in every terminal; without, its light modules have the color
// of the terminal's text. If the code does not fit, drawQR returns "".
func drawQR(text string, columns, rows int, color bool) string {
	code, err := qr.Encode(text, qr.L)
	if err != nil || code.Size+2*quietZone > columns || code.Size/2+quietZone+4 > rows {
		return ""
	}
	var b strings.Builder
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qr.L, Writer: &b, HalfBlocks: true, QuietZone: quietZone,
	})
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
