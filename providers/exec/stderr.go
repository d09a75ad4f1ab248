// What a command writes to its standard error, and how much of that is shown.
//
// Read on in group_unix.go.

package exec

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
)

const (
	keptLines  = 32      // lines of the beginning, and of the end, that are kept
	maxLine    = 2 << 10 // bytes of a line that are kept
	shownLine  = 300     // characters of a line in the log
	errorLines = 2       // lines in an error
	minSecret  = 4       // bytes; a shorter variable or member is no secret
	maxNested  = 8       // levels of JSON whose texts are compared each by itself
	hiddenLine = "(a line that repeats a secret)"
	// maxCompared is how many bytes of secrets are compared with each line. If there are more, a
	// repetition in one line hides all of them.
	maxCompared = 64 << 10
)

// lines keeps the first and the last lines that are written. Its zero value is ready to use.
type lines struct {
	first, last []string
	omitted     int    // lines between first and last
	current     []byte // the line that has not ended
	wrote       bool
}

// Write implements [io.Writer].
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	l.wrote = l.wrote || n > 0
	for len(p) > 0 {
		end := bytes.IndexAny(p, "\r\n") // a progress bar overwrites its line
		part := p
		if end >= 0 {
			part = p[:end]
		}
		l.current = append(l.current, part[:min(len(part), maxLine-len(l.current))]...)
		if end < 0 {
			break
		}
		l.endLine()
		p = p[end+1:]
	}
	return n, nil
}

func (l *lines) endLine() {
	line := string(bytes.TrimSpace(withoutEscapes(l.current)))
	l.current = l.current[:0]
	switch {
	case line == "":
	case len(l.first) < keptLines:
		l.first = append(l.first, line)
	default:
		l.last = append(l.last, line)
		if len(l.last) > keptLines {
			l.last, l.omitted = slices.Delete(l.last, 0, 1), l.omitted+1
		}
	}
}

// all returns the lines that are kept.
func (l *lines) all() []string {
	l.endLine()
	return slices.Concat(l.first, l.last)
}

// withoutEscapes returns text without the sequences that colour and move it on a terminal (ECMA-48
// §5.4).
func withoutEscapes(text []byte) []byte {
	var out []byte
	for {
		before, after, found := bytes.Cut(text, []byte("\x1b"))
		out = append(out, before...)
		if !found {
			return out
		}
		text = after[escapeLength(after):]
	}
}

// escapeLength returns the length of an escape sequence without its ESC.
func escapeLength(after []byte) int {
	if len(after) == 0 {
		return 0
	}
	switch after[0] {
	case '[':
		for i, c := range after[1:] {
			if c >= 0x40 && c <= 0x7e { // the final byte
				return i + 2
			}
		}
		return len(after)
	case ']': // ends with BEL, or with ESC \, whose ESC begins the next sequence
		if i := bytes.IndexAny(after, "\x07\x1b"); i >= 0 {
			if after[i] == 0x07 {
				i++
			}
			return i
		}
		return len(after)
	}
	return 1
}

// terminalMarks are parts of what programs and systems say if there is no terminal to ask at, in
// lower case.
var terminalMarks = []string{
	"/dev/tty", "conin$", "not a tty", "isn't a tty", "is not a terminal", "not a terminal", "no tty",
	"isn't a terminal", "without a terminal", "no terminal", "inappropriate ioctl for device",
	"terminal prompts disabled", "no controlling tty", "could not open tty", "cannot prompt",
	"non-interactive", "noninteractive", "eof when reading a line", "unable to read password",
	"could not read password", "could not read username", "can not control echo", "non tty", "non-tty",
	"no such device or address", "device not configured",
}

// lacksTerminal reports whether lines say that the program found no terminal.
func lacksTerminal(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		line = strings.ToLower(line)
		return slices.ContainsFunc(terminalMarks, func(mark string) bool {
			return strings.Contains(line, mark)
		})
	})
}

// readable returns the lines in a form that may be shown.
func readable(lines []string, secrets []core.Secret) []string {
	size := 0
	for _, secret := range secrets {
		size += len(secret.Reveal())
	}
	repeat := func(lines ...string) bool {
		return core.Printable(strings.Join(lines, "\n"), len(lines)*maxLine, secrets...) == ""
	}
	// One comparison of all lines suffices if none repeats a secret, which is usual.
	if shown := slices.Clone(lines); len(lines) > 0 && repeat(lines...) {
		for i, line := range lines {
			if size > maxCompared || repeat(line) {
				shown[i] = hiddenLine
			}
		}
		if repeat(shown...) { // a secret is divided among lines
			shown = slices.Repeat([]string{hiddenLine}, len(lines))
		}
		lines = shown
	}
	var out []string
	for _, line := range lines {
		if line = core.Printable(line, shownLine); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// report writes the lines to the session's log. err is how the run ended.
func report(ctx context.Context, command string, shown []string, omitted int, err error) {
	log, level := core.ProviderLogger(ctx), slog.LevelInfo
	if err != nil {
		level = slog.LevelWarn
	}
	for _, line := range shown {
		log.Log(ctx, level, "command wrote to its standard error",
			slog.String("command", command), slog.String("line", line))
	}
	if omitted > 0 {
		log.Log(ctx, level, "command wrote more to its standard error",
			slog.String("command", command), slog.Int("omitted_lines", omitted))
	}
}

// secrets returns what the text of a command must not repeat: the values of env and input, what the
// command printed, and the credential before.
func (c *Config) secrets(printed []byte, previous core.Credential) []core.Secret {
	list := []core.Secret{previous.RefreshState, previous.Attach.Cert}
	for _, header := range previous.Attach.Header {
		_, value, found := strings.Cut(header.Reveal(), " ")
		if !found {
			value = header.Reveal()
		}
		list = append(list, core.NewSecret(value))
	}
	add := func(text string) {
		if text = strings.TrimSpace(text); len(text) >= minSecret {
			list = append(list, core.NewSecret(text))
		}
	}
	for _, value := range c.Env {
		add(value.Reveal())
	}
	for line := range strings.Lines(c.Input.Reveal()) {
		if !isPublic(strings.TrimSpace(line)) {
			add(line)
		}
	}
	printedTexts(printed, add)
	return list
}

// isPublic reports whether a line of input is an address, or names one to a git credential helper.
func isPublic(line string) bool {
	name, _, ok := strings.Cut(line, "=")
	if ok && slices.Contains([]string{"protocol", "host", "path", fieldGitUser}, name) {
		return true
	}
	u, err := url.Parse(line)
	return err == nil && u.Host != "" && u.User == nil && u.RawQuery == ""
}

// printedTexts calls add with the texts in an output: those of the members of JSON, the values of
// lines name=value, or all of it.
func printedTexts(printed []byte, add func(string)) {
	if object, err := members.Read(printed); err == nil {
		addTexts(object, maxNested, add)
		return
	}
	if text := string(printed); isGit(strings.TrimSpace(text)) {
		for line := range strings.Lines(text) {
			if !isPublic(strings.TrimSpace(line)) {
				_, value, _ := strings.Cut(line, "=")
				add(value)
			}
		}
		return
	}
	add(string(printed))
}

// addTexts calls add with the texts of an object that may be secrets. What is nested deeper than
// depth is one text.
func addTexts(object members.Object, depth int, add func(string)) {
	for name, raw := range object {
		switch {
		case name == "apiVersion" || name == "kind" || name == "token_type":
		case object.IsText(name):
			add(object.Text(name))
		case depth == 0:
			add(string(raw))
		default:
			addTexts(object.Object(name), depth-1, add)
			for _, element := range object.Raw(name) {
				addTexts(members.Object{"": element}, depth-1, add)
			}
		}
	}
}
