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
// own, which would make a value come from two places.
func (t *tree) yaml(data []byte) (map[string]any, bool) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := d.Decode(&first); {
	case errors.Is(err, io.EOF):
		t.fault(0, 0, "the file is empty")
		return nil, false
	case err != nil:
		t.yamlError(err)
		return nil, false
	}
	switch err := d.Decode(&second); {
	case err == nil:
		t.fault(second.Line, 0, "the file has several YAML documents; one is allowed")
		return nil, false
	case !errors.Is(err, io.EOF):
		t.yamlError(err)
		return nil, false
	}
	root := first.Content[0]
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		t.fault(0, 0, "the file is empty")
		return nil, false
	}
	if root.Kind != yaml.MappingNode {
		t.fault(root.Line, root.Column, "want an object with the key sessions")
		return nil, false
	}
	return t.yamlObject(root), true
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (t *tree) yamlError(err error) {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	line := 0
	if m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
	}
	t.fault(line, 0, "not YAML: "+text)
}

func (t *tree) yamlObject(n *yaml.Node) map[string]any {
	out := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind == yaml.AliasNode || k.Tag == "!!merge":
			t.fault(k.Line, k.Column, "aliases and merge keys (<<) are not supported; use a second file, or write it out")
			continue
		case k.Kind != yaml.ScalarNode || k.Tag != "!!str":
			t.fault(k.Line, k.Column, "a key is not a string; put it in quotes")
			continue
		}
		if _, twice := out[k.Value]; twice {
			t.twice(k.Value, k.Line, k.Column)
			continue
		}
		if t.enter(k.Value, k.Line, k.Column) {
			out[k.Value] = t.yamlValue(v)
		}
		t.leave()
	}
	return out
}

func (t *tree) yamlValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		if n.Tag == "!!map" {
			return t.yamlObject(n)
		}
	case yaml.SequenceNode:
		if n.Tag == "!!seq" {
			out := make([]any, 0, len(n.Content))
			for i, v := range n.Content {
				if t.enter(strconv.Itoa(i), v.Line, v.Column) {
					out = append(out, t.yamlValue(v))
				}
				t.leave()
			}
			return out
		}
	case yaml.AliasNode:
		t.unusable(n.Line, n.Column, "anchors and aliases are not supported; write the value out")
		return nil
	case yaml.ScalarNode:
		return t.yamlScalar(n)
	}
	t.unusable(n.Line, n.Column, "this YAML tag is not supported")
	return nil
}

func (t *tree) yamlScalar(n *yaml.Node) any {
	switch n.Tag {
	case "!!str", "!!timestamp": // a date is text here
		return n.Value
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			t.unusable(n.Line, n.Column, "not a valid "+strings.TrimPrefix(n.Tag, "!!"))
			return nil
		}
		return v
	}
	t.unusable(n.Line, n.Column, "this YAML tag is not supported")
	return nil
}
