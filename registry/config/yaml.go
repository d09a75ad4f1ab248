// Read on in koanfsource.go.

package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yaml parses a YAML 1.2 document, without anchors, merge keys and tags of its
// own, because they would give a value two places.
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
	return p.yamlObject(root), true
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

func (p *parser) yamlObject(n *yaml.Node) map[string]any {
	out := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind == yaml.AliasNode || k.Tag == "!!merge":
			p.fault(k.Line, k.Column,
				"aliases and merge keys (<<) are not supported; use a second file, or write it out")
			continue
		case k.Kind != yaml.ScalarNode || k.Tag != "!!str":
			p.fault(k.Line, k.Column, "a key is not a string; put it in quotes")
			continue
		}
		if _, twice := out[k.Value]; twice {
			p.duplicate(k.Value, k.Line, k.Column)
			continue
		}
		if p.enter(k.Value, k.Line, k.Column) {
			out[k.Value] = p.yamlValue(v)
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
			out := make([]any, 0, len(n.Content))
			for i, v := range n.Content {
				if p.enter(strconv.Itoa(i), v.Line, v.Column) {
					out = append(out, p.yamlValue(v))
				}
				p.leave()
			}
			return out
		}
	case yaml.AliasNode:
		p.unusable(n.Line, n.Column, "anchors and aliases are not supported; write the value out")
		return nil
	case yaml.ScalarNode:
		return p.yamlScalar(n)
	}
	p.unusable(n.Line, n.Column, "this YAML tag is not supported")
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
			p.unusable(n.Line, n.Column, "not a valid "+strings.TrimPrefix(n.Tag, "!!"))
			return nil
		}
		return v
	}
	p.unusable(n.Line, n.Column, "this YAML tag is not supported")
	return nil
}
