package command

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// draft is a configuration with one session that is being put together.
type draft struct {
	factory     core.Factory
	name        string
	origins     []string
	environment string
	store       string
	values      map[string]string // the settings by name, with dots inside objects
	variables   []variable
}

// variable is one that a reference names.
type variable struct{ name, doc string }

// setting returns the description of a setting by its name, with dots.
func (d *draft) setting(name string) (core.Setting, bool) {
	settings := d.factory.Settings()
	var found core.Setting
	for _, part := range strings.Split(name, ".") {
		i := slices.IndexFunc(settings, func(s core.Setting) bool { return s.Name == part })
		if i < 0 {
			return core.Setting{}, false
		}
		found = settings[i]
		settings = found.Fields
	}
	return found, true
}

// set takes one KEY=VALUE.
func (d *draft) set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return wrong("--set: want KEY=VALUE")
	}
	s, ok := d.setting(name)
	if !ok {
		var names []string
		for _, s := range d.factory.Settings() {
			names = append(names, s.Name)
		}
		return &failure{
			kind: usage, next: []string{"kinds", d.factory.Info().Kind},
			err: errors.New("--set: unknown setting " + name + core.DidYouMean(name, names)),
		}
	}
	if s.Secret && !strings.Contains(value, "${") {
		return wrong("--set: %s is secret, and no secret goes into the file: leave it out, "+
			"or give a reference such as ${file:/run/secrets/key}", name)
	}
	d.values[name] = value
	return nil
}

// refer makes a secret setting a reference to a variable.
func (d *draft) refer(name string, s core.Setting) {
	v := variableName(d.name + "_" + name)
	d.values[name] = "${env:" + v + "}"
	d.variables = append(d.variables, variable{v, s.Doc})
}

// variableName makes the name of a variable of a text.
func variableName(text string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c - 'a' + 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			return c
		}
		return '_'
	}, text)
	if name[0] >= '0' && name[0] <= '9' || strings.HasPrefix(name, "AUTHSESSION_") {
		name = "MY_" + name // AUTHSESSION_ begins variables that overlay the file
	}
	return name
}

// missing returns the first setting that a fault is about and that was not asked
// for yet, and the fault; no name and a fault of the settings as a whole, which one of
// several settings would remove; or nothing.
func (d *draft) missing(err error, asked map[string]bool) (name, problem string) {
	var faults *config.Error
	if !errors.As(err, &faults) {
		return "", ""
	}
	for _, f := range faults.Faults {
		_, name, ok := strings.Cut(f.Key, ".settings.")
		if m := instead.FindStringSubmatch(f.Problem); m != nil && d.open(m[1], asked) {
			return m[1], f.Problem
		}
		if ok && d.open(name, asked) {
			return name, f.Problem
		}
	}
	for _, f := range faults.Faults {
		if strings.HasSuffix(f.Key, ".settings") {
			return "", f.Problem
		}
	}
	return "", ""
}

// instead finds the setting that a fault would rather have.
var instead = regexp.MustCompile(`missing[;:] give ([a-z0-9_.]+)`)

// open reports whether a setting can still be asked for.
func (d *draft) open(name string, asked map[string]bool) bool {
	_, known := d.setting(name)
	return known && !asked[name] && d.values[name] == ""
}

// text returns the configuration.
func (d *draft) text() (string, error) {
	session := &yaml.Node{Kind: yaml.MappingNode}
	put(session, "provider", textNode(d.factory.Info().Kind), "")
	if d.environment != "" {
		put(session, "environment", textNode(d.environment), "")
	}
	if len(d.origins) > 0 {
		put(session, "origins", listNode(d.origins), "Where the credential may go. It goes nowhere else.")
	}
	settings := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range d.factory.Settings() {
		d.putSetting(settings, "", s)
	}
	if len(settings.Content) > 0 {
		put(session, "settings", settings, "")
	}
	sessions := &yaml.Node{Kind: yaml.MappingNode}
	put(sessions, d.name, session, "")
	root := &yaml.Node{Kind: yaml.MappingNode}
	put(root, "default", textNode(d.name), "")
	if d.store != "none" {
		store := &yaml.Node{Kind: yaml.MappingNode}
		put(store, "kind", textNode(d.store), "")
		if d.store == "file" && !mayHaveKeyring() {
			put(store, "key_file", textNode("${env:HOME}/.config/authsession/key"),
				"Encrypts the others. There was no keyring that could have it.")
		}
		put(root, "store", store, "Keeps credentials, so that the next command asks nobody.")
	}
	put(root, "sessions", sessions, "")
	out, err := encodeYAML(root)
	return string(out), err
}

// putSetting adds a setting and those inside it that have values.
func (d *draft) putSetting(object *yaml.Node, prefix string, s core.Setting) {
	name := prefix + s.Name
	if s.Type == "object" {
		inner := &yaml.Node{Kind: yaml.MappingNode}
		for _, field := range s.Fields {
			d.putSetting(inner, name+".", field)
		}
		if len(inner.Content) > 0 {
			put(object, s.Name, inner, s.Doc)
		}
		return
	}
	value := d.values[name]
	switch {
	case value == "":
	case strings.HasPrefix(s.Type, "list of "):
		put(object, s.Name, listNode(strings.Split(value, ",")), s.Doc)
	case s.Type == "string" || s.Type == "duration" || s.Secret || strings.Contains(value, "${"):
		put(object, s.Name, textNode(value), s.Doc)
	default:
		put(object, s.Name, &yaml.Node{Kind: yaml.ScalarNode, Value: value}, s.Doc)
	}
}

// mayHaveKeyring reports whether the system may have a keyring: on Linux and BSD it
// needs a session bus.
func mayHaveKeyring() bool {
	withKeyring := runtime.GOOS == "windows" || runtime.GOOS == "darwin"
	if withKeyring || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus"))
	return err == nil && os.Getenv("XDG_RUNTIME_DIR") != ""
}

func put(object *yaml.Node, key string, value *yaml.Node, comment string) {
	k := textNode(key)
	if comment != "" {
		k.HeadComment = "# " + comment
	}
	object.Content = append(object.Content, k, value)
}

func textNode(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func listNode(items []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, item := range items {
		n.Content = append(n.Content, textNode(strings.TrimSpace(item)))
	}
	return n
}
