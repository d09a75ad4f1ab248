package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/authsession/authsession/core"
)

// maxAnswer is the largest size of an answer, in bytes.
const maxAnswer = 64 << 10

// ask implements Ask of a [core.UI].
func (u *ui) ask(ctx context.Context, prompt string, hidden bool) (core.Secret, error) {
	prompt = strings.TrimRight(clean(prompt, false), " ")
	if err := u.lock(ctx); err != nil {
		return core.Secret{}, err
	}
	defer u.unlock()
	in, file, tty := descriptor(u.opts.In)
	if _, seen, screen := descriptor(u.opts.Out); file && !tty || seen && !screen {
		return core.Secret{}, core.Errorf(core.CodeInteractive,
			"nobody can be asked %q without a terminal: run the program in one, "+
				"with neither its input nor its errors redirected", prompt)
	}
	suffix := ": "
	if strings.HasSuffix(prompt, "?") || strings.HasSuffix(prompt, ":") {
		suffix = " "
	}
	if err := u.write(prompt + suffix); err != nil {
		return core.Secret{}, err
	}
	read := u.readLine
	if hidden && tty {
		read = func(ctx context.Context) (string, error) { return u.readHidden(ctx, in) }
	}
	answer, err := read(ctx)
	switch {
	case err == nil:
		return core.NewSecret(answer), nil
	case errors.Is(err, io.EOF):
		err = brokenOffError{}
	}
	_ = u.write("\n")
	return core.Secret{}, core.Errorf(core.CodeInteractive, "nobody answered %q: %w", prompt, err)
}

// ErrInterrupted is what the error of a question wraps that a person ended with Ctrl-C
// while the answer was hidden: the terminal sends no signal then. A program ends as it does
// after Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// brokenOffError is the error if the input ends before the answer does. It wraps [io.EOF].
type brokenOffError struct{}

func (brokenOffError) Error() string { return "the answer was broken off" }
func (brokenOffError) Unwrap() error { return io.EOF }

// readLine reads to the end of the line or of the input.
func (u *ui) readLine(ctx context.Context) (string, error) {
	var answer []byte
	for {
		b, err := u.nextByte(ctx)
		switch {
		case err == io.EOF && len(answer) > 0 || err == nil && b == '\n':
			return strings.TrimSuffix(string(answer), "\r"), nil
		case err != nil:
			return "", err
		case len(answer) == maxAnswer:
			return "", errors.New("the answer is too long")
		}
		answer = append(answer, b)
	}
}

// readHidden reads a line without echo. It restores the mode of the terminal in every
// case: after Ctrl-C, which is an ordinary key in raw mode, after a signal that ends
// programs, and when ctx ends.
func (u *ui) readHidden(ctx context.Context, fd int) (answer string, err error) {
	caught, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, term.Restore(fd, before)) }()
	keys := &keyboard{u: u, ctx: caught}
	answer, err = term.NewTerminal(keys, "").ReadPassword("")
	switch {
	case keys.interrupted && err != nil:
		return "", ErrInterrupted
	case caught.Err() != nil && ctx.Err() == nil:
		return "", io.EOF
	}
	return answer, err
}

// keyboard reads from a terminal in raw mode. It reads one key at a time, so that the
// input after the answer is not lost.
type keyboard struct {
	u   *ui
	ctx context.Context // of the question

	interrupted bool // the last key was Ctrl-C
}

const ctrlC = 3 // in raw mode it is a key like others

func (k *keyboard) Write(p []byte) (int, error) { return k.u.opts.Out.Write(p) }

func (k *keyboard) Read(p []byte) (int, error) {
	b, err := k.u.nextByte(k.ctx)
	if err != nil || len(p) == 0 {
		return 0, err
	}
	p[0], k.interrupted = b, b == ctrlC
	return 1, nil
}

// readResult is the result of reading one byte.
type readResult struct {
	b   byte
	err error
}

// nextByte returns the next byte of the input, or the error of ctx. A read that has
// begun cannot be cancelled: if ctx ends, the next call of nextByte gets its result.
func (u *ui) nextByte(ctx context.Context) (byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if u.pendingRead == nil {
		result := make(chan readResult, 1)
		go func() {
			var p [1]byte
			_, err := io.ReadFull(u.opts.In, p[:])
			result <- readResult{p[0], err}
		}()
		u.pendingRead = result
	}
	select {
	case r := <-u.pendingRead:
		u.pendingRead = nil
		return r.b, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
