// Read on in koanfsource.go.

package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yaml parses a YAML 1.2 document, with merge keys and without tags of its own. The
// place of a value that an alias stands for is that of the alias.
func (p *parser) yaml(data []byte) (map[string]any, bool) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := d.Decode(&first); {
	case errors.Is(err, io.EOF):
		p.fault(0, 0, "the file is empty")
		return nil, false
	case err != nil:
		p.yamlError(err)
		return nil, false
	}
	switch err := d.Decode(&second); {
	case err == nil:
		p.fault(second.Line, 0, "the file has several YAML documents; one is allowed")
		return nil, false
	case !errors.Is(err, io.EOF):
		p.yamlError(err)
		return nil, false
	}
	root := first.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		p.fault(0, 0, "the file is empty")
		return nil, false
	}
	if root.Kind != yaml.MappingNode {
		p.fault(root.Line, root.Column, "want an object with the key sessions")
		return nil, false
	}
	values := p.yamlObject(root)
	return values, p.aliased <= maxAliased
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (p *parser) yamlError(err error) {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	line := 0
	if m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
	}
	p.fault(line, 0, "not YAML: "+text)
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
	own := make(map[string]bool, len(n.Content)/2)
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
		case k.Kind != yaml.ScalarNode || k.Tag != "!!str" && k.Tag != "!!merge":
			p.fault(line, column, "a key is not a string; put it in quotes")
			continue
		case own[k.Value] || k.Tag == "!!merge":
			p.duplicate(k.Value, line, column)
			continue
		}
		own[k.Value] = true
		if !p.yamlCount() {
			return
		}
		if _, given := out[k.Value]; given && merged {
			continue
		}
		p.yamlKey(k.Value, v, line, column, out)
	}
	if merge != nil {
		p.yamlMerge(merge, out)
	}
}

// yamlKey adds one key to out.
func (p *parser) yamlKey(name string, v *yaml.Node, line, column int, out map[string]any) {
	if p.enter(name, line, column) {
		out[name] = p.yamlValue(v)
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

func (p *parser) yamlScalar(n *yaml.Node) any {
	switch n.Tag {
	case "!!str", "!!timestamp": // a date is text here
		return n.Value
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			line, column := p.yamlAt(n)
			p.unusable(line, column, "not a valid "+strings.TrimPrefix(n.Tag, "!!"))
			return nil
		}
		return v
	}
	line, column := p.yamlAt(n)
	p.unusable(line, column, "this YAML tag is not supported")
	return nil
}
