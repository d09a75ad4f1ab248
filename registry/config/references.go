// Read on in parse.go.

package config

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/textfile"
)

// part is a piece of a value: text, or a reference.
type part struct {
	text   string // of a reference: what it names
	scheme string // "env" or "file"; empty: text
}

// forms are the forms of references, by scheme.
var forms = map[string]string{"env": "${env:NAME}", "file": "${file:PATH}"}

// parseReferences splits a value into its parts. "$${" stands for "${" itself.
// The error quotes nothing of the value, which may be a secret with a wrong
// reference in it.
func parseReferences(s string) ([]part, error) {
	var parts []part
	var text strings.Builder // since the last reference
	for {
		before, rest, ok := strings.Cut(s, "${")
		if !ok {
			text.WriteString(s)
			break
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			text.WriteString(escaped + "${")
			s = rest
			continue
		}
		text.WriteString(before)
		reference, after, err := cutReference(rest)
		if err != nil {
			return nil, err
		}
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String()})
			text.Reset()
		}
		parts = append(parts, reference)
		s = after
	}
	if text.Len() > 0 || len(parts) == 0 {
		parts = append(parts, part{text: text.String()})
	}
	return parts, nil
}

// cutReference parses the reference at the beginning of a text, behind its
// "${", and returns the text after it.
func cutReference(s string) (reference part, after string, err error) {
	body, after, ok := strings.Cut(s, "}")
	if !ok {
		return part{}, "", errors.New(
			`a reference is not ended by "}" ("$${" is a literal "${")`)
	}
	scheme, name, _ := strings.Cut(body, ":")
	form, ok := forms[scheme]
	if !ok {
		return part{}, "", fmt.Errorf("unknown reference%s (want %s or %s; %q is a literal %q)",
			core.DidYouMean(scheme, []string{"env", "file"}), forms["env"], forms["file"],
			"$${", "${")
	}
	hasColon := scheme == "env" && strings.Contains(name, ":") // what follows may be a value
	if name == "" || hasColon || strings.ContainsAny(name, "\x00${") {
		return part{}, "", fmt.Errorf("a reference names nothing usable (want %s)", form)
	}
	return part{text: name, scheme: scheme}, after, nil
}

// hasReference reports whether a text may have a reference in it.
func hasReference(text string) bool { return strings.Contains(text, "${") }

// checkReferences reports the malformed references of a tree, also those that
// no session uses.
func checkReferences(t tree, found *report) {
	var check func(path []string, value any)
	check = func(path []string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, value := range v {
				check(append(path, key), value)
			}
		case []any:
			for i, value := range v {
				check(append(path, strconv.Itoa(i)), value)
			}
		case string:
			if !hasReference(v) {
				return
			}
			if _, err := parseReferences(v); err != nil {
				found.add(t.locate, path, err.Error())
			}
		}
	}
	check(nil, t.values)
}

// references resolves references.
type references struct {
	ctx     context.Context // of the load
	environ map[string]string
	read    watchedFiles
	texts   map[string]fileText // of files that were read, by name
	found   *report
}

// fileText is the contents of a file that a reference named, read once for each
// load.
type fileText struct {
	text string
	err  error
}

// resolve resolves the references in value and returns it. A text with a
// reference becomes a [core.Secret]; one that cannot be resolved is reported and
// noted as unusable. It writes to the objects of value, which the caller has
// copied with merge, and copies lists, which merge does not.
func (r *references) resolve(path []string, value any, at locator) any {
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			if resolved := r.resolve(append(path, key), value, at); resolved != nil {
				v[key] = resolved
			}
		}
	case []any:
		out := make([]any, len(v))
		for i, elem := range v {
			if object, ok := elem.(map[string]any); ok {
				copied := make(map[string]any, len(object))
				merge(copied, object, "")
				elem = copied
			}
			out[i] = r.resolve(append(path, strconv.Itoa(i)), elem, at)
		}
		return out
	case string:
		if hasReference(v) {
			return r.resolveText(path, v, at)
		}
	}
	return value
}

func (r *references) resolveText(path []string, text string, at locator) any {
	full, where := at(path)
	dir := ""
	if where.source != nil {
		dir = where.source.dir
	}
	resolved, err := r.expand(text, dir)
	if err == nil {
		r.found.origins[join(full)] = originOf(text)
		return resolved
	}
	if !r.found.unresolved { // else checkReferences has reported what can be known
		r.found.addAt(where, full, err.Error())
	}
	r.found.unusable[join(full)] = true
	return core.NewSecret("unresolved")
}

// originOf says what the references in a text name, for a fault of the value.
func originOf(text string) string {
	parts, _ := parseReferences(text)
	var names []string
	for _, p := range parts {
		switch p.scheme {
		case "env":
			names = append(names, "the variable "+p.text)
		case "file":
			names = append(names, "the file "+strconv.Quote(p.text))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (from " + strings.Join(names, " and ") + ")"
}

// errNotResolved stands for a value that [Check] does not look up.
var errNotResolved = errors.New("the reference was not resolved")

// expand returns the value of a text: a Secret if it has a reference, else the
// text. Relative names of files start from dir.
func (r *references) expand(text, dir string) (any, error) {
	parts, err := parseReferences(text)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	secret := false
	for _, p := range parts {
		if p.scheme == "" {
			out.WriteString(p.text)
			continue
		}
		if r.found.unresolved {
			return nil, errNotResolved
		}
		value, err := r.lookUp(p, dir)
		if err != nil {
			return nil, err
		}
		out.WriteString(value)
		secret = true
	}
	if secret {
		return core.NewSecret(out.String()), nil
	}
	return out.String(), nil
}

// lookUp returns the value of a reference.
func (r *references) lookUp(p part, dir string) (string, error) {
	if p.scheme == "env" {
		value, ok := r.environ[p.text]
		switch {
		case !ok:
			return "", fmt.Errorf("the variable %s is not set", p.text)
		case value == "":
			return "", fmt.Errorf("the variable %s is empty", p.text)
		}
		return value, nil
	}
	name := p.text
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	file, known := r.texts[name]
	if !known {
		file = r.readText(name)
		r.texts[name] = file
	}
	if file.err != nil {
		return "", fmt.Errorf("the file %q %w", p.text, file.err)
	}
	return file.text, nil
}

// readText reads a file without the line break at its end.
func (r *references) readText(name string) fileText {
	data, err := r.read.read(r.ctx, name, maxReference)
	if err == nil {
		data, err = textfile.Text(data)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if err == nil && text == "" {
		err = errors.New("is empty")
	}
	return fileText{text, err}
}
