// Read on in koanfsource.go.

package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yaml parses a YAML 1.2 document, with merge keys and without tags of its own. The
// place of a value that an alias stands for is that of the alias.
func (p *parser) yaml(data []byte) (map[string]any, bool) {
	p.data = data
	if at := lineSeparator(data); at >= 0 {
		r, _ := utf8.DecodeRune(data[at:])
		line, column := p.text().at(at)
		p.fault(line, column, fmt.Sprintf("not YAML: the character %U is a line break to some programs: "+
			"remove it, or write it as \\u%04[1]x in double quotes", r))
		return nil, false
	}
	// The library refuses the directive %YAML 1.2, and knows no other.
	read := withoutVersion(data)
	d := yaml.NewDecoder(&textReader{parser: p, data: read})
	var root *yaml.Node
	for {
		var document yaml.Node
		err := d.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if !p.ended {
				p.yamlError(err, read)
			}
			return nil, false
		}
		content := document.Content[0]
		switch isEmpty := content.Kind == yaml.ScalarNode && content.ShortTag() == "!!null"; {
		case isEmpty:
		case root != nil:
			p.fault(content.Line, content.Column,
				"the file has several YAML documents; one is allowed: use several files")
			return nil, false
		default:
			root = content
		}
	}
	switch {
	case root == nil:
		p.fault(0, 0, emptyFile)
		return nil, false
	case root.Kind != yaml.MappingNode:
		p.fault(root.Line, root.Column, "want an object with the key sessions")
		return nil, false
	}
	values := p.yamlObject(root)
	return values, p.aliased <= maxAliased
}

var yamlVersion = regexp.MustCompile(`^%YAML[ \t]+1\.[0-9]+[ \t]*(?:#.*)?\r?$`)

// withoutVersion replaces the directive with the version of YAML by a comment of the
// same length. There may be comments and blank lines before it.
func withoutVersion(data []byte) []byte {
	for at := 0; at < len(data); {
		end := lineEnd(data, at)
		line := data[at:end]
		text := bytes.TrimLeft(line, " \t\r")
		switch {
		case len(text) == 0 || text[0] == '#':
			at = end + 1
			continue
		case !bytes.HasPrefix(line, []byte("%YAML")) || end == len(data) || !yamlVersion.Match(line):
			return data
		}
		out := bytes.Clone(data)
		out[at] = '#'
		return out
	}
	return data
}

// yamlAt returns the place of a node: where it is used.
func (p *parser) yamlAt(n *yaml.Node) (line, column int) {
	if p.alias != nil {
		return int(p.alias.line), int(p.alias.column)
	}
	return n.Line, n.Column
}

// yamlAlias calls use with the node that an alias stands for, unless the alias is
// a part of that.
func (p *parser) yamlAlias(n *yaml.Node, use func(*yaml.Node)) {
	line, column := p.yamlAt(n)
	if p.expanded[n.Alias] {
		p.unusable(line, column, "the alias stands for something that it is a part of")
		return
	}
	if p.alias == nil {
		p.alias = &place{p.source, int32(line), int32(column)}
		defer func() { p.alias = nil }()
	}
	if p.expanded == nil {
		p.expanded = map[any]bool{}
	}
	p.expanded[n.Alias] = true
	defer delete(p.expanded, n.Alias)
	use(n.Alias)
}

// yamlCount counts a value that an alias stands for. It reports false if there
// are too many, which is a fault of the alias at which their number is reached.
func (p *parser) yamlCount() bool {
	if p.alias == nil || p.aliased > maxAliased {
		return p.alias == nil
	}
	if p.aliased++; p.aliased <= maxAliased {
		return true
	}
	p.found.addAt(*p.alias, p.path[:min(len(p.path), 1)],
		"the aliases of the file stand for more than "+strconv.Itoa(maxAliased)+" values")
	return false
}

func (p *parser) yamlObject(n *yaml.Node) map[string]any {
	out := make(map[string]any, len(n.Content)/2)
	p.yamlKeys(n, out, false)
	return out
}

// yamlKeys adds the keys of an object to out, and then those of its merge keys
// (https://yaml.org/type/merge.html) that are not there. With merged, the object is
// that of a merge key.
func (p *parser) yamlKeys(n *yaml.Node, out map[string]any, merged bool) {
	own := yamlNames{node: n}
	var merge *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		line, column := p.yamlAt(k)
		switch {
		case len(p.path) == 0 && isOfTheUser(k.Value):
			continue
		case k.Kind == yaml.AliasNode:
			p.fault(line, column, "a key is an alias: write it out")
			continue
		case k.Tag == "!!merge" && merge == nil:
			merge = v
			continue
		case k.Kind == yaml.MappingNode && k.Style&yaml.FlowStyle != 0:
			p.unusable(line, column, "a key is not a string: put a text that begins with { in quotes, and "+
				"fill in templates first")
			continue
		case k.Kind != yaml.ScalarNode || k.Tag != "!!str" && k.Tag != "!!merge":
			p.fault(line, column, "a key is not a string; put it in quotes")
			continue
		case k.Tag == "!!merge" || own.isTwice(i):
			p.duplicate(k.Value, line, column)
			continue
		}
		if !p.yamlCount() {
			return
		}
		if _, given := out[k.Value]; given && merged {
			continue
		}
		p.yamlKey(n, k, v, out)
	}
	if merge != nil {
		p.yamlMerge(merge, out)
	}
}

// yamlNames finds keys of an object that are there twice.
type yamlNames struct {
	node *yaml.Node
	seen map[string]bool // nil: the object is small, and its keys are compared
}

// fewNames is up to how many keys are compared with each other.
const fewNames = 12

// isTwice reports whether the key at an index of the node's Content, a text, is one of the texts
// before it. It is called for each of them in their order.
func (y *yamlNames) isTwice(at int) bool {
	keys := y.node.Content
	if len(keys) <= 2*fewNames {
		for i := 0; i < at; i += 2 {
			if k := keys[i]; k.Value == keys[at].Value && k.Kind == yaml.ScalarNode && k.Tag == "!!str" {
				return true
			}
		}
		return false
	}
	if y.seen == nil {
		y.seen = make(map[string]bool, len(keys)/2)
	}
	twice := y.seen[keys[at].Value]
	y.seen[keys[at].Value] = true
	return twice
}

// yamlKey adds the key k of the object n, with its value v, to out.
func (p *parser) yamlKey(n, k, v *yaml.Node, out map[string]any) {
	line, column := p.yamlAt(k)
	if p.isBareWord(n, v) {
		p.fault(line, column, "a word has neither a colon nor a value: write name: value, "+
			"put a text in quotes, or use [ ] for a list")
		return
	}
	if p.enter(k.Value, line, column) {
		out[k.Value] = p.yamlValue(v)
	}
	p.leave()
}

// yamlMerge adds the keys of the value of a merge key: an object or a list of
// objects, of which the first ones take precedence.
func (p *parser) yamlMerge(n *yaml.Node, out map[string]any) {
	if !p.yamlCount() {
		return
	}
	switch {
	case n.Kind == yaml.AliasNode:
		p.yamlAlias(n, func(n *yaml.Node) { p.yamlMerge(n, out) })
	case n.Kind == yaml.MappingNode && n.Tag == "!!map":
		p.yamlKeys(n, out, true)
	case n.Kind == yaml.SequenceNode && n.Tag == "!!seq" &&
		!slices.ContainsFunc(n.Content, isYAMLList):
		for _, elem := range n.Content {
			p.yamlMerge(elem, out)
		}
	default:
		line, column := p.yamlAt(n)
		p.fault(line, column, "a merge key (<<) wants an object or a list of objects")
	}
}

// isYAMLList reports whether a node is a list, or an alias for one.
func isYAMLList(n *yaml.Node) bool {
	return n.Kind == yaml.SequenceNode || n.Kind == yaml.AliasNode && n.Alias.Kind == yaml.SequenceNode
}

func (p *parser) yamlList(n *yaml.Node) []any {
	out := make([]any, 0, len(n.Content))
	for i, v := range n.Content {
		if !p.yamlCount() {
			break
		}
		line, column := p.yamlAt(v)
		if p.enter(strconv.Itoa(i), line, column) {
			out = append(out, p.yamlValue(v))
		}
		p.leave()
	}
	return out
}

// isBareWord reports whether the value v in an object of the form {a, b} has no
// colon before it. Its key may be a value that was meant for another place.
func (p *parser) isBareWord(n, v *yaml.Node) bool {
	if n.Style&yaml.FlowStyle == 0 || v.Kind != yaml.ScalarNode || v.Tag != "!!null" || v.Value != "" {
		return false
	}
	before := bytes.TrimRight(p.data[:p.text().offset(v.Line, v.Column)], " \t\r\n")
	return !bytes.HasSuffix(before, []byte(":"))
}

func (p *parser) yamlValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		if n.Tag == "!!map" {
			return p.yamlObject(n)
		}
	case yaml.SequenceNode:
		if n.Tag == "!!seq" {
			return p.yamlList(n)
		}
	case yaml.AliasNode:
		var value any
		p.yamlAlias(n, func(n *yaml.Node) { value = p.yamlValue(n) })
		return value
	case yaml.ScalarNode:
		return p.yamlScalar(n)
	}
	line, column := p.yamlAt(n)
	p.unusable(line, column, "this YAML tag is not supported")
	return nil
}

var hasLeadingZeros = regexp.MustCompile(`^[-+]?0[0-9_]`)

func (p *parser) yamlScalar(n *yaml.Node) any {
	switch n.Tag {
	case "!!str", "!!timestamp": // a date is text here
		return n.Value
	case "!!null":
		if n.Anchor != "" && n.Value == "" {
			line, column := p.yamlAt(n)
			p.unusable(line, column, "an anchor (&) has no value: put a text that begins with & in quotes")
		}
		return nil
	case "!!bool", "!!int", "!!float":
		if v := plainYAML(n); v != nil {
			return v
		}
		var v any
		err := n.Decode(&v)
		problem := "not a valid " + strings.TrimPrefix(n.Tag, "!!")
		if hasLeadingZeros.MatchString(n.Value) { // octal in YAML 1.1, and decimal in YAML 1.2
			problem = "a number begins with 0: put it in quotes if it is a text, or leave out the zeros"
		} else if err == nil {
			return v
		}
		line, column := p.yamlAt(n)
		p.unusable(line, column, problem)
		return nil
	}
	line, column := p.yamlAt(n)
	p.unusable(line, column, "this YAML tag is not supported")
	return nil
}

// plainYAML returns the value of a bool or an integer in its usual form, as the library does; nil:
// it has another form.
func plainYAML(n *yaml.Node) any {
	switch {
	case n.Tag == "!!bool" && n.Value == "true":
		return true
	case n.Tag == "!!bool" && n.Value == "false":
		return false
	}
	const safe = 9 // digits that always fit
	if n.Tag != "!!int" || len(n.Value) > safe || n.Value < "1" {
		return nil // a zero at the beginning may mean another base
	}
	if i, err := strconv.Atoi(n.Value); err == nil {
		return i
	}
	return nil
}
