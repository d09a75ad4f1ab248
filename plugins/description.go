package plugins

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// Description is what a plugin says about itself. Do not write to it.
type Description struct {
	Version string // of the plugin, for people; may be empty
	Kinds   []Kind // in the plugin's order
}

// Kind is one way to authenticate that a plugin serves.
type Kind struct {
	core.Info
	Settings []core.Setting

	decoded reflect.Type // a struct with these settings; nil for none that Go can name
}

const (
	maxKinds    = 1000
	maxSettings = 10_000 // of all kinds
	maxType     = 100    // bytes of a type's name
)

// newDescription checks what a plugin says.
func newDescription(plugin string, m *v1.DescribeResponse) (*Description, error) {
	bad := func(text string) (*Description, error) {
		return nil, core.Errorf(core.BadConfig, "plugin %q: its description is faulty: %s: tell its author", plugin, text)
	}
	d := &Description{Version: clean(m.GetVersion(), 100)}
	if len(m.GetKinds()) == 0 || len(m.GetKinds()) > maxKinds {
		return bad("it has no kind, or too many")
	}
	left := maxSettings
	for _, k := range m.GetKinds() {
		info, settings := wire.ToInfo(k)
		if !namePattern.MatchString(info.Kind) || d.kind(info.Kind) != nil {
			return bad("a kind has no proper name, or that of another: " + strconv.Quote(clean(info.Kind, 100)))
		}
		info.Summary = clean(info.Summary, 500)
		for i, env := range info.Environments {
			if env == "" || clean(string(env), 100) != string(env) || slices.Contains(info.Environments[:i], env) {
				return bad("kind " + strconv.Quote(info.Kind) + " has an environment without a proper name")
			}
		}
		if fault := tidySettings(settings, &left); fault != "" {
			return bad("kind " + strconv.Quote(info.Kind) + ": " + fault)
		}
		d.Kinds = append(d.Kinds, Kind{Info: info, Settings: settings, decoded: structOf(settings)})
	}
	return d, nil
}

// tidySettings makes descriptions fit for people and for struct tags, or says
// why that cannot be.
func tidySettings(list []core.Setting, left *int) string {
	for i := range list {
		s := &list[i]
		if *left--; *left < 0 {
			return "it has too many settings"
		}
		if !namePattern.MatchString(s.Name) && !strings.HasPrefix(s.Name, "_") || strings.ContainsAny(s.Name, ",\"` \\") ||
			clean(s.Name, 100) != s.Name || slices.ContainsFunc(list[:i], func(o core.Setting) bool { return o.Name == s.Name }) {
			return "a setting has no proper name, or that of another: " + strconv.Quote(clean(s.Name, 100))
		}
		if fault := tidySettings(s.Fields, left); fault != "" { // before typeOf, which builds on them
			return fault
		}
		if typeOf(*s) == nil {
			return "the setting " + strconv.Quote(s.Name) + " has an unknown type " + strconv.Quote(clean(s.Type, 50))
		}
		s.Doc, s.Default = clean(s.Doc, 2000), clean(s.Default, 500)
		for n := range s.Enum {
			s.Enum[n] = clean(s.Enum[n], 200)
		}
	}
	return ""
}

// structOf makes a struct type whose tags are the settings, so that core's own
// decoder checks values and finds the same words for their faults.
func structOf(list []core.Setting) reflect.Type {
	fields := make([]reflect.StructField, len(list))
	for i, s := range list {
		tag := `json:` + strconv.Quote(s.Name)
		if s.Required {
			tag += ` required:"true"`
		}
		if s.Default != "" {
			tag += ` default:` + strconv.Quote(s.Default)
		}
		if len(s.Enum) > 0 {
			tag += ` enum:` + strconv.Quote(strings.Join(s.Enum, ","))
		}
		fields[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: typeOf(s), Tag: reflect.StructTag(tag)}
	}
	return reflect.StructOf(fields)
}

// typeOf is a Go type for a setting's values, or nil for an unknown one.
func typeOf(s core.Setting) reflect.Type {
	if len(s.Type) > maxType {
		return nil
	}
	if inner, ok := strings.CutPrefix(s.Type, "list of "); ok {
		if t := typeNamed(s, inner); t != nil {
			return reflect.SliceOf(t)
		}
		return nil
	}
	if inner, ok := strings.CutPrefix(s.Type, "map of "); ok {
		if t := typeNamed(s, inner); t != nil {
			return reflect.MapOf(reflect.TypeFor[string](), t)
		}
		return nil
	}
	switch s.Type {
	case "string":
		if s.Secret {
			return reflect.TypeFor[core.Secret]()
		}
		return reflect.TypeFor[string]()
	case "bool":
		return reflect.TypeFor[bool]()
	case "integer":
		return reflect.TypeFor[int64]()
	case "number":
		return reflect.TypeFor[float64]()
	case "duration":
		return reflect.TypeFor[time.Duration]()
	case "object":
		return structOf(s.Fields)
	case "any":
		return reflect.TypeFor[any]()
	}
	return nil
}

func typeNamed(s core.Setting, name string) reflect.Type {
	s.Type = name
	return typeOf(s)
}

// kind finds a kind by its name, or nil.
func (d *Description) kind(name string) *Kind {
	if d == nil {
		return nil
	}
	for i := range d.Kinds {
		if d.Kinds[i].Kind == name {
			return &d.Kinds[i]
		}
	}
	return nil
}

// serves reports which of the binary's kinds the plugin does not serve.
func (d *Description) serves(b Binary) error {
	for _, name := range b.kinds() {
		if d.kind(name) == nil {
			return d.missing(b.Name, name)
		}
	}
	return nil
}

func (d *Description) missing(plugin, kind string) error {
	names := make([]string, len(d.Kinds))
	for i, k := range d.Kinds {
		names[i] = k.Kind
	}
	return core.Errorf(core.BadConfig, "plugin %q serves no kind %q%s; it serves: %s", plugin, kind, core.DidYouMean(kind, names), strings.Join(names, ", "))
}

// check reports the faults of settings, as a factory in the program would.
func (k *Kind) check(env core.Environment, settings map[string]any) error {
	faults := core.DecodeSettings(settings, reflect.New(k.decoded).Interface())
	if err := k.CheckEnvironment(env); err != nil {
		return err
	}
	if faults != nil {
		return &core.Error{Provider: k.Kind, Code: core.BadConfig, Err: faults}
	}
	return nil
}
