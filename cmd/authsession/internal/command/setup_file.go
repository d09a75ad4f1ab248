package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// change is a new text for a file.
type change struct {
	path          string
	target        string      // the file itself, if path is a link
	info          fs.FileInfo // of the target; nil: it is not there yet
	before, after string
}

// readForChange returns a change of a file that changes nothing yet. A file that is not
// there is empty.
func readForChange(path string) (change, error) {
	target, err := linkTarget(path)
	if err != nil {
		return change{}, err
	}
	c := change{path: path, target: target}
	info, err := os.Stat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist) && target != path:
		if _, err := os.Stat(filepath.Dir(target)); err != nil {
			return change{}, fmt.Errorf("%s is a link to %s: %w", path, target, err)
		}
		return c, nil
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return change{}, err
	case !info.Mode().IsRegular():
		return change{}, fmt.Errorf("%s is not a regular file", target)
	}
	text, err := os.ReadFile(target)
	c.info, c.before, c.after = info, string(text), string(text)
	return c, err
}

// linkTarget returns the file that a link leads to, also if that file does not exist.
func linkTarget(path string) (string, error) {
	const most = 40 // links, as on Linux
	for range most {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			next = filepath.Join(dir, next)
		}
		path = next
	}
	return "", fmt.Errorf("%s: there are too many links", path)
}

// apply shows the difference and writes the file as a whole.
func (a *app) apply(c change) error {
	if c.before == c.after {
		_, err := fmt.Fprintf(a.stdout, "%s: nothing to change\n", c.path)
		return err
	}
	if _, err := fmt.Fprintf(a.stdout, "%s:\n%s", c.path, difference(c.before, c.after)); err != nil {
		return err
	}
	dir := filepath.Dir(c.target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return c.replace(dir)
}

// replace puts a new file in the place of the old one, with its mode and its owner.
func (c change) replace(dir string) error {
	temporary, err := os.CreateTemp(dir, ".authsession-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // it has another name by then
	mode := os.FileMode(0o600)
	if c.info != nil {
		mode, err = c.info.Mode().Perm(), keepOwner(temporary, c.info)
	}
	if err == nil {
		_, err = temporary.WriteString(c.after)
	}
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), c.target)
}

// secretValue is a value that other programs keep secret in their configuration, such as the
// token of a user of kubectl.
var secretValue = regexp.MustCompile(`(?i)((?:token|password|secret|key|key-data)["']?\s*[:=]\s*)` +
	`("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"',}][^,}]*)`)

// withoutValues returns lines without the secret values in them, also those of several lines.
func withoutValues(lines []string) []string {
	out := make([]string, len(lines))
	block := -1 // the indent of a key whose value is in the lines below it
	for i, line := range lines {
		indent := len(indentOf(line))
		if block >= 0 && (indent > block || strings.TrimSpace(line) == "") {
			out[i] = indentOf(line) + "…"
			continue
		}
		block = -1
		if m := secretValue.FindStringSubmatch(line); m != nil && strings.ContainsAny(m[2][:1], "|>") {
			block = indent
		}
		out[i] = secretValue.ReplaceAllString(line, "${1}…")
	}
	return out
}

// difference shows the lines that differ, between those that are the same at both
// ends, without secret values.
func difference(before, after string) string {
	old, now := splitLines(before), splitLines(after)
	start := 0
	for start < len(old) && start < len(now) && old[start] == now[start] {
		start++
	}
	end := 0
	for end < len(old)-start && end < len(now)-start && old[len(old)-1-end] == now[len(now)-1-end] {
		end++
	}
	var b strings.Builder
	for _, line := range withoutValues(old[start : len(old)-end]) {
		fmt.Fprintf(&b, "- %s\n", printable(strings.TrimSuffix(line, "\r")))
	}
	for _, line := range withoutValues(now[start : len(now)-end]) {
		fmt.Fprintf(&b, "+ %s\n", printable(strings.TrimSuffix(line, "\r")))
	}
	return b.String()
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
