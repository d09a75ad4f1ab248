// Read on in match.go.

package config

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// prefix begins the names of the variables that overlay the files.
const prefix = "AUTHSESSION_"

// filesVariable names the files of a program that does not name them itself. It
// is not a key.
const filesVariable = prefix + "CONFIG"

// environMap makes a map of variables; nil: of the process's.
func environMap(list []string) map[string]string {
	if list == nil {
		list = os.Environ()
	}
	out := make(map[string]string, len(list))
	for _, entry := range list {
		if name, value, ok := strings.Cut(entry, "="); ok {
			out[name] = value
		}
	}
	return out
}

// variableReader makes a tree of the variables. It matches their names to keys
// that are known, so that a misspelt one is a fault.
type variableReader struct {
	files     tree
	variables tree // those that were read
	keys      keySchemas
	kinds     *registry.Registry
	refs      *references
	found     *report
}

// variableNames returns the names of the variables for the files, sorted, but
// those that may name a provider first: other names depend on its settings.
func variableNames(environ map[string]string) (names []string) {
	for name, value := range environ {
		if strings.HasPrefix(name, prefix) && value != "" && name != filesVariable {
			names = append(names, name)
		}
	}
	rank := func(name string) int {
		if strings.HasSuffix(fold(name), "__provider") {
			return 0
		}
		return 1
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	return names
}

// set stores a variable's value: a list where the setting is one, else the text,
// which core reads as the setting's type. Any of them may be secret.
func (r *variableReader) set(path []string, text string, setting core.Setting, where place) {
	at := r.variables.values
	for _, key := range path[:len(path)-1] {
		next, ok := at[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	var value any = core.NewSecret(text)
	if strings.HasPrefix(setting.Type, "list of ") {
		var list []any
		for i, item := range strings.Split(text, ",") {
			list = append(list, core.NewSecret(strings.TrimSpace(item)))
			r.variables.places[join(append(slices.Clip(path), strconv.Itoa(i)))] = where
		}
		value = list
	}
	at[path[len(path)-1]] = value
	r.variables.places[join(path)] = where
}

// fold makes names comparable: without case, and with "_" for every character
// that the name of a variable cannot have.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, name)
}
