// Read on in match.go.

package config

import (
	"cmp"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// prefix begins the names of the variables that overlay the files.
const prefix = "AUTHSESSION_"

// pluginVariable is the handshake of a plugin: a plugin's own process has it.
const pluginVariable = prefix + "PLUGIN"

// depthVariable counts the exec providers around a process: a command that the exec
// provider runs has it.
const depthVariable = prefix + "DEPTH"

// serviceLink matches the rest of the names of variables that Kubernetes sets in the
// pods of a namespace that has a Service of the name authsession or authsession-….
var serviceLink = regexp.MustCompile(
	`^(?:[A-Z0-9_]+_)?(?:PORT(?:_[A-Z0-9_]+)?|SERVICE_[A-Z0-9_]+)$`)

// isOthers reports whether a variable with the prefix is not for the configuration: it names
// files, belongs to a plugin or to a command of the exec provider, or is a service link, whose
// value is a URL of a transport, an address or a number.
func isOthers(name, value string) bool {
	if name == filesVariable || name == pluginVariable || name == depthVariable {
		return true
	}
	key, _, isPath := strings.Cut(name[len(prefix):], "__") // so may be the name of a Service
	if !serviceLink.MatchString(name[len(prefix):]) || isPath && isTopKey(key) {
		return false
	}
	scheme, _, ok := strings.Cut(value, "://")
	if ok && (scheme == "tcp" || scheme == "udp" || scheme == "sctp") ||
		value == "tcp" || value == "udp" || value == "sctp" {
		return true
	}
	_, numberErr := strconv.ParseUint(value, 10, 32)
	_, addressErr := netip.ParseAddr(value)
	return numberErr == nil || addressErr == nil
}

// isTopKey reports whether a part of a variable's name is that of a key of the file.
func isTopKey(part string) bool {
	return slices.ContainsFunc(fixedKeys.top, func(s core.Setting) bool {
		return fold(s.Name) == fold(part)
	}) || fold(part) == "plugins"
}

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
	// sessionNames are the names of the sessions, by their folded forms. Nil: not made yet.
	sessionNames map[string][]string
}

// variableNames returns the names of the variables for the files, sorted, but
// those that may name a provider first: other names depend on its settings.
func variableNames(environ map[string]string) (names []string) {
	for name, value := range environ {
		if strings.HasPrefix(name, prefix) && value != "" && !isOthers(name, value) {
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
	text, err := checkedText("the value", text)
	if err != nil {
		r.found.addAt(where, path, err.Error())
		r.found.unusable[join(path)] = true
	}
	var value any = core.NewSecret(text)
	if strings.HasPrefix(setting.Type, "list of ") {
		var list []any
		items, problem := listItems(text)
		if problem != "" {
			r.found.addAt(where, path, problem)
			r.found.unusable[join(path)] = true
		}
		for i, item := range items {
			list = append(list, core.NewSecret(item))
			r.variables.places.set(append(slices.Clip(path), strconv.Itoa(i)), where)
		}
		value = list
	}
	at[path[len(path)-1]] = value
	r.variables.places.set(path, where)
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
