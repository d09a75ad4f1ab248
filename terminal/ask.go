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

// longest bounds an answer, in bytes.
const longest = 64 << 10

func (u *ui) ask(ctx context.Context, prompt string, hidden bool) (core.Secret, error) {
	prompt = strings.TrimRight(clean(prompt, false), " ")
	if err := u.begin(ctx); err != nil {
		return core.Secret{}, err
	}
	defer u.end()
	in, file, tty := descriptor(u.opts.In)
	if _, seen, screen := descriptor(u.opts.Out); file && !tty || seen && !screen {
		return core.Secret{}, core.Errorf(core.Interactive,
			"nobody can be asked %q without a terminal: run the program in one, with neither its input nor its errors redirected", prompt)
	}
	suffix := ": "
	if strings.HasSuffix(prompt, "?") || strings.HasSuffix(prompt, ":") {
		suffix = " "
	}
	if err := u.write(prompt + suffix); err != nil {
		return core.Secret{}, err
	}
	read := u.line
	if hidden && tty {
		read = func(ctx context.Context) (string, error) { return u.hidden(ctx, in) }
	}
	answer, err := read(ctx)
	switch {
	case err == nil:
		return core.NewSecret(answer), nil
	case errors.Is(err, io.EOF):
		err = errors.New("the answer was broken off")
	}
	_ = u.write("\n")
	return core.Secret{}, core.Errorf(core.Interactive, "nobody answered %q: %w", prompt, err)
}

// line reads to the end of a line, which may be the end of the input.
func (u *ui) line(ctx context.Context) (string, error) {
	var answer []byte
	for {
		b, err := u.next(ctx)
		switch {
		case err == io.EOF && len(answer) > 0 || err == nil && b == '\n':
			return strings.TrimSuffix(string(answer), "\r"), nil
		case err != nil:
			return "", err
		case len(answer) == longest:
			return "", errors.New("the answer is too long")
		}
		answer = append(answer, b)
	}
}

// hidden reads a line that is not echoed. The terminal is as before when it
// returns: after Ctrl-C, which is a key here, after a signal that would have
// ended the program, and when ctx ends.
func (u *ui) hidden(ctx context.Context, fd int) (answer string, err error) {
	caught, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, term.Restore(fd, before)) }()
	keys := keyboard{u: u, ctx: caught}
	answer, err = term.NewTerminal(keys, "").ReadPassword("")
	if caught.Err() != nil && ctx.Err() == nil {
		return "", io.EOF
	}
	return answer, err
}

// keyboard is a terminal in raw mode, read key by key so that nothing that
// follows the answer is lost.
type keyboard struct {
	u   *ui
	ctx context.Context // of the one question that it is made for
}

func (k keyboard) Write(p []byte) (int, error) { return k.u.opts.Out.Write(p) }

func (k keyboard) Read(p []byte) (int, error) {
	b, err := k.u.next(k.ctx)
	if err != nil || len(p) == 0 {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

// singleByte is what one read brought.
type singleByte struct {
	b   byte
	err error
}

// next returns the next byte of the input, or ctx's error. A read cannot be
// taken back: the next call waits for the one that is under way.
func (u *ui) next(ctx context.Context) (byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if u.left == nil {
		came := make(chan singleByte, 1)
		go func() {
			var p [1]byte
			_, err := io.ReadFull(u.opts.In, p[:])
			came <- singleByte{p[0], err}
		}()
		u.left = came
	}
	select {
	case r := <-u.left:
		u.left = nil
		return r.b, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
