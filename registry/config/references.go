// Read on in koanfvalues.go.

package config

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/textfile"
)

// references resolves references.
type references struct {
	ctx     context.Context // of the load
	environ map[string]string
	read    watchedFiles
	texts   map[string]fileText // of files that were read, by name
	own     ownReferences
	found   *report
	// none says that there are no references in files and sources, and nothing to resolve.
	none bool
}

// fileText is the contents of a file that a reference named, read once for each
// load.
type fileText struct {
	text string
	err  error
}

// resolve resolves the references in value, and returns it and whether it is another one now: a
// text with a reference becomes a [core.Secret]; one that cannot be resolved is reported and
// noted as unusable. It writes to the objects of value, which the caller has copied with merge. A
// list with a reference, or with an object, is copied, as merge does not copy it.
func (r *references) resolve(path []string, value any, at locator) (resolved any, changed bool) {
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			resolved, changed := r.resolve(append(path, key), value, at)
			if changed && resolved != nil {
				v[key] = resolved
			}
		}
	case []any:
		return r.resolveList(path, v, at)
	case string:
		if hasReference(v) {
			return r.resolveText(path, v, at), true
		}
	}
	return value, false
}

func (r *references) resolveList(path []string, list []any, at locator) (out []any, changed bool) {
	out = list
	for i, elem := range list {
		object, isObject := elem.(map[string]any)
		if isObject {
			copied := make(map[string]any, len(object))
			merge(copied, object, "")
			elem = copied
		}
		elem, elemChanged := r.resolve(append(path, strconv.Itoa(i)), elem, at)
		if !elemChanged && !isObject {
			continue
		}
		if !changed {
			out, changed = slices.Clone(list), true
		}
		out[i] = elem
	}
	return out, changed
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
			name := "the variable " + p.text
			if p.fallback != nil {
				name += " or its default"
			}
			names = append(names, name)
		case "file":
			names = append(names, "the file "+strconv.Quote(shownName(p.name)))
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
	parts, err := parseReferences(text, r.found.schemes...)
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
		return r.variable(p)
	}
	name, err := r.nameOf(p)
	if err != nil {
		return "", err
	}
	if p.scheme != "file" {
		return r.own.lookUp(r.ctx, ownReference{p.scheme, name}, shownName(p.name))
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	file, known := r.texts[name]
	if !known {
		file = r.readText(name)
		r.texts[name] = file
	}
	if file.err != nil {
		return "", fmt.Errorf("the file %q %w", shownName(p.name), file.err)
	}
	return file.text, nil
}

// variable returns the value of a variable, or the default for it.
func (r *references) variable(p part) (string, error) {
	value, ok := r.environ[p.text]
	switch {
	case value != "":
		return checkedText("the variable "+p.text, value)
	case p.fallback != nil:
		return *p.fallback, nil
	case !ok && !isVariableName(p.text): // it may be a default that is written wrongly
		return "", errors.New("the variable is not set (a default is written ${env:NAME:-DEFAULT})")
	case !ok:
		return "", fmt.Errorf("the variable %s is not set", p.text)
	}
	return "", fmt.Errorf("the variable %s is empty", p.text)
}

// isVariableName reports whether a name is one that shells can set.
func isVariableName(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// nameOf returns what a reference names, with the values of the variables in it.
func (r *references) nameOf(p part) (string, error) {
	var name strings.Builder
	for _, piece := range p.name {
		if piece.scheme == "" {
			name.WriteString(piece.text)
			continue
		}
		value, err := r.variable(piece)
		if err != nil {
			return "", err
		}
		name.WriteString(value)
	}
	if name.Len() == 0 || strings.IndexByte(name.String(), 0) >= 0 {
		return "", unusableName(p.scheme)
	}
	return name.String(), nil
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
