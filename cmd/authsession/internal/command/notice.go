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
	timer *time.Timer // nil: stopped, or never begun
}

// notice begins one, which the caller stops. What it says is what the command
// waits for.
func (a *app) notice(what string, most time.Duration) *notice {
	n := &notice{out: a.stderr, tty: isTerminal(a.stderr), what: what, most: most, began: time.Now()}
	if !a.flags.quiet && !a.json() {
		n.mu.Lock()
		n.timer = time.AfterFunc(patience, n.show)
		n.mu.Unlock()
	}
	return n
}

func (n *notice) show() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer == nil {
		return
	}
	if !n.tty {
		fmt.Fprintf(n.out, "authsession: waiting for %s, at most %v\n", n.what, n.most)
		n.timer = nil
		return
	}
	n.shown = true
	waited := time.Since(n.began).Round(time.Second)
	fmt.Fprintf(n.out, "\rauthsession: waiting for %s, %v of at most %v", n.what, waited, n.most)
	n.timer.Reset(time.Second)
}

// stop ends the notice and removes it from a terminal.
func (n *notice) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
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
