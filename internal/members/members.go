// Package members reads what servers answer: JSON objects, and the forms that some
// servers use instead. It is the one reader of such documents in this module.
//
// Each member is read by itself: a member of an unexpected type is absent for a
// caller that wants another type, and never an error of the whole document. A
// caller that needs a member checks that it is there.
//
//	object, err := members.Read(body)
//	scopes := object.List("scopes_supported")
//
// Read on in times.go.
package members

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// Object is a JSON object: its members by their exact names, each of them not read
// yet. It does not change and is safe for concurrent use.
type Object map[string]json.RawMessage

// Why a document is not an [Object].
var (
	ErrEmpty     = errors.New("is empty")
	ErrInvalid   = errors.New("is not valid JSON")
	ErrNotObject = errors.New("is not a JSON object")
)

// Read returns the members of a JSON object, which may begin with a byte order mark.
// Of two members with one name the last one counts.
func Read(body []byte) (Object, error) {
	body = trimmed(body)
	switch {
	case len(body) == 0:
		return nil, ErrEmpty
	case body[0] != '{' && json.Valid(body):
		return nil, ErrNotObject
	case body[0] != '{':
		return nil, errors.Join(ErrNotObject, ErrInvalid)
	}
	var object Object
	if json.Unmarshal(body, &object) != nil {
		return nil, ErrInvalid
	}
	return object, nil
}

// Fault says, of a text that is not one JSON object, what it has besides or instead, as a phrase
// that follows "it ". It is empty if there is nothing to say. It contains nothing of the text.
func Fault(body []byte) string {
	body = trimmed(body)
	switch {
	case len(body) == 0:
		return ""
	case json.Valid(body) && body[0] == '[':
		return "is a list, not an object"
	case json.Valid(body):
		return ""
	case bytes.IndexByte(body, 0x1b) >= 0:
		return "has colours of a terminal in it, which NO_COLOR or an option turns off"
	case body[0] == '<':
		return "is HTML or XML"
	case body[0] != '{' && body[0] != '[':
		if hasObjectBelow(body) {
			return "has text before its JSON"
		}
		return ""
	}
	rest, ok := afterValue(body)
	switch {
	case !ok || len(rest) == 0:
		return "begins as JSON and is not JSON, or is cut short"
	case rest[0] == '{' || rest[0] == '[':
		return "is more than one JSON document"
	}
	return "has text after its JSON"
}

// hasObjectBelow reports whether a JSON object begins at the beginning of a line. It looks at the
// first lines with a brace only.
func hasObjectBelow(body []byte) bool {
	const maxLines = 8
	for range maxLines {
		at := bytes.Index(body, []byte("\n{"))
		if at < 0 {
			return false
		}
		body = body[at+1:]
		if _, ok := afterValue(body); ok {
			return true
		}
	}
	return false
}

// afterValue returns what follows the JSON value at the beginning of body, without space around it;
// false if there is no value.
func afterValue(body []byte) (rest []byte, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	var value json.RawMessage
	if decoder.Decode(&value) != nil {
		return nil, false
	}
	return bytes.TrimSpace(body[decoder.InputOffset():]), true
}

// ReadAnswer is Read for the answer of an OAuth endpoint, which may also be a form
// with the member "access_token" or "error".
func ReadAnswer(body []byte) (Object, error) {
	object, err := Read(body)
	if !errors.Is(err, ErrInvalid) || !errors.Is(err, ErrNotObject) {
		return object, err
	}
	text := string(trimmed(body))
	if strings.ContainsAny(text, "<{\n") { // a page or a text
		return nil, err
	}
	form, formErr := url.ParseQuery(text)
	if formErr != nil || !form.Has("access_token") && !form.Has("error") {
		return nil, err
	}
	object = make(Object, len(form))
	for name := range form {
		object[name], _ = json.Marshal(form.Get(name)) // a string can always be written
	}
	return object, nil
}

func trimmed(body []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(body), []byte("\ufeff")))
}

// Has reports whether there is a member that is not null.
func (o Object) Has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// Text returns a member that is a string; "" for any other member.
func (o Object) Text(name string) string {
	text, _ := read[string](o[name])
	return text
}

// IsText reports whether a member is a string.
func (o Object) IsText(name string) bool { return len(o[name]) > 0 && o[name][0] == '"' }

// Number returns the text of a member that is a number or a string, as some servers
// write numbers; "" for any other member.
func (o Object) Number(name string) string {
	if o.IsText(name) {
		return o.Text(name)
	}
	number, _ := read[json.Number](o[name])
	return number.String()
}

// Bool reports whether a member is true, or the string "true".
func (o Object) Bool(name string) bool {
	yes, _ := read[bool](o[name])
	return yes || strings.EqualFold(o.Text(name), "true")
}

// List returns the strings of a member that is a list, and the string of a member
// that is one; nil for any other member. What is not a string in a list is left out.
func (o Object) List(name string) []string {
	if o.IsText(name) {
		return []string{o.Text(name)}
	}
	var list []string
	for _, raw := range o.Raw(name) {
		if text, ok := read[string](raw); ok && raw[0] == '"' {
			list = append(list, text)
		}
	}
	return list
}

// Raw returns the elements of a member that is a list; nil for any other member.
func (o Object) Raw(name string) []json.RawMessage {
	list, _ := read[[]json.RawMessage](o[name])
	return list
}

// Object returns a member that is an object; nil for any other member.
func (o Object) Object(name string) Object {
	object, _ := read[Object](o[name])
	return object
}

// read returns raw as a T, and false if it is not one.
func read[T any](raw json.RawMessage) (value T, ok bool) {
	if len(raw) == 0 || json.Unmarshal(raw, &value) != nil {
		var zero T
		return zero, false
	}
	return value, true
}
