// Read on in toml.go.

package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// json parses a JSON text (RFC 8259).
func (p *parser) json(data []byte) (map[string]any, bool) {
	where := newLines(data)
	if !p.isJSON(data) {
		p.jsonError(data, where)
		return nil, false
	}
	r := jsonReader{
		parser: p, Decoder: json.NewDecoder(bytes.NewReader(data)), data: data, where: where,
	}
	r.UseNumber()
	start, token := r.next()
	if token != json.Delim('{') {
		line, column := where.at(start)
		p.fault(line, column, "want an object with the key sessions")
		return nil, false
	}
	return r.object(), true
}

// isJSON reports whether a text is one value of JSON. It ends early with the parser's context,
// which json.Valid cannot.
func (p *parser) isJSON(data []byte) bool {
	d := json.NewDecoder(&textReader{parser: p, data: data})
	var whole json.RawMessage
	return d.Decode(&whole) == nil && len(bytes.Trim(data[d.InputOffset():], " \t\r\n")) == 0
}

// jsonError reports where a text is not JSON, unless the context has ended.
func (p *parser) jsonError(data []byte, where *lines) {
	if p.ended {
		return
	}
	var whole json.RawMessage
	err := json.Unmarshal(data, &whole)
	if err == nil {
		return
	}
	line, column, problem := 0, 0, "the syntax is wrong"
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		noticed := int(syntax.Offset) - 1
		at := jsonPlace(data, noticed, syntax.Error())
		problem, at = syntaxProblem(data, noticed, at, syntax.Error(), jsonRemedies)
		line, column = where.at(at)
	}
	p.fault(line, column, "not JSON: "+problem)
}

// jsonPlace returns the offset where a text is not JSON, given where the decoder
// noticed it. A wrong character inside of a value is noticed at once.
func jsonPlace(data []byte, noticed int, problem string) int {
	noticed = min(max(noticed, 0), len(data))
	if strings.Contains(problem, " in ") && !strings.Contains(problem, "end of JSON") {
		return noticed
	}
	line := bytes.LastIndexByte(data[:noticed], '\n') + 1
	if odd := oddBracket(data, min(noticed+1, len(data)), `"`, 0); odd >= 0 && odd < line {
		return odd
	}
	return noticed
}

// jsonReader walks over a text that is known to be JSON.
type jsonReader struct {
	*parser
	*json.Decoder
	data  []byte
	where *lines
}

// start returns the offset where the next token starts.
func (r *jsonReader) start() int {
	start := int(r.InputOffset())
	for start < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[start]) >= 0 {
		start++
	}
	return start
}

// next returns a token and the offset where it starts.
func (r *jsonReader) next() (int, json.Token) {
	start := r.start()
	token, err := r.Token()
	if err != nil { // cannot happen: the text was checked
		return start, nil
	}
	return start, token
}

func (r *jsonReader) object() map[string]any {
	out := map[string]any{}
	for !r.ended && r.More() {
		start, token := r.next()
		key, _ := token.(string)
		line, column := r.where.at(start)
		if _, twice := out[key]; twice {
			r.duplicate(key, line, column)
			r.value(false)
			continue
		}
		if ok := r.enter(key, line, column); ok {
			out[key] = r.value(true)
		} else {
			r.value(false)
		}
		r.leave()
	}
	r.next()
	return out
}

// value reads one value, or skips it.
func (r *jsonReader) value(use bool) any {
	if !use {
		var skipped json.RawMessage
		_ = r.Decode(&skipped)
		return nil
	}
	start, token := r.next()
	switch v := token.(type) {
	case string:
		if r.hasHalfOfACharacter(v, start) {
			r.unusableHere(`an escape such as \ud800 is half of a character`)
		}
	case json.Delim:
		if v == '{' {
			return r.object()
		}
		return r.list()
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil {
			r.unusableHere("the number is out of range")
		}
		return f
	}
	return token
}

// hasHalfOfACharacter reports whether a text has an escape of half of a character (RFC 8259
// §8.2), which the decoder replaces. start is the offset of the text.
func (r *jsonReader) hasHalfOfACharacter(text string, start int) bool {
	if !strings.ContainsRune(text, utf8.RuneError) {
		return false
	}
	written := bytes.ToLower(r.data[start:r.InputOffset()])
	known := bytes.Count(written, []byte(`\ufffd`)) + bytes.Count(written, []byte("\ufffd"))
	return strings.Count(text, string(utf8.RuneError)) != known
}

func (r *jsonReader) list() []any {
	out := []any{}
	for i := 0; !r.ended && r.More(); i++ {
		line, column := r.where.at(r.start())
		value := r.value(r.enter(strconv.Itoa(i), line, column))
		out = append(out, value)
		r.leave()
	}
	r.next()
	return out
}
