package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// difference shows the lines that differ, between those that are the same at both
// ends.
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
	for _, line := range old[start : len(old)-end] {
		fmt.Fprintf(&b, "- %s\n", printable(strings.TrimSuffix(line, "\r")))
	}
	for _, line := range now[start : len(now)-end] {
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
