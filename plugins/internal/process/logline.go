// Read on in log.go.

package process

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/authsession/authsession/core"
)

const (
	maxLine   = 2048 // bytes of a line that are logged, without its fields
	maxFields = 32   // of a line, those in objects included
	maxField  = 1024 // bytes of a field's value
	maxName   = 100  // bytes of a field's name
	maxDepth  = 4    // of objects in objects; what is deeper is logged as JSON
)

// entry is one line of a plugin.
type entry struct {
	level  slog.Level
	text   string
	fields map[string]any // what a JSON line has beside these; may be nil
}

// The members of a JSON line that are not fields, as hclog, slog and others call them.
var (
	levelMembers = []string{"@level", "level", "severity"}
	textMembers  = []string{"@message", "msg", "message"}
	timeMembers  = []string{"@timestamp", "time"} // in RFC 3339; the host's log has a time
)

// parseLine reads the level of a line as hclog and slog write it: in a JSON object,
// or as a prefix such as "[WARN]". Other lines are Info, but for the first line of a
// crash of a Go program.
func parseLine(text string) entry {
	if e, ok := parseJSON(text); ok {
		return e
	}
	if prefixed, ok := strings.CutPrefix(text, "["); ok {
		name, rest, ok := strings.Cut(prefixed, "]")
		if level, known := levelNamed(name); ok && known {
			return entry{level: level, text: strings.TrimSpace(rest)}
		}
	}
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		return entry{level: slog.LevelError, text: text}
	}
	return entry{level: slog.LevelInfo, text: text}
}

// parseJSON reads a line that is a JSON object with a level or a text.
func parseJSON(line string) (e entry, ok bool) {
	if !strings.HasPrefix(line, "{") {
		return e, false
	}
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.UseNumber() // other numbers would change
	if decoder.Decode(&e.fields) != nil {
		return e, false
	}
	if _, err := decoder.Token(); err != io.EOF {
		return e, false
	}
	level, hasLevel := e.take(levelMembers, isLevel)
	text, hasText := e.take(textMembers, func(string) bool { return true })
	if !hasLevel && !hasText {
		return e, false
	}
	e.take(timeMembers, isTime)
	e.level, _ = levelNamed(level)
	e.text = text
	return e, true
}

// take removes the first of the named members that is a text of the kind is, and returns it.
func (e *entry) take(names []string, is func(string) bool) (text string, ok bool) {
	for _, name := range names {
		if text, ok = e.fields[name].(string); ok && is(text) {
			delete(e.fields, name)
			return text, true
		}
	}
	return "", false
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

func isLevel(text string) bool {
	_, known := levelNamed(text)
	return known
}

// levels are the names of levels, in small letters.
var levels = map[string]slog.Level{
	"trace": slog.LevelDebug, "debug": slog.LevelDebug, "verbose": slog.LevelDebug,
	"info": slog.LevelInfo, "information": slog.LevelInfo, "notice": slog.LevelInfo,
	"warn": slog.LevelWarn, "warning": slog.LevelWarn,
	"err": slog.LevelError, "error": slog.LevelError, "fatal": slog.LevelError,
	"crit": slog.LevelError, "critical": slog.LevelError, "panic": slog.LevelError,
	"dpanic": slog.LevelError, "alert": slog.LevelError, "emerg": slog.LevelError,
	"emergency": slog.LevelError,
}

// levelNamed returns the level of a name such as "warn", "WARNING" or "WARN+2", and Info and false
// for other names.
func levelNamed(name string) (level slog.Level, known bool) {
	name = strings.ToLower(name)
	if end := strings.IndexAny(name, "+-"); end > 0 && isNumber(name[end+1:]) {
		name = name[:end]
	}
	level, known = levels[name]
	return level, known
}

// isNumber reports whether text is digits alone, at least one.
func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// fieldWriter makes attributes of the fields of a line, within the bounds.
type fieldWriter struct {
	clean   func(text string, limit int) string
	left    int // how many fields there may still be
	dropped int // fields beyond that
}

// attrs returns the attributes of an object, in the order of their names.
func (w *fieldWriter) attrs(object map[string]any, depth int) []any {
	var out []any
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if w.left == 0 {
			w.dropped++
			continue
		}
		w.left--
		out = append(out, slog.Attr{Key: w.clean(name, maxName), Value: w.value(object[name], depth)})
	}
	return out
}

func (w *fieldWriter) value(v any, depth int) slog.Value {
	switch v := v.(type) {
	case nil:
		return slog.AnyValue(nil)
	case bool:
		return slog.BoolValue(v)
	case string:
		return slog.StringValue(w.clean(v, maxField))
	case json.Number:
		if n, err := v.Int64(); err == nil && w.clean(v.String(), maxField) == v.String() {
			return slog.Int64Value(n)
		}
		return slog.StringValue(w.clean(v.String(), maxField))
	case map[string]any:
		if depth < maxDepth {
			return slog.GroupValue(groupOf(w.attrs(v, depth+1))...)
		}
	}
	return slog.StringValue(w.clean(compactJSON(v), maxField))
}

func groupOf(attrs []any) (group []slog.Attr) {
	for _, a := range attrs {
		group = append(group, a.(slog.Attr))
	}
	return group
}

// compactJSON returns a value as a plugin has written it, but for spaces.
func compactJSON(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v) // it was read from JSON
	return strings.TrimSpace(b.String())
}

// allText returns the texts of the line and of all its fields, to be searched.
func (e *entry) allText() string {
	var b strings.Builder
	b.WriteString(e.text)
	var add func(v any)
	add = func(v any) {
		switch v := v.(type) {
		case string:
			b.WriteString("\n" + v)
		case json.Number:
			b.WriteString("\n" + v.String())
		case bool:
			b.WriteString("\n" + strconv.FormatBool(v))
		case []any:
			for _, v := range v {
				add(v)
			}
		case map[string]any:
			for name, v := range v {
				b.WriteString("\n" + name)
				add(v)
			}
		}
	}
	add(e.fields)
	return b.String()
}

// OneLine makes text of a plugin one printable line of at most limit bytes.
func OneLine(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	text = core.Printable(text, len(text)) // without what changes the direction of writing
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
