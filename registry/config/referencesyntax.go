// Read on in references.go.

package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
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
