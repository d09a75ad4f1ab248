// Package terminal lets a provider talk to the person at the terminal: it
// shows links and codes, asks questions and opens the system's browser.
//
//	s := core.New("calendar", provider, &core.Options{UI: terminal.New(nil)})
//	err := s.Init(ctx) // may ask the person to sign in
//
// Where nobody can answer, as in a job without a terminal, a question is an
// error of code [core.Interactive] that says what to do, and never a hang.
//
// Ctrl-C is the program's: one that wants it to end Init, and not the program,
// passes a context of [os/signal.NotifyContext]. Only while a hidden answer is
// typed it ends the question, so that the terminal echoes again.
//
// It is not a way to draw on the screen: what it writes are lines, and a QR
// code where there is room for one. Read on in ask.go and browser.go.
package terminal

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// Options say which terminal it is. Nil and the zero value are good. They are
// copied.
type Options struct {
	// In is where answers come from. Nil: os.Stdin. A file must be a terminal;
	// any other reader is read as it is, byte by byte. A question whose context
	// ends leaves one read behind, whose byte is the next question's.
	In io.Reader
	// Out is where lines go. Nil: os.Stderr, so that they are seen where the
	// program's output goes to a file.
	Out io.Writer
	// Browser opens a page on this machine. An error says that it cannot. Nil:
	// the system's browser, if there is a desktop to show it on.
	Browser func(ctx context.Context, url string) error
	// NoQR shows no QR code. False: there is one where Out is a terminal with
	// room for it.
	NoQR bool
}

// New returns the terminal as a [core.UI]. It is safe for concurrent use: what
// several sessions show and ask comes one after the other. Errors are of code
// [core.Interactive].
func New(opts *Options) *core.UI {
	u := &ui{turn: make(chan struct{}, 1)}
	if opts != nil {
		u.opts = *opts
	}
	if u.opts.In == nil {
		u.opts.In = os.Stdin
	}
	if u.opts.Out == nil {
		u.opts.Out = os.Stderr
	}
	if u.opts.Browser == nil {
		u.opts.Browser = system
	}
	return &core.UI{Show: u.show, Ask: u.ask, Open: u.open, Visit: u.visit}
}

type ui struct {
	opts Options
	turn chan struct{}   // full while a call uses In or Out
	left chan singleByte // a read that nobody has waited for, or nil; whose turn it is may use it
}

// begin waits for the turn. The caller calls end.
func (u *ui) begin(ctx context.Context) error {
	if ctx.Err() == nil {
		select {
		case u.turn <- struct{}{}:
			return nil
		case <-ctx.Done():
		}
	}
	return core.Errorf(core.Interactive, "the terminal was busy: %w", ctx.Err())
}

func (u *ui) end() { <-u.turn }

// write writes whole lines at once.
func (u *ui) write(text string) error {
	if _, err := io.WriteString(u.opts.Out, text); err != nil {
		return core.Errorf(core.Interactive, "nothing can be shown to the person: %w", err)
	}
	return nil
}

func (u *ui) show(ctx context.Context, message string) error {
	if err := u.begin(ctx); err != nil {
		return err
	}
	defer u.end()
	return u.write(clean(message, true) + "\n")
}

func (u *ui) visit(ctx context.Context, v core.Visit) error {
	if err := u.begin(ctx); err != nil {
		return err
	}
	defer u.end()
	v.URL, v.Code, v.Direct = clean(v.URL, false), clean(v.Code, false), clean(v.Direct, false)
	var b strings.Builder
	fmt.Fprintf(&b, "\nTo sign in, open this page on any device:\n\n    %s\n", v.URL)
	if v.Code != "" {
		fmt.Fprintf(&b, "\nand enter this code, or check that it shows it:\n\n    %s\n", v.Code)
	}
	if code := u.qr(v); code != "" {
		fmt.Fprintf(&b, "\nOr scan:\n\n%s", code)
	}
	if left := time.Until(v.Expires); !v.Expires.IsZero() {
		fmt.Fprintf(&b, "\nThere is time until %s (%s).\n", v.Expires.Local().Format("15:04"), roughly(left))
	}
	return u.write(b.String() + "\n")
}

// roughly returns a time in the words of a person.
func roughly(d time.Duration) string {
	switch {
	case d <= 0:
		return "it is over"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Round(time.Second).Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
}
