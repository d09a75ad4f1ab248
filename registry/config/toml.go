// Read on in yaml.go.

package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// toml parses a TOML 1.0 document. The library's decoder checks it and makes
// the values; a walk over its syntax tree finds where they are.
func (p *parser) toml(data []byte) (map[string]any, bool) {
	var values map[string]any
	if err := toml.Unmarshal(data, &values); err != nil {
		line, column := 0, 0
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, column = at.Position()
		}
		text := strings.TrimPrefix(err.Error(), "toml: ")
		text, _, _ = strings.Cut(text, ": strconv.") // that part quotes the value
		p.fault(line, column, "not TOML: "+text)
		return nil, false
	}
	w := tomlWalker{parser: p, where: newLines(data), counts: map[string]int{}}
	w.syntax.Reset(data)
	w.walk()
	return p.tomlObject(values), true
}

// tomlWalker notes the places of keys. TOML names the same table in several
// headers and dotted keys, so that the path at an expression is not the path of
// the values around it in the text: each header starts again at the top.
type tomlWalker struct {
	*parser
	syntax unstable.Parser
	where  *lines
	counts map[string]int // by joined path: how many tables an array of tables has so far
}

func (w *tomlWalker) walk() {
	for w.syntax.NextExpression() {
		switch e := w.syntax.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			w.up(0)
			w.down(e.Key(), e.Kind == unstable.ArrayTable)
		case unstable.KeyValue:
			w.keyValue(e)
		}
	}
}

// up goes back to a depth.
func (w *tomlWalker) up(depth int) {
	for len(w.path) > depth {
		w.leave()
	}
}

// down goes along the parts of a key, and into the last table of each array of
// tables on its way. With list, the key is the header of another table of an
// array.
func (w *tomlWalker) down(key unstable.Iterator, list bool) {
	for key.Next() {
		n := key.Node()
		line, column := w.where.at(int(n.Raw.Offset))
		w.enterFirst(string(n.Data), line, column)
		at := string(w.key)
		if list && key.IsLast() {
			w.counts[at]++
		}
		if count := w.counts[at]; count > 0 {
			w.enterFirst(strconv.Itoa(count-1), line, column)
		}
	}
}

// enterFirst enters a key that headers may name again and again, and keeps the
// first place.
func (w *tomlWalker) enterFirst(name string, line, column int) {
	before, known := w.places[join(append(w.path[:len(w.path):len(w.path)], name))]
	if w.enter(name, line, column); known && before.source == w.source {
		w.places[string(w.key)] = before
	}
}

func (w *tomlWalker) keyValue(n *unstable.Node) {
	depth := len(w.path)
	w.down(n.Key(), false)
	w.value(n.Value())
	w.up(depth)
}

func (w *tomlWalker) value(n *unstable.Node) {
	switch n.Kind {
	case unstable.InlineTable:
		for it := n.Children(); it.Next(); {
			w.keyValue(it.Node())
		}
	case unstable.Array:
		here := w.places[string(w.key)]
		i := 0
		for it := n.Children(); it.Next(); i++ {
			line, column := int(here.line), int(here.column)
			if raw := it.Node().Raw; raw.Length > 0 {
				line, column = w.where.at(int(raw.Offset))
			}
			w.enter(strconv.Itoa(i), line, column)
			w.value(it.Node())
			w.leave()
		}
	}
}

// tomlObject converts the types of TOML to those that all formats have.
func (p *parser) tomlObject(values map[string]any) map[string]any {
	for key, value := range values {
		values[key] = p.tomlValue(value)
	}
	return values
}

func (p *parser) tomlValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return p.tomlObject(v)
	case []any:
		for i := range v {
			v[i] = p.tomlValue(v[i])
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		return fmt.Sprint(v)
	}
	return value
}
