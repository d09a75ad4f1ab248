// Read on in errors.go.

package proto

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// FromSettings makes a message of settings: what a decoder of JSON or YAML
// makes of an object, with core.Secret for what came from a reference. Any other
// type is core.CodeBadConfig, with the path. nil gives an empty object.
func FromSettings(settings map[string]any) (*v1.Object, error) {
	v, err := fromValue(settings, nil)
	if err != nil {
		return nil, err
	}
	return v.GetObjectValue(), nil
}

// badSetting returns an error about the setting at a path.
func badSetting(path []string, format string, args ...any) error {
	fault := core.Fault{Path: slices.Clone(path), Problem: fmt.Sprintf(format, args...)}
	return &core.Error{Code: core.CodeBadConfig, Err: core.Faults{fault}}
}

// fromValue makes a message of a value. path is where the value stands.
func fromValue(value any, path []string) (*v1.Value, error) {
	if len(path) > maxDepth {
		return nil, badSetting(path[:1], "the setting is nested deeper than %d", maxDepth)
	}
	switch v := value.(type) {
	case nil:
		return &v1.Value{Kind: &v1.Value_NullValue{NullValue: true}}, nil
	case core.Secret:
		if err := checkText(v.Reveal(), path); err != nil {
			return nil, err
		}
		return &v1.Value{Kind: &v1.Value_TextValue{TextValue: v.Reveal()}}, nil
	case string:
		if err := checkText(v, path); err != nil {
			return nil, err
		}
		return &v1.Value{Kind: &v1.Value_StringValue{StringValue: v}}, nil
	case bool:
		return &v1.Value{Kind: &v1.Value_BoolValue{BoolValue: v}}, nil
	case map[string]any:
		return fromObject(v, path)
	}
	return fromReflected(reflect.ValueOf(value), path)
}

func checkText(text string, path []string) error {
	if !utf8.ValidString(text) {
		return badSetting(path, "the text is not UTF-8")
	}
	return nil
}

// fromReflected is fromValue for types of which there are many: numbers, lists
// and maps.
func fromReflected(v reflect.Value, path []string) (*v1.Value, error) {
	switch {
	case v.CanInt():
		return &v1.Value{Kind: &v1.Value_IntValue{IntValue: v.Int()}}, nil
	case v.CanUint() && v.Uint() <= math.MaxInt64:
		return &v1.Value{Kind: &v1.Value_IntValue{IntValue: int64(v.Uint())}}, nil
	case v.CanUint():
		return &v1.Value{Kind: &v1.Value_DoubleValue{DoubleValue: float64(v.Uint())}}, nil
	case v.CanFloat():
		return &v1.Value{Kind: &v1.Value_DoubleValue{DoubleValue: v.Float()}}, nil
	case v.Kind() == reflect.Slice:
		return fromList(v, path)
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		m := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			m[it.Key().String()] = it.Value().Interface()
		}
		return fromObject(m, path)
	}
	return nil, badSetting(path, "want plain data, found %s", v.Type())
}

func fromList(v reflect.Value, path []string) (*v1.Value, error) {
	list := make([]*v1.Value, v.Len())
	for i := range list {
		var err error
		list[i], err = fromValue(v.Index(i).Interface(), append(path, strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
	}
	return &v1.Value{Kind: &v1.Value_ListValue{ListValue: &v1.List{Values: list}}}, nil
}

func fromObject(m map[string]any, path []string) (*v1.Value, error) {
	fields := make(map[string]*v1.Value, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !utf8.ValidString(key) {
			return nil, badSetting(path, "the key %q is not UTF-8", key)
		}
		var err error
		if fields[key], err = fromValue(m[key], append(path, key)); err != nil {
			return nil, err
		}
	}
	return &v1.Value{Kind: &v1.Value_ObjectValue{ObjectValue: &v1.Object{Fields: fields}}}, nil
}

// ToSettings makes settings of a message. What came from a reference becomes a
// core.Secret, which core's decoder reads as the setting's type. A message that
// is nested too deeply, or has an unknown kind of value, is core.CodeBadConfig.
func ToSettings(m *v1.Object) (map[string]any, error) {
	return toObject(m, 0)
}

func toObject(m *v1.Object, depth int) (map[string]any, error) {
	out := make(map[string]any, len(m.GetFields()))
	for key, value := range m.GetFields() {
		v, err := toValue(value, depth+1)
		if err != nil {
			return nil, err
		}
		out[key] = v
	}
	return out, nil
}

func toValue(m *v1.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, core.Errorf(core.CodeBadConfig, "the settings are nested deeper than %d", maxDepth)
	}
	switch v := m.GetKind().(type) {
	case nil, *v1.Value_NullValue:
		return nil, nil
	case *v1.Value_BoolValue:
		return v.BoolValue, nil
	case *v1.Value_IntValue:
		return v.IntValue, nil
	case *v1.Value_DoubleValue:
		return v.DoubleValue, nil
	case *v1.Value_StringValue:
		return v.StringValue, nil
	case *v1.Value_TextValue:
		return core.NewSecret(v.TextValue), nil
	case *v1.Value_ListValue:
		out := make([]any, len(v.ListValue.GetValues()))
		for i, value := range v.ListValue.GetValues() {
			var err error
			if out[i], err = toValue(value, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	case *v1.Value_ObjectValue:
		return toObject(v.ObjectValue, depth)
	}
	return nil, core.Errorf(core.CodeBadConfig, "the settings hold a value of an unknown kind")
}
