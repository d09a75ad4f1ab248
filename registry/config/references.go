package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// part is a piece of a value: text, or a reference.
type part struct {
	text   string // of a reference: what it names
	scheme string // "env" or "file"; empty: text
}

var schemes = []string{"env", "file"}

// parseReferences takes a value apart. "$${" stands for "${" itself. The
// error quotes nothing but an unknown scheme.
func parseReferences(s string) ([]part, error) {
	var parts []part
	var text strings.Builder
	for s != "" {
		i := strings.Index(s, "${")
		if i < 0 {
			break
		}
		if i > 0 && s[i-1] == '$' {
			text.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		text.WriteString(s[:i])
		body, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return nil, errors.New(`a reference is not ended by "}" ("$${" is a literal "${")`)
		}
		scheme, name, _ := strings.Cut(body, ":")
		if scheme != "env" && scheme != "file" {
			return nil, fmt.Errorf("unknown reference%s (want ${env:NAME} or ${file:PATH}; \"$${\" is a literal \"${\")",
				core.DidYouMean(scheme, schemes))
		}
		if name == "" || strings.ContainsAny(name, "\x00${") {
			return nil, fmt.Errorf("a reference names nothing usable (want %s)", map[string]string{"env": "${env:NAME}", "file": "${file:PATH}"}[scheme])
		}
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String()})
			text.Reset()
		}
		parts = append(parts, part{text: name, scheme: scheme})
		s = rest
	}
	text.WriteString(s)
	if text.Len() > 0 || len(parts) == 0 {
		parts = append(parts, part{text: text.String()})
	}
	return parts, nil
}

// errNotResolved stands for what Check does not look up. What depends on the
// value is no fault.
var errNotResolved = errors.New("the reference was not resolved")

// resolve returns the value of a text: a Secret if a reference takes part in
// it, else the text.
func (l *loader) resolve(s, dir string) (any, error) {
	parts, err := parseReferences(s)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	secret := false
	for _, p := range parts {
		text := p.text
		if p.scheme != "" && l.checking {
			return nil, errNotResolved
		}
		if p.scheme != "" {
			secret = true
			if text, err = l.lookUp(p, dir); err != nil {
				return nil, err
			}
		}
		out.WriteString(text)
	}
	if secret {
		return core.NewSecret(out.String()), nil
	}
	return out.String(), nil
}

func (l *loader) lookUp(p part, dir string) (string, error) {
	if p.scheme == "env" {
		value, ok := l.environ[p.text]
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
	r, known := l.files[name]
	if !known {
		data, err := readFile(name, maxReference)
		l.seen[name] = watched{maxReference, sum(data, err)}
		r = refFile{strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), err}
		if err == nil && r.text == "" {
			r.err = errors.New("the file is empty")
		}
		l.files[name] = r
	}
	if r.err != nil {
		return "", fmt.Errorf("the file %q: %w", p.text, r.err)
	}
	return r.text, nil
}

// refFile is a file that a reference named, read once for each load.
type refFile struct {
	text string
	err  error
}

// checkReferences reports the references that cannot be read, wherever they
// are, also where nothing uses them.
func (l *loader) checkReferences(path []string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			l.checkReferences(append(path, key), value)
		}
	case []any:
		for i, value := range v {
			l.checkReferences(append(path, strconv.Itoa(i)), value)
		}
	case string:
		if !strings.Contains(v, "${") {
			return
		}
		if _, err := parseReferences(v); err != nil {
			l.fault(path, err.Error())
		}
	}
}

// resolveAll resolves the references in value, in place where it can, and
// returns it. at finds the place of a path.
func (l *loader) resolveAll(path []string, value any, at func([]string) ([]string, place)) any {
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			if resolved := l.resolveAll(append(path, key), value, at); resolved != nil {
				v[key] = resolved
			}
		}
	case []any:
		out := make([]any, len(v)) // the file's own list may serve other sessions' layers
		for i, value := range v {
			out[i] = l.resolveAll(append(path, strconv.Itoa(i)), value, at)
		}
		return out
	case string:
		return l.resolveText(path, v, at)
	}
	return value
}

// resolveText resolves the references in a text. A text that cannot be resolved is noted as broken.
func (l *loader) resolveText(path []string, v string, at func([]string) ([]string, place)) any {
	if !strings.Contains(v, "${") {
		return v
	}
	full, where := at(path)
	dir := ""
	if where.source != nil {
		dir = where.source.dir
	}
	resolved, err := l.resolve(v, dir)
	if err == nil {
		return resolved
	}
	if !l.checking { // checkReferences has said what can be said
		l.faults = append(l.faults, where.fault(full, err.Error()))
	}
	l.broken[join(full)] = true
	return core.NewSecret("unresolved")
}
