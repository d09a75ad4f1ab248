package command

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// patience is how long a command waits in silence.
const patience = time.Second

// notice tells the person, once a command has waited for a while, what it waits
// for and how long that may take. On a terminal the line is updated in place.
type notice struct {
	mu    sync.Mutex
	out   io.Writer
	tty   bool
	what  string
	most  time.Duration
	began time.Time
	shown bool
	width int         // of the terminal, in characters
	timer *time.Timer // nil: stopped, or never begun
	told  bool        // printed as a line, and not stopped
}

// notice begins one, which the caller stops. What it says is what the command
// waits for.
func (a *app) notice(what string, most time.Duration) *notice {
	n := &notice{
		out: a.stderr, tty: isTerminal(a.stderr) && os.Getenv("TERM") != "dumb", what: what,
		most: most, began: time.Now(), width: a.stderrWidth(),
	}
	if !a.flags.quiet && !a.json() {
		n.mu.Lock()
		n.timer = time.AfterFunc(patience, n.show)
		n.mu.Unlock()
	}
	return n
}

// say changes what the command waits for.
func (n *notice) say(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.what == what {
		return
	}
	n.what = what
	if n.timer == nil && n.told { // not on a terminal
		n.tell()
	}
}

func (n *notice) show() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer == nil {
		return
	}
	if !n.tty {
		n.timer = nil
		n.tell()
		return
	}
	n.shown = true
	waited := time.Since(n.began).Round(time.Second)
	line := fmt.Sprintf("authsession: waiting for %s, %v of at most %v", n.what, waited, n.most)
	fmt.Fprint(n.out, "\r"+fitted(line, n.width)+"\x1b[K")
	n.timer.Reset(time.Second)
}

// tell prints the notice as a line.
func (n *notice) tell() {
	n.told = true
	fmt.Fprintf(n.out, "authsession: waiting for %s, at most %v\n", n.what, n.most)
}

// fitted returns a line that a terminal of a width does not wrap. Zero: any width.
func fitted(line string, width int) string {
	runes := []rune(line)
	if width <= 0 || len(runes) < width {
		return line
	}
	if width < 3 {
		return ""
	}
	return string(runes[:width-2]) + "…"
}

// stderrWidth returns the width of the terminal that stderr is, or zero.
func (a *app) stderrWidth() int {
	f, ok := a.stderr.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// stop ends the notice and removes it from a terminal.
func (n *notice) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
	n.told = false
	if n.shown {
		n.shown = false
		fmt.Fprint(n.out, "\r\x1b[K")
	}
}

// isTerminal reports whether w is one.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
