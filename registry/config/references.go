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

// part is a piece of a value: text, or a reference.
type part struct {
	// text is the text, or what a reference names, as it is written: with the
	// references in it, and without the default.
	text   string
	scheme string // "env", "file" or one of Options.Resolvers; empty: text
	// name has the parts of text, if a reference has references in what it names.
	name []part
	// fallback is the value of a variable that is not set or empty. Nil: none.
	fallback *string
}

// forms are the forms of references, by scheme.
var forms = map[string]string{
	"env": "${env:NAME}", "file": "${file:PATH}",
}

// formOf returns the form of references of a scheme.
func formOf(scheme string) string {
	if form := forms[scheme]; form != "" {
		return form
	}
	return "${" + scheme + ":…}"
}

// parseReferences splits a value into its parts. "$${" stands for "${" itself.
// own are the schemes of Options.Resolvers. The error quotes nothing of the value,
// which may be a secret with a wrong reference in it.
func parseReferences(s string, own ...string) ([]part, error) {
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
		reference, after, err := cutReference(rest, own)
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
func cutReference(s string, own []string) (reference part, after string, err error) {
	end := strings.IndexAny(s, ":}")
	if end < 0 {
		return part{}, "", errNotEnded
	}
	scheme := s[:end]
	if forms[scheme] == "" && !slices.Contains(own, scheme) {
		return part{}, "", unknownReference(scheme, own)
	}
	rest := strings.TrimPrefix(s[end:], ":")
	if scheme == "env" {
		return cutVariable(rest)
	}
	p := part{scheme: scheme}
	start := rest
	for {
		i := strings.IndexAny(rest, "${}\x00")
		switch {
		case i < 0:
			return part{}, "", errNotEnded
		case rest[i] == '}':
			p.name = appendText(p.name, rest[:i])
			p.text = start[:len(start)-len(rest)+i]
			if p.text == "" {
				return part{}, "", unusableName(scheme)
			}
			return p, rest[i+1:], nil
		case strings.HasPrefix(rest[i:], "${env:"):
			variable, after, err := cutVariable(rest[i+len("${env:"):])
			if err != nil {
				return part{}, "", err
			}
			p.name = append(appendText(p.name, rest[:i]), variable)
			rest = after
		case strings.HasPrefix(rest[i:], "${"):
			return part{}, "", errors.New("in a reference there can be ${env:NAME}, and no other")
		default:
			return part{}, "", unusableName(scheme)
		}
	}
}

// shownName returns what a reference names as it is written, without defaults, which no fault
// quotes.
func shownName(parts []part) string {
	var shown strings.Builder
	for _, p := range parts {
		if p.scheme == "" {
			shown.WriteString(p.text)
		} else {
			shown.WriteString("${env:" + p.text + "}")
		}
	}
	return shown.String()
}

// cutVariable parses a reference to a variable, behind its "${env:".
func cutVariable(s string) (reference part, after string, err error) {
	body, after, ok := strings.Cut(s, "}")
	if !ok {
		return part{}, "", errNotEnded
	}
	name, fallback, hasFallback := strings.Cut(body, ":-")
	switch {
	case strings.Contains(fallback, "${"):
		return part{}, "", errors.New("a default cannot have a reference in it")
	case name == "" || strings.ContainsAny(name, "\x00${:=?+\"' \t\n"):
		return part{}, "", unusableName("env")
	}
	p := part{text: name, scheme: "env"}
	if hasFallback {
		p.fallback = &fallback
	}
	return p, after, nil
}

func appendText(parts []part, text string) []part {
	if text == "" {
		return parts
	}
	return append(parts, part{text: text})
}

var errNotEnded = errors.New(`a reference is not ended by "}" ("$${" is a literal "${")`)

func unusableName(scheme string) error {
	return fmt.Errorf("a reference names nothing usable (want %s)", formOf(scheme))
}

// unknownReference lists the forms of references, and says how to add others. The scheme may be
// anything, so that the error does not quote it.
func unknownReference(scheme string, own []string) error {
	schemes := append([]string{"env", "file"}, own...)
	known := make([]string, len(schemes))
	for i, scheme := range schemes {
		known[i] = formOf(scheme)
	}
	return fmt.Errorf("unknown reference%s (want %s or %s; a Go program adds others in "+
		"config.Options.Resolvers; %q is a literal %q)",
		core.DidYouMean(scheme, schemes), strings.Join(known[:len(known)-1], ", "),
		known[len(known)-1], "$${", "${")
}

// hasReference reports whether a text may have a reference in it.
func hasReference(text string) bool { return strings.Contains(text, "${") }

// checkReferences reports the malformed references of a tree, also those that
// no session uses. It reports whether there are any references. It ends early with ctx.
func checkReferences(ctx context.Context, t tree, found *report) bool {
	c := referenceCheck{tree: t, found: found, steps: parser{ctx: ctx}}
	c.check(newPath(), t.values)
	return c.any
}

// referenceCheck checks the references of a tree.
type referenceCheck struct {
	tree
	found *report
	steps parser // looks at the context
	any   bool   // there is a reference
}

func (c *referenceCheck) check(path []string, value any) {
	if c.steps.isEnded() {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			c.check(append(path, key), value)
		}
	case []any:
		for i, value := range v {
			c.check(append(path, strconv.Itoa(i)), value)
		}
	case string:
		c.text(path, v)
	}
}

func (c *referenceCheck) text(path []string, text string) {
	c.any = c.any || hasReference(text)
	if problem := problemOfText(text, c.found.schemes); problem != "" {
		c.found.add(c.locate, path, problem)
	}
}

// problemOfText returns what is wrong with a text of a file, whatever its key, or "".
func problemOfText(text string, schemes []string) string {
	if strings.IndexByte(text, 0) >= 0 { // of an escape: no file with NUL is read
		return "the value is binary: it holds NUL"
	}
	if !hasReference(text) {
		return ""
	}
	if _, err := parseReferences(text, schemes...); err != nil {
		return err.Error()
	}
	return ""
}

// newPath returns the path of the root of a tree, with room for the paths below it: all
// paths of one depth then use the same place.
func newPath() []string { return make([]string, 0, 16) }

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
