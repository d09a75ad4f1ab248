// Read on in json.go.

package config

import "bytes"

// This file finds where a text is probably wrong. A parser notices a missing quote
// or bracket late, often at the end of the text; a person sees it by the indentation.

// bracket is a [ or { that is open.
type bracket struct {
	char   byte
	indent int // of its line
	inside int // of the first line inside of it; -1: none yet
}

// layout compares brackets with the indentation of lines.
type layout struct {
	open   []bracket
	indent int  // of the current line
	first  bool // nothing but white space was on the current line
	odd    int  // offset of the first thing that does not fit; -1: none
}

func newLayout() *layout { return &layout{odd: -1, first: true} }

// line begins a line.
func (l *layout) line() { l.indent, l.first = 0, true }

// see notes the first character of a line, which is not white space.
func (l *layout) see(c byte, offset int) {
	if !l.first {
		return
	}
	l.first = false
	if len(l.open) == 0 {
		return
	}
	b := &l.open[len(l.open)-1]
	switch {
	case c == '}' || c == ']':
		if l.indent != b.indent {
			l.note(offset)
		}
	case c == ',':
	case b.inside < 0:
		if b.inside = l.indent; l.indent <= b.indent {
			l.note(offset)
		}
	case l.indent < b.inside:
		l.note(offset)
	}
}

func (l *layout) note(offset int) {
	if l.odd < 0 {
		l.odd = offset
	}
}

func (l *layout) push(c byte) {
	l.open = append(l.open, bracket{c, l.indent, -1})
}

func (l *layout) pop(c byte, offset int) {
	if len(l.open) == 0 {
		l.note(offset)
		return
	}
	last := l.open[len(l.open)-1]
	if (c == '}') != (last.char == '{') {
		l.note(offset)
	}
	l.open = l.open[:len(l.open)-1]
}

// oddJSON returns the offset of the first bracket or line of a JSON text that does
// not fit its indentation, before end; -1: there is none.
func oddJSON(data []byte, end int) int {
	l := newLayout()
	for i := 0; i < end; i++ {
		switch c := data[i]; c {
		case '\n':
			l.line()
		case ' ', '\t':
			if l.first {
				l.indent++
			}
		case '"':
			l.see(c, i)
			for i++; i < end && data[i] != '"' && data[i] != '\n'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			l.see(c, i)
			l.push(c)
		case ']', '}':
			l.see(c, i)
			l.pop(c, i)
		case '\r':
		default:
			l.see(c, i)
		}
	}
	return l.odd
}

// yamlScan goes over a YAML text, roughly, and notes quotes and brackets.
type yamlScan struct {
	*layout
	data  []byte
	at    int
	begin bool // a value can begin here
	// quote is the offset of the last quoted text of several lines, and quoteEnd
	// where it ends; -1: there is none.
	quote, quoteEnd int
	reference       int // offset of the first ${ inside of { } or [ ]; -1: there is none
}

// oddYAML returns where a YAML text is probably wrong, given that a parser fails at
// end; -1: nothing is found. isReference says that it is a reference without quotes.
func oddYAML(data []byte, end int) (odd int, isReference bool) {
	s := yamlScan{layout: newLayout(), data: data, begin: true, quote: -1, reference: -1}
	for s.at < min(end, len(data)) {
		s.step()
	}
	isNear := s.quote >= 0 && bytes.Count(data[min(s.quoteEnd, end):end], []byte("\n")) <= 1
	switch {
	case s.reference >= 0 && (s.odd < 0 || s.reference < s.odd):
		return s.reference, true
	case isNear && (s.odd < 0 || s.quote < s.odd):
		return s.quote, false
	}
	return s.odd, false
}

func (s *yamlScan) step() {
	c := s.data[s.at]
	switch {
	case c == '\n':
		s.line()
		s.begin = true
	case c == ' ' || c == '\t' || c == '\r':
		if s.first {
			s.indent++
		}
	case c == '#' && (s.first || s.at > 0 && isBlank(s.data[s.at-1])):
		s.toLineEnd()
		return
	case s.begin && (c == '"' || c == '\''):
		s.see(c, s.at)
		s.quoted(c)
		return
	case s.begin && (c == '|' || c == '>') && len(s.open) == 0:
		s.blockText()
		return
	default:
		s.character(c)
	}
	s.at++
}

func (s *yamlScan) character(c byte) {
	s.see(c, s.at)
	inFlow := len(s.open) > 0
	if inFlow && s.reference < 0 && bytes.HasPrefix(s.data[s.at:], []byte("${")) {
		s.reference = s.at
	}
	switch {
	case s.begin && (c == '[' || c == '{'):
		s.push(c)
	case inFlow && (c == ']' || c == '}'):
		s.pop(c, s.at)
		s.begin = false
	case inFlow && c == ',':
		s.begin = true
	case c == ':' || c == '-' || c == '?':
		s.begin = s.at+1 >= len(s.data) || isBlank(s.data[s.at+1])
	case s.begin && (c == '&' || c == '!'): // a value may follow it
		for s.at+1 < len(s.data) && !isBlank(s.data[s.at+1]) {
			s.at++
		}
	default:
		s.begin = false
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (s *yamlScan) toLineEnd() {
	for s.at < len(s.data) && s.data[s.at] != '\n' {
		s.at++
	}
}

// quoted skips a text in quotes.
func (s *yamlScan) quoted(quote byte) {
	from, lines := s.at, 0
	for s.at++; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '\n':
			lines++
		case c == '\\' && quote == '"':
			s.at++
		case c == quote && quote == '\'' && s.at+1 < len(s.data) && s.data[s.at+1] == quote:
			s.at++
		case c == quote:
			s.at++
			s.endQuote(from, lines)
			return
		}
	}
	s.endQuote(from, lines)
}

func (s *yamlScan) endQuote(from, lines int) {
	s.begin = false
	if lines > 0 {
		s.quote, s.quoteEnd = from, s.at
	}
	if s.at < len(s.data) && !isBlank(s.data[s.at]) &&
		bytes.IndexByte([]byte(",:]}"), s.data[s.at]) < 0 { // it was to end somewhere else
		at := s.at
		if lines > 0 {
			at = from
		}
		s.note(at)
	}
}

// blockText skips a text of several lines after | or >.
func (s *yamlScan) blockText() {
	indent := s.indent
	s.first = false
	for s.toLineEnd(); s.at < len(s.data); s.toLineEnd() {
		next := s.at + 1
		for next < len(s.data) && s.data[next] == ' ' {
			next++
		}
		if next < len(s.data) && next-s.at-1 <= indent && s.data[next] != '\n' &&
			s.data[next] != '\r' {
			return
		}
		s.at++
	}
}
