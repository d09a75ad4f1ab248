package proto

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

func TestSettings(t *testing.T) {
	type text []string
	type name string
	m, err := FromSettings(map[string]any{
		"null": nil, "yes": true, "no": false, "int": -7, "int8": int8(8), "uint": uint(9),
		"huge": uint64(math.MaxUint64), "float": 1.5, "f32": float32(0.5),
		"text": "x", "empty": "", "secret": core.NewSecret("s"), "none": core.Secret{}, "dotted.key": "y",
		"": "z", "ünï": "u",
		"list": []any{1, "a", nil, []any{}}, "strings": []string{"p", "q"}, "named": text{"r"},
		"nothing": []any(nil),
		"object":  map[string]any{"in": map[string]any{"deep": []map[string]any{{"er": 1.0}}}},
		"bare":    map[string]any(nil),
		"wait":    time.Second, "headers": map[name]string{"A": "b"},
	})
	require.NoError(t, err)
	got, err := ToSettings(over(t, m))
	require.NoError(t, err)
	require.Equal(t, "s", got["secret"].(core.Secret).Reveal())
	require.Equal(t, core.Secret{}, got["none"])
	delete(got, "secret")
	require.Equal(t, map[string]any{
		"null": nil, "yes": true, "no": false, "int": int64(-7), "int8": int64(8), "uint": int64(9),
		"huge": float64(math.MaxUint64), "float": 1.5, "f32": 0.5,
		"text": "x", "empty": "", "none": core.Secret{}, "dotted.key": "y", "": "z", "ünï": "u",
		"list": []any{int64(1), "a", nil, []any{}}, "strings": []any{"p", "q"}, "named": []any{"r"},
		"nothing": []any{},
		"object":  map[string]any{"in": map[string]any{"deep": []any{map[string]any{"er": 1.0}}}},
		"bare":    map[string]any{},
		"wait":    int64(time.Second), "headers": map[string]any{"A": "b"},
	}, got)

	for _, none := range []*v1.Object{nil, {}} {
		got, err := ToSettings(none)
		require.NoError(t, err)
		require.Equal(t, map[string]any{}, got)
	}
	m, err = FromSettings(nil)
	require.NoError(t, err)
	require.Empty(t, m.GetFields())
}

// TestTextIsReadAsTheTypeAsksFor sends a variable's text through the protocol.
func TestTextIsReadAsTheTypeAsksFor(t *testing.T) {
	m, err := FromSettings(map[string]any{"on": core.NewSecret("true"), "n": core.NewSecret("42"),
		"wait": core.NewSecret("30s")})
	require.NoError(t, err)
	got, err := ToSettings(over(t, m))
	require.NoError(t, err)
	var cfg struct {
		On   bool          `json:"on"`
		N    int           `json:"n"`
		Wait time.Duration `json:"wait"`
	}
	require.NoError(t, core.DecodeSettings(got, &cfg))
	require.True(t, cfg.On)
	require.Equal(t, 42, cfg.N)
	require.Equal(t, 30*time.Second, cfg.Wait)
}

func nested(depth int) any {
	var v any = "end"
	for i := range depth {
		if i%2 == 0 {
			v = map[string]any{"k": v}
		} else {
			v = []any{v}
		}
	}
	return v
}

func TestSettingsThatCannotBeSent(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		path  []string
	}{
		"a type that no decoder makes": {[]any{struct{}{}}, []string{"a", "0"}},
		"a map whose keys are no text": {map[string]any{"b": map[int]string{1: "canary"}},
			[]string{"a", "b"}},
		"a channel":                {make(chan int), []string{"a"}},
		"bytes that are no text":   {"canary\xff", []string{"a"}},
		"a secret that is no text": {core.NewSecret("canary\xff"), []string{"a"}},
		"a key that is no text":    {map[string]any{"\xff": "canary"}, []string{"a"}},
		"too deep":                 {nested(maxDepth), []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromSettings(map[string]any{"a": c.value})
			require.ErrorIs(t, err, core.CodeBadConfig)
			var faults core.Faults
			require.ErrorAs(t, err, &faults)
			require.Equal(t, c.path, faults[0].Path)
			require.NotContains(t, err.Error(), "canary")
		})
	}
	m, err := FromSettings(map[string]any{"a": nested(maxDepth - 1)})
	require.NoError(t, err)
	_, err = ToSettings(m)
	require.NoError(t, err, "what may be sent may be read")
}

func TestSettingsThatAreTooDeepToRead(t *testing.T) {
	for name, wrap := range map[string]func(*v1.Value) *v1.Value{
		"objects": func(v *v1.Value) *v1.Value {
			return &v1.Value{Kind: &v1.Value_ObjectValue{
				ObjectValue: &v1.Object{Fields: map[string]*v1.Value{"k": v}}}}
		},
		"lists": func(v *v1.Value) *v1.Value {
			return &v1.Value{Kind: &v1.Value_ListValue{ListValue: &v1.List{Values: []*v1.Value{v}}}}
		},
	} {
		v := &v1.Value{Kind: &v1.Value_StringValue{StringValue: strings.Repeat("x", 10)}}
		for range 2000 {
			v = wrap(v)
		}
		_, err := ToSettings(&v1.Object{Fields: map[string]*v1.Value{"k": v}})
		require.ErrorIs(t, err, core.CodeBadConfig, name)
	}
}

func TestOddValues(t *testing.T) {
	got, err := ToSettings(&v1.Object{Fields: map[string]*v1.Value{
		"nil": nil, "empty": {}, "list": {Kind: &v1.Value_ListValue{}},
		"object": {Kind: &v1.Value_ObjectValue{}},
		"nan":    {Kind: &v1.Value_DoubleValue{DoubleValue: math.Inf(1)}},
		"nulls":  {Kind: &v1.Value_ListValue{ListValue: &v1.List{Values: []*v1.Value{nil, {}}}}},
	}})
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"nil": nil, "empty": nil, "list": []any{}, "object": map[string]any{}, "nan": math.Inf(1),
		"nulls": []any{nil, nil},
	}, got)
}
