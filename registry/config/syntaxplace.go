// Read on in remedies.go.

package config

import (
	"bytes"
	"strings"
)

// This file finds where a text is probably wrong. A parser notices a missing quote
// or bracket late, often at the end of the text; a person sees it by the indentation.

// bracket is a [ or { that is open.
type bracket struct {
	char   byte
	offset int
	number int // of its line
	indent int // of its line
	inside int // of the first line inside of it; -1: none yet
}

// layout compares brackets with the indentation of lines.
type layout struct {
	open   []bracket
	indent int  // of the current line
	first  bool // nothing but white space was on the current line
	odd    int  // offset of the first thing that does not fit; -1: none
	number int  // of the current line
	seen   bool // a line inside of a bracket was seen
	off    bool // nothing is noted
	strict bool // no line inside of brackets is indented further than the first
	closed int  // number of the line of the bracket that was closed last, on this line; -1: none
}

func newLayout() *layout { return &layout{odd: -1, first: true, closed: -1} }

// line begins a line.
func (l *layout) line() {
	if n := len(l.open); n > 0 && l.open[n-1].number == l.closed && l.closed != l.number {
		l.note(l.open[n-1].offset) // two brackets of one line are closed on different lines
	}
	l.indent, l.first, l.closed = 0, true, -1
	l.number++
}

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
	if !l.seen && l.strict && l.indent <= b.indent {
		l.off = true // the text is not indented
	}
	l.seen = true
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
	case l.indent < b.inside || l.strict && l.indent > b.inside:
		l.note(offset)
	}
}

func (l *layout) note(offset int) {
	if l.odd < 0 && !l.off {
		l.odd = offset
	}
}

func (l *layout) push(c byte, offset int) {
	l.open = append(l.open, bracket{c, offset, l.number, l.indent, -1})
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
	l.open, l.closed = l.open[:len(l.open)-1], last.number
}

// oddBracket returns the offset of the first bracket or line that does not fit the
// indentation of a text, before end; -1: there is none. quotes are the characters that
// begin and end a text, and comment begins a comment; 0: there are none.
func oddBracket(data []byte, end int, quotes string, comment byte) int {
	l := newLayout()
	l.strict = true
	for i := 0; i < end; i++ {
		switch c := data[i]; {
		case c == '\n':
			l.line()
		case c == ' ' || c == '\t':
			if l.first {
				l.indent++
			}
		case c == comment && c != 0:
			i = lineEnd(data[:end], i) - 1
		case strings.IndexByte(quotes, c) >= 0:
			l.see(c, i)
			i = quoteEnd(data[:end], i)
		case c == '[' || c == '{':
			l.see(c, i)
			l.push(c, i)
		case c == ']' || c == '}':
			l.see(c, i)
			l.pop(c, i)
		case c != '\r':
			l.see(c, i)
		}
	}
	return l.odd
}

// lineEnd returns the offset of the line break at or after an offset.
func lineEnd(data []byte, at int) int {
	if n := bytes.IndexByte(data[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(data)
}

// quoteEnd returns the offset of the quote that closes the one at an offset, or of what
// comes before the end of the line.
func quoteEnd(data []byte, at int) int {
	quote := data[at]
	for at++; at < len(data) && data[at] != quote; at++ {
		switch {
		case data[at] == '\n':
			return at - 1
		case data[at] == '\\' && quote == '"':
			at++
		}
	}
	return at
}

// oddIndent returns the offset of the line that is probably indented wrongly, given
// that the line at an offset does not fit the lines above it: that line, or the one
// line above it that differs from its other neighbours.
func oddIndent(data []byte, at int) int {
	unit := usualIndent(data)
	indent := indentAt(data, at)
	if unit > 0 && indent%unit != 0 {
		return at
	}
	// Of the lines above that are indented further, those that are indented least.
	least, where, count := 0, 0, 0
	for line := at; line > 0; {
		line = bytes.LastIndexByte(data[:line-1], '\n') + 1
		n := indentAt(data, line)
		switch {
		case n < 0:
			continue
		case n <= indent:
			if unit > 0 && n%unit != 0 {
				return line
			}
			line = 0
		case where == 0 || n < least:
			least, where, count = n, line, 1
		case n == least:
			where, count = line, count+1
		}
	}
	if count == 1 && unit > 0 && least%unit != 0 {
		return where
	}
	return at
}

// usualIndent returns 2 if almost all lines are indented by a multiple of two, else 0.
func usualIndent(data []byte) int {
	indented, even := 0, 0
	for at := 0; at < len(data); at = lineEnd(data, at) + 1 {
		if n := indentAt(data, at); n > 0 {
			indented++
			even += 1 - n%2
		}
	}
	if 4*even >= 3*indented {
		return 2
	}
	return 0
}

// indentAt returns by how much a line is indented; -1: it is blank or a comment.
func indentAt(data []byte, at int) int {
	n := 0
	for at+n < len(data) && data[at+n] == ' ' {
		n++
	}
	if at+n >= len(data) || bytes.IndexByte([]byte("#\r\n"), data[at+n]) >= 0 {
		return -1
	}
	return n
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
		s.push(c, s.at)
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
