// Read on in yaml.go.

package config

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var yamlLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// yamlRemedies say what to write, by the library's message. Other messages of its
// parser are constant, too.
var yamlRemedies = map[string]string{
	"could not find expected ':'": "a colon, or the space after it, is missing; a comment begins " +
		"with #",
	"did not find expected alphabetic or numeric character": "put a text that begins with * or & in " +
		"quotes",
	"found unknown escape character": "in double quotes, write \\\\ for a backslash, or use single " +
		"quotes",
	"did not find expected hexdecimal number": "in double quotes, write \\\\ for a backslash, or use " +
		"single quotes",
	"did not find expected <document start>": "write nothing behind the line of three dots",
	"did not find expected key": "the line is indented wrongly, or a quote or bracket before it is " +
		"missing or left over",
	"did not find expected '-' indicator": "the line is indented wrongly, or \"- \" is missing",
	"mapping values are not allowed in this context": "the line is indented wrongly, or the text " +
		"before has \": \" in it or is cut short: put it in quotes",
	"found character that cannot start any token": "no text can begin with this character: put it " +
		"in quotes, and indent with spaces",
	"found a tab character that violates indentation": "indent with spaces",
	"found unexpected end of stream":                  "a quote is not closed",
	"did not find expected ',' or '}'":                "a } or a comma is missing",
	"did not find expected ',' or ']'":                "a ] or a comma is missing",
	"did not find expected node content":              "a value or a closing bracket is missing",
	"found unknown directive name":                    "want %YAML 1.2, or no directive",
	"found incompatible YAML document":                "want %YAML 1.2, or no directive",
}

// yamlError reports an error of the library, which often has the line where the
// object or the text around the fault begins, and no column. It quotes nothing.
func (p *parser) yamlError(err error, data []byte) {
	text := err.Error()
	text = text[len(yamlLine.FindString(text)):]
	exact := strings.HasPrefix(text, "found") || strings.HasPrefix(text, "mapping")
	at, isReference := p.yamlPlace(data, exact)
	switch remedy, known := yamlRemedies[text]; {
	case isReference:
		text = "a reference inside of { } or [ ] must be in quotes, as \"${env:NAME}\""
	case strings.HasPrefix(text, "unknown anchor"):
		at = max(at, bytes.LastIndexByte(data[:min(at+maxPath, len(data))], '*'))
		text = "an alias (*) names no anchor (&): put a text that begins with * in quotes"
	case strings.HasPrefix(text, "anchor"):
		text = "the value of an anchor (&) contains itself"
	case known:
		text += ": " + remedy
	}
	if strings.HasPrefix(text, "control characters") {
		at = max(0, bytes.IndexFunc(data, isYAMLControl))
		text += `: write it as an escape such as "\x1b" in double quotes`
	}
	text, at = syntaxProblem(data, at, at, text, nil)
	line, column := p.text().at(at)
	p.fault(line, column, "not YAML: "+text)
}

// isYAMLControl reports whether the library accepts r in escapes only.
func isYAMLControl(r rune) bool {
	isAllowed := r == '\n' || r == '\r' || r == '\t' || r >= ' ' && r < 0x7f || r >= 0xa0 && r < 0xfffe ||
		r > 0xffff
	return !isAllowed
}

// yamlPlace returns the offset where a text is not YAML. To find out how far the
// library comes, it parses the text again, the last part of it byte by byte.
// exact says that the error is of the library's scanner, which looks ahead by four bytes;
// its parser looks ahead by more.
func (p *parser) yamlPlace(data []byte, exact bool) (at int, isReference bool) {
	r := textReader{parser: p, data: data}
	readYAML(&r)
	r = textReader{parser: p, data: data, tail: len(data) - max(0, r.read-2*textBlock)}
	readYAML(&r)
	end := min(r.read, len(data))
	if odd, isReference := oddYAML(data, end); odd >= 0 {
		return odd, isReference
	}
	const lookAhead = 4
	at = max(0, end-lookAhead)
	if exact || r.read >= len(data) && bytes.IndexByte(data[at:], '\n') < 0 {
		return at, false
	}
	begin := oddIndent(data, bytes.LastIndexByte(data[:at], '\n')+1)
	return begin + max(0, indentAt(data, begin)), false
}

// readYAML reads until the library reports an error.
func readYAML(r io.Reader) {
	d := yaml.NewDecoder(r)
	for {
		var document yaml.Node
		if d.Decode(&document) != nil {
			return
		}
	}
}
