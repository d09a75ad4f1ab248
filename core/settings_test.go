package core_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

type common struct {
	CA string `json:"ca" doc:"roots"`
}

type nested struct {
	Name  string      `json:"name" required:"true" doc:"name"`
	Value core.Secret `json:"value" doc:"value"`
}

type config struct {
	common
	ID      string            `json:"client_id" required:"true" identity:"true" doc:"id"`
	Secret  core.Secret       `json:"client_secret" required:"true" identity:"true" doc:"secret"`
	Style   string            `json:"style" default:"basic" enum:"basic,post" doc:"style"`
	Wait    time.Duration     `json:"wait" default:"30s" doc:"wait"`
	Count   int               `json:"count" default:"3" doc:"count"`
	Small   uint8             `json:"small" doc:"small"`
	Ratio   float64           `json:"ratio" doc:"ratio"`
	On      *bool             `json:"on" doc:"on"`
	Scopes  []string          `json:"scopes" doc:"scopes"`
	Params  map[string]string `json:"params" doc:"params"`
	Keys    []nested          `json:"keys" doc:"keys"`
	One     nested            `json:"one" doc:"one"`
	Any     any               `json:"any" doc:"any"`
	Ignored string            `json:"-"`
	hidden  string
}

func (c *config) Validate(core.Environment) error {
	if c.ID == "forbidden" {
		return errors.Join(core.Faultf("client_id", "is forbidden"), errors.New("and more"))
	}
	return nil
}

var testFactory = core.NewFactory(
	core.Info{Kind: "test", Summary: "a test", Environments: []core.Environment{core.QA, core.Prod}},
	func(_ context.Context, _ core.Environment, c config) (core.Provider, error) {
		if c.ID == "unopenable" {
			return nil, core.Errorf(core.CodeUnavailable, "busy")
		}
		_ = c.hidden
		return fixed(bearer(c.Secret.Reveal())), nil
	},
)

func TestSettings(t *testing.T) {
	good := func(more ...any) map[string]any {
		m := map[string]any{"client_id": "a", "client_secret": "b", "one": map[string]any{"name": "n"}}
		for i := 0; i < len(more); i += 2 {
			m[more[i].(string)] = more[i+1]
		}
		return m
	}
	for _, tc := range []struct {
		name     string
		settings map[string]any
		want     string
	}{
		{"good", good(), ""},
		{
			"all",
			good("ca", "x", "style", "post", "wait", "1m", "count", 7, "small", 1.0, "ratio", 1, "on", true, "scopes", []any{
				"a",
			}, "params", map[string]any{
				"k": "v",
			}, "keys", []any{
				map[string]any{"name": "n", "value": "v"},
			}, "any", []any{1}),
			"",
		},
		{
			"from variables",
			good("client_id", core.NewSecret("007"), "count", core.NewSecret("7"), "on", core.NewSecret("true"), "wait", core.NewSecret("2s"), "ratio", core.NewSecret("1.5"), "any",
				core.NewSecret("x")),
			"",
		},
		{"null is absent", good("count", nil, "client_id", nil), "client_id: missing"},
		{"misspelt", good("client_idd", "x"), `client_idd: unknown key, did you mean "client_id"?`},
		{"nothing near", good("zzzzzz", "x"), `zzzzzz: unknown key; known: ca, client_id`},
		{"missing", map[string]any{}, "client_id: missing; client_secret: missing"},
		{"a number for a string", good("client_id", 7), "client_id: want a string, found an integer: put it in quotes"},
		{"a list for a string", good("client_id", []any{}), "client_id: want a string, found a list"},
		{"enum", good("style", "pots"), `style: want one of basic, post, did you mean "post"?`},
		{"duration", good("wait", "fast"), `wait: want a duration, such as "30s" or "5m"`},
		{"negative duration", good("wait", "-1s"), "wait: want a duration"},
		{
			"number as duration",
			good("wait", 30),
			"wait: want a duration with its unit, such as \"30s\" or \"5m\", found an integer",
		},
		{"fraction", good("count", 1.5), "count: want an integer"},
		{"range", good("small", 256), "small: the number is out of range"},
		{"negative", good("small", -1), "small: the number is out of range"},
		{"huge", good("count", 1e300), "count: the number is out of range"},
		{"more than a float holds", good("count", 1<<53+1), "count: the number is out of range"},
		{"not a number", good("ratio", math.NaN()), "ratio: the number is out of range"},
		{"no end", good("ratio", core.NewSecret("inf")), "ratio: the number is out of range"},
		{"null in a list", good("scopes", []any{nil}), "scopes.0: want a string, found null"},
		{
			"maps of other types",
			good("params", map[string]string{"k": "v"}, "one", map[core.Environment]string{"name": "n"}, "any", map[any]any{1: 2}),
			"",
		},
		{
			"keys that are no strings",
			good("one", map[any]any{1: 2}),
			"one: want an object, found an object whose keys need not be strings",
		},
		{
			"a typed nil",
			good("client_id", (*string)(nil), "one", (map[string]any)(nil)),
			"client_id: want a string, found a Go value of type *string; one.name: missing",
		},
		{"bool", good("on", "yes"), "on: want true or false, found a string"},
		{"variable for a bool", good("on", core.NewSecret("yes")), "on: want true or false"},
		{"variable for a number", good("count", core.NewSecret("x7x")), "count: want an integer"},
		{"variable for a list", good("scopes", core.NewSecret("a b")), "scopes: want a list of strings"},
		{
			"deep",
			good("keys", []any{map[string]any{"name": "n"}, map[string]any{"nam": "n"}}),
			`keys.1.nam: unknown key, did you mean "name"?; keys.1.name: missing`,
		},
		{"map value", good("params", map[string]any{"k": 1}), "params.k: want a string"},
		{"object", good("one", "x"), "one: want an object, found a string"},
		{"validate", good("client_id", "forbidden"), "client_id: is forbidden; and more"},
		{"ignored", good("Ignored", "x"), "Ignored: unknown key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := testFactory.Check(core.QA, tc.settings)
			p, openErr := testFactory.Open(t.Context(), core.QA, tc.settings)
			if tc.want == "" {
				require.NoError(t, err)
				require.NoError(t, openErr)
				require.NotNil(t, p)
				return
			}
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, `provider "test": bad config: `)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "x7x")
			require.Equal(t, err, openErr)
			var faults core.Faults
			require.ErrorAs(t, err, &faults)
		})
	}
}

func TestFactory(t *testing.T) {
	ok := map[string]any{"client_id": "a", "client_secret": "b", "one": map[string]any{"name": "n"}}
	require.EqualError(
		t,
		testFactory.Check("", ok),
		`provider "test": bad config: no environment is chosen; known: qa, prod`,
	)
	require.EqualError(
		t,
		testFactory.Check("QA", ok),
		`provider "test": bad config: unknown environment "QA", did you mean "qa"?; known: qa, prod`,
	)
	ok["client_id"] = "unopenable"
	_, err := testFactory.Open(t.Context(), core.QA, ok)
	require.EqualError(t, err, `provider "test": open: unavailable: busy`)

	var zero core.Factory
	require.ErrorIs(t, zero.Check("", nil), core.CodeBadConfig)
	_, err = zero.Open(t.Context(), "", nil)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.Panics(t, func() {
		core.NewFactory(
			core.Info{Kind: "x"},
			func(context.Context, core.Environment, int) (core.Provider, error) { return nil, nil },
		)
	})

	var names, types []string
	for _, s := range testFactory.Settings() {
		names, types = append(names, s.Name), append(types, s.Type)
	}
	require.Equal(
		t,
		[]string{
			"ca",
			"client_id",
			"client_secret",
			"style",
			"wait",
			"count",
			"small",
			"ratio",
			"on",
			"scopes",
			"params",
			"keys",
			"one",
			"any",
		},
		names,
	)
	require.Equal(
		t,
		[]string{
			"string",
			"string",
			"string",
			"string",
			"duration",
			"integer",
			"integer",
			"number",
			"bool",
			"list of string",
			"map of string",
			"list of object",
			"object",
			"any",
		},
		types,
	)
	require.True(t, testFactory.Settings()[2].Secret)
	require.True(t, testFactory.Settings()[1].Identity)
	require.False(t, testFactory.Settings()[2].Identity, "a secret is never part of a key")
	require.False(t, testFactory.Settings()[3].Identity)
	require.Equal(t, []string{"basic", "post"}, testFactory.Settings()[3].Enum)
	require.Len(t, testFactory.Settings()[11].Fields, 2)
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		text string
		code core.Code
	}{
		{&core.Error{}, "unknown", core.CodeUnavailable},
		{core.Errorf(core.CodeDenied, "no: %w", context.Canceled), "denied: no: context canceled", core.CodeDenied},
		{
			&core.Error{Kind: "gs", Op: "open", Code: core.CodeBadConfig},
			`provider "gs": open: bad config`, core.CodeBadConfig,
		},
		{
			&core.Error{
				Session:    "a",
				Code:       core.CodeUnavailable,
				RetryAfter: 1500 * time.Millisecond,
				Err:        errors.New("x"),
			},
			`session "a": unavailable: x; next attempt in 1.5s`, core.CodeUnavailable,
		},
		{core.CodeClosed, "closed", core.CodeClosed},
		{errors.New("plain"), "plain", core.CodeUnavailable},
		{core.Code(99), "unknown", core.Code(99)},
	} {
		require.EqualError(t, tc.err, tc.text)
		require.Equal(t, tc.code, core.CodeOf(tc.err))
	}
	require.Zero(t, core.CodeOf(nil))
	err := errors.Join(errors.New("a"), core.Errorf(core.CodeDenied, "no: %w", context.Canceled))
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, core.CodeBadConfig)
}

func TestDidYouMean(t *testing.T) {
	known := []string{"client_id", "client_secret", "scopes", "gs"}
	for name, want := range map[string]string{
		"client_idd": `, did you mean "client_id"?`, "clientid": `, did you mean "client_id"?`, "socpes": `, did you mean "scopes"?`,
		"GS": `, did you mean "gs"?`, "token": "", "": "",
	} {
		require.Equal(t, want, core.DidYouMean(name, known), name)
	}
}
