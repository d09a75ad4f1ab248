// Package terminal implements a [core.UI] for terminals: it shows links and codes,
// asks questions and opens the system's browser.
//
//	s := core.New("calendar", provider, &core.Options{UI: terminal.New(nil)})
//	err := s.Init(ctx) // may ask the person to sign in
//
// If nobody can answer, as in a job without a terminal, a question returns an error of
// code [core.CodeInteractive] at once, and so does a message that nobody sees. The error
// says what to do. Messages name the session that a person signs in to.
//
// The package does not handle Ctrl-C, with one exception: while a person types a hidden
// answer, Ctrl-C ends the question with [ErrInterrupted], so that the terminal's echo is
// restored. A program in which Ctrl-C should end Init, and not the program, passes a
// context of [os/signal.NotifyContext].
//
// The package writes lines of text, and a QR code if the terminal is large enough. It
// is not a library for drawing on the screen. Read on in ask.go and browser.go.
package terminal

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
)

// Options configure [New]. The zero value is the recommended default. New copies them.
type Options struct {
	// In is the input for answers. If it is a file, it must be a terminal. Any other
	// reader is read byte by byte. If the context of a question ends, one read
	// continues, and its byte belongs to the next question. Nil: os.Stdin.
	In io.Reader
	// Out receives the lines. Nil: os.Stderr, so that a person sees them even if the
	// output of the program is redirected to a file.
	Out io.Writer
	// Browser opens a page on this machine. It returns an error if it cannot. Nil:
	// the commands that the variable BROWSER names, separated by colons (semicolons
	// on Windows), with the page in the place of %s or at the end; then the system's
	// browser, if there is a desktop.
	Browser func(ctx context.Context, url string) error
	// OutIsRead says that a person reads Out although it is a file and no terminal, such
	// as the log of a container. False: if Out is such a file, In is not a terminal and
	// there is no desktop, nobody sees a message.
	OutIsRead bool
	// NoQR suppresses QR codes. False: a QR code is shown if Out is a terminal that
	// is large enough.
	NoQR bool
}

// New returns a [core.UI] that uses the terminal. Nil options are the recommended
// default. The UI is safe for concurrent use: the questions and messages of several
// sessions do not overlap. Errors have the code [core.CodeInteractive].
func New(opts *Options) *core.UI {
	u := &ui{inUse: ctxmutex.New()}
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
		u.opts.Browser = openSystemBrowser
	}
	return &core.UI{Show: u.show, Ask: u.ask, Open: u.open, ShowDevicePrompt: u.visit}
}

// ui has the functions of the UI that New returns.
type ui struct {
	opts        Options
	inUse       ctxmutex.Mutex  // locked while a call uses In or Out
	pendingRead chan readResult // of a question whose context ended; nil: none; guarded by inUse
}

// lock waits until no other call uses the terminal. The caller calls unlock.
func (u *ui) lock(ctx context.Context) error {
	if ctx.Err() == nil && u.inUse.Lock(ctx) == nil {
		return nil
	}
	return core.Errorf(core.CodeInteractive, "the terminal was busy: %w", ctx.Err())
}

func (u *ui) unlock() { u.inUse.Unlock() }

// write writes text with one call, so that lines stay together.
func (u *ui) write(text string) error {
	if _, err := io.WriteString(u.opts.Out, text); err != nil {
		return core.Errorf(core.CodeInteractive, "nothing can be shown to the person: %w", err)
	}
	return nil
}

// show implements Show of a [core.UI].
func (u *ui) show(ctx context.Context, message string) error {
	if err := u.lock(ctx); err != nil {
		return err
	}
	defer u.unlock()
	if err := u.checkSeen(); err != nil {
		return err
	}
	if name := core.SignInSession(ctx); name != "" {
		message = fmt.Sprintf("Session %q: %s", name, message)
	}
	return u.write(clean(message, true) + "\n")
}

// checkSeen returns an error if nobody sees what is written to Out.
func (u *ui) checkSeen() error {
	if u.opts.OutIsRead {
		return nil
	}
	_, isFile, isScreen := descriptor(u.opts.Out)
	_, isInFile, isKeyboard := descriptor(u.opts.In)
	if !isFile || isScreen || !isInFile || isKeyboard {
		return nil
	}
	why := whyInvisible(runtime.GOOS, os.Getenv)
	if why == "" {
		return nil
	}
	return core.Errorf(core.CodeInteractive, "nobody sees what the program shows: neither its input "+
		"nor its errors are a terminal, and %s; run the program in a terminal", why)
}

// visit implements ShowDevicePrompt of a [core.UI].
func (u *ui) visit(ctx context.Context, v core.DevicePrompt) error {
	if err := u.lock(ctx); err != nil {
		return err
	}
	defer u.unlock()
	if err := u.checkSeen(); err != nil {
		return err
	}
	to := ""
	if name := core.SignInSession(ctx); name != "" {
		to = fmt.Sprintf(" to session %q", clean(name, false))
	}
	v.VerificationURI, v.UserCode = clean(v.VerificationURI, false), clean(v.UserCode, false)
	v.VerificationURIComplete = clean(v.VerificationURIComplete, false)
	var b strings.Builder
	fmt.Fprintf(&b, "\nTo sign in%s, open this page on any device:\n\n    %s\n", to, v.VerificationURI)
	if v.UserCode != "" {
		fmt.Fprintf(&b, "\nand enter this code, or check that it shows it:\n\n    %s\n", v.UserCode)
	}
	if code := u.qr(v); code != "" {
		fmt.Fprintf(&b, "\nOr scan:\n\n%s", code)
	}
	if left := time.Until(v.ExpiresAt); !v.ExpiresAt.IsZero() {
		fmt.Fprintf(&b, "\nThere is time until %s (%s).\n",
			v.ExpiresAt.Local().Format("15:04"), roughDuration(left))
	}
	return u.write(b.String() + "\n")
}

// roughDuration returns a duration in seconds or minutes, as text for a person.
func roughDuration(d time.Duration) string {
	switch {
	case d <= 0:
		return "it is over"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Round(time.Second).Seconds()))
	}
	return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
}
