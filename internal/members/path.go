// Read on in errorcode.go.

package members

import (
	"encoding/json"
	"strconv"
	"strings"
)

// IsPath reports whether s can be a path for [Object.Find]: names of members that are joined by
// dots, of visible characters in ASCII and spaces inside.
func IsPath(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return strings.TrimSpace(s) == s && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") &&
		!strings.Contains(s, "..") && s != ""
}

// Find returns the object that has the last member of a path, and that member's name: for
// "data.token" it is the object in the member "data", and "token". The name of a member may have
// dots. An element of a list has its number, from 0, as its name. The object is nil if there is
// none.
func (o Object) Find(path string) (Object, string) {
	for {
		if _, ok := o[path]; ok {
			return o, path
		}
		first, rest, ok := strings.Cut(path, ".")
		if !ok {
			return o, path
		}
		o, path = o.inside(first), rest
	}
}

// inside returns a member that is an object, or a list as an object of its elements by number.
func (o Object) inside(name string) Object {
	if object := o.Object(name); object != nil {
		return object
	}
	var elements Object
	for i, raw := range o.Raw(name) {
		if elements == nil {
			elements = Object{}
		}
		elements[strconv.Itoa(i)] = json.RawMessage(raw)
	}
	return elements
}
