// Read on in yamlsyntax.go.

package config

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// toml parses a TOML 1.0 document. It makes the values from the library's syntax
// tree: the time that the library's own decoder takes grows with the square of the
// number of keys in a table.
func (p *parser) toml(data []byte) (map[string]any, bool) {
	p.source.keepsFirst = true // headers may name a table again and again
	r := tomlReader{parser: p, where: newLines(data), root: newTOMLTable(tomlPlain)}
	r.current = r.root
	r.syntax.Reset(data)
	r.read()
	if err := r.syntax.Error(); err != nil && !r.failed {
		r.syntaxFault(err)
	}
	return r.root.values, !r.failed
}

// tomlKind says how a table came to be, which decides what may be added to it.
type tomlKind uint8

const (
	tomlPlain  tomlKind = iota // named in a header, or on the way to such a table
	tomlDotted                 // named in a dotted key
	tomlList                   // the last table of an array of tables
)

// tomlTable is a table that may get more keys.
type tomlTable struct {
	values   map[string]any
	tables   map[string]*tomlTable // those in values, except inline tables
	kind     tomlKind
	isHeader bool // a header names it
	number   int  // of a tomlList: its index
}

func newTOMLTable(kind tomlKind) *tomlTable {
	return &tomlTable{values: map[string]any{}, tables: map[string]*tomlTable{}, kind: kind}
}

// table returns the table of a name, which it adds if there is none. It returns nil
// if the name has another value.
func (t *tomlTable) table(name string, kind tomlKind) *tomlTable {
	below := t.tables[name]
	if _, taken := t.values[name]; below == nil && !taken {
		below = newTOMLTable(kind)
		t.tables[name], t.values[name] = below, below.values
	}
	return below
}

// tomlReader makes the values of a document and notes the places of its keys. TOML
// names the same table in several headers and dotted keys, so that the path at an
// expression is not the path of the values around it in the text: each header
// starts again at the top.
type tomlReader struct {
	*parser
	syntax        unstable.Parser
	where         *lines
	root, current *tomlTable
	failed        bool
}

func (r *tomlReader) read() {
	for !r.failed && !r.isEnded() && r.syntax.NextExpression() {
		switch e := r.syntax.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			r.up(0)
			r.current = r.header(e.Key(), e.Kind == unstable.ArrayTable)
		case unstable.KeyValue:
			r.keyValue(r.current, e)
		}
	}
}

// up goes back to a depth.
func (r *tomlReader) up(depth int) {
	for len(r.path) > depth {
		r.leave()
	}
}

// fail reports a key that is defined twice, or in two ways.
func (r *tomlReader) fail(name string, line, column int) {
	r.failed, r.path = true, nil
	r.fault(line, column, "not TOML: key "+name+" is already defined")
}

// header goes to the table of a header, and returns it. With list, it is another
// table of an array.
func (r *tomlReader) header(key unstable.Iterator, list bool) *tomlTable {
	t := r.root
	for key.Next() {
		n := key.Node()
		line, column := r.where.at(int(n.Raw.Offset))
		name := string(n.Data)
		if !r.enter(name, line, column) {
			return newTOMLTable(tomlPlain) // the fault is reported
		}
		before := t
		switch {
		case list && key.IsLast():
			t = before.element(name)
		default:
			t = before.table(name, tomlPlain)
		}
		isTwice := t != nil && key.IsLast() && !list && (t.isHeader || t.kind != tomlPlain)
		if t == nil || isTwice {
			r.fail(name, line, column)
			return newTOMLTable(tomlPlain)
		}
		if t.kind == tomlList && !r.enter(strconv.Itoa(t.number), line, column) {
			return newTOMLTable(tomlPlain)
		}
	}
	t.isHeader = true
	return t
}

// element adds a table to an array of tables. It returns nil if the name has
// another value.
func (t *tomlTable) element(name string) *tomlTable {
	last := t.tables[name]
	list, isList := t.values[name].([]any)
	if _, taken := t.values[name]; taken && (last == nil || !isList) {
		return nil
	}
	added := newTOMLTable(tomlList)
	added.number = len(list)
	t.tables[name], t.values[name] = added, append(list, added.values)
	return added
}

// keyValue adds a key, perhaps a dotted one, and its value to a table.
func (r *tomlReader) keyValue(t *tomlTable, n *unstable.Node) {
	depth := len(r.path)
	defer func() { r.up(depth) }()
	for key := n.Key(); key.Next(); {
		part := key.Node()
		line, column := r.where.at(int(part.Raw.Offset))
		name := string(part.Data)
		if !r.enter(name, line, column) {
			return
		}
		if key.IsLast() {
			if _, taken := t.values[name]; taken {
				r.fail(name, line, column)
				return
			}
			t.values[name] = r.value(n.Value())
			return
		}
		if t = t.table(name, tomlDotted); t == nil || t.kind != tomlDotted {
			r.fail(name, line, column)
			return
		}
	}
}

func (r *tomlReader) value(n *unstable.Node) any {
	switch n.Kind {
	case unstable.InlineTable:
		t := newTOMLTable(tomlPlain)
		for it := n.Children(); it.Next() && !r.failed && !r.isEnded(); {
			r.keyValue(t, it.Node())
		}
		return t.values
	case unstable.Array:
		return r.list(n)
	case unstable.String:
		return string(n.Data)
	case unstable.Bool:
		return string(n.Data) == "true"
	case unstable.Integer:
		return r.integer(string(n.Data))
	case unstable.Float:
		return r.float(string(n.Data))
	}
	return r.date(string(n.Data))
}

func (r *tomlReader) list(n *unstable.Node) []any {
	here := r.here()
	out := []any{}
	for it := n.Children(); it.Next() && !r.failed && !r.isEnded(); {
		line, column := int(here.line), int(here.column)
		if raw := it.Node().Raw; raw.Length > 0 {
			line, column = r.where.at(int(raw.Offset))
		}
		if r.enter(strconv.Itoa(len(out)), line, column) {
			out = append(out, r.value(it.Node()))
		}
		r.leave()
	}
	return out
}

func (r *tomlReader) integer(text string) any {
	i, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 0, 64)
	if err != nil {
		r.unusableHere("the number is out of range")
		return nil
	}
	return i
}

func (r *tomlReader) float(text string) any {
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if err != nil {
		r.unusableHere("not a valid number, or out of range")
		return nil
	}
	return f
}

// date returns a date or a time as text. The library checks it.
func (r *tomlReader) date(text string) any {
	var checked map[string]any
	if toml.Unmarshal([]byte("x="+text), &checked) != nil {
		r.unusableHere("not a valid date or time")
		return nil
	}
	if t, ok := checked["x"].(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(checked["x"])
}

// syntaxFault reports the error of the library's parser.
func (r *tomlReader) syntaxFault(err error) {
	r.failed = true
	line, column := 0, 0
	var at *unstable.ParserError
	text := "the syntax is wrong"
	if errors.As(err, &at) {
		noticed := int(r.syntax.Range(at.Highlight).Offset)
		offset := tomlPlace(r.where.data, noticed)
		text, offset = syntaxProblem(r.where.data, noticed, offset, at.Message, tomlRemedies)
		line, column = r.where.at(offset)
	}
	r.path = nil
	r.fault(line, column, "not TOML: "+text)
}

// tomlPlace returns the offset where a text is not TOML, given where the parser
// noticed it.
func tomlPlace(data []byte, noticed int) int {
	line := bytes.LastIndexByte(data[:noticed], '\n') + 1
	hasLongTexts := bytes.Contains(data, []byte(`"""`)) || bytes.Contains(data, []byte("'''"))
	if !hasLongTexts {
		if odd := oddBracket(data, noticed, "\"'", '#'); odd >= 0 && odd < line {
			return odd
		}
	}
	if before := bytes.TrimRight(data[:line], " \t\r\n"); len(bytes.TrimSpace(data[line:noticed])) == 0 &&
		len(before) > 0 {
		return len(before) // something is missing there
	}
	return noticed
}
