package providertest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

func refuse(problem string, path ...string) error {
	return &core.Error{Code: core.CodeBadConfig, Err: core.Faults{{Path: path, Problem: problem}}}
}

// lenient drops some faults that the proper factory finds.
func lenient(drop func(core.Fault) bool) factory {
	proper := office(nil)
	return fake{factory: proper, check: func(env core.Environment, settings map[string]any) error {
		err := proper.Check(env, settings)
		faults, ok := faultsOf(err)
		if !ok {
			return err
		}
		var left core.Faults
		for _, f := range faults {
			if !drop(f) {
				left = append(left, f)
			}
		}
		if len(left) == 0 {
			return nil
		}
		return &core.Error{Code: core.CodeBadConfig, Err: left}
	}}
}

func faultsOf(err error) (core.Faults, bool) {
	e, ok := err.(*core.Error)
	if !ok {
		return nil, false
	}
	faults, ok := e.Err.(core.Faults)
	return faults, ok
}

// restate changes how faults are reported.
func restate(change func(core.Faults, map[string]any) error) factory {
	proper := office(nil)
	return fake{factory: proper, check: func(env core.Environment, settings map[string]any) error {
		err := proper.Check(env, settings)
		if faults, ok := faultsOf(err); ok {
			return change(faults, settings)
		}
		return err
	}}
}

func problem(text string) func(core.Fault) bool {
	return func(f core.Fault) bool { return strings.Contains(f.Problem, text) }
}

var brokenSettings = []broken{
	{check: "factory/info", fault: "kind", says: "Info.Kind",
		factory: fake{factory: office(nil), info: &core.Info{Kind: "My Desk", Summary: "A desk."}}},
	{check: "factory/info", fault: "summary", says: "Info.Summary",
		factory: fake{factory: office(nil), info: &core.Info{Kind: "desk"}}},
	{check: "factory/info", fault: "environments", says: "repeated",
		factory: office(nil, core.QA, core.QA)},
	{check: "factory/documented", fault: "no doc", says: `"deep.count" has no doc`,
		factory: fake{factory: office(nil), settings: []core.Setting{
			{Name: "deep", Doc: "More.", Fields: []core.Setting{{Name: "count"}}}}}},
	{check: "factory/documented", fault: "twice", says: "repeated name",
		factory: fake{factory: office(nil), settings: []core.Setting{{Name: "a", Doc: "A."},
			{Name: "a", Doc: "A."}}}},

	{check: "settings/good", fault: "check", says: "Check of the good settings",
		factory: fake{factory: office(nil), check: func(core.Environment, map[string]any) error {
			return refuse("no")
		}}},
	{check: "settings/good", fault: "open", says: "Open with the good settings",
		factory: core.NewFactory(core.Info{Kind: "desk"},
			func(context.Context, core.Environment, settingsOfDesk) (core.Provider, error) {
				return nil, core.Errorf(core.CodeUnavailable, "closed today")
			})},
	{check: "settings/good", fault: "nothing", says: "neither a provider nor an error",
		factory: fake{factory: office(nil), open: func(context.Context, core.Environment,
			map[string]any) (core.Provider, error) {
			return nil, nil
		}}},

	{check: "settings/unknown-key", fault: "ignored", says: "the unknown key urlx is accepted",
		factory: lenient(problem("unknown key"))},
	{check: "settings/unknown-key", fault: "no hint", says: "does not name the nearest known key",
		factory: restate(func(f core.Faults, _ map[string]any) error {
			return refuse("unknown", f[0].Path...)
		})},
	{check: "settings/unknown-key", fault: "wrong code", says: `want "bad config"`,
		factory: restate(func(f core.Faults, _ map[string]any) error {
			return core.Errorf(core.CodeDenied, "%w", f)
		})},
	{check: "settings/wrong-type", fault: "accepted",
		says: "a wrong type for deep.count is accepted", factory: lenient(problem("want an integer"))},
	{check: "settings/wrong-type", fault: "no path", says: `no fault has the path "deep.count"`,
		factory: restate(func(core.Faults, map[string]any) error {
			return refuse("wrong")
		})},
	{check: "settings/wrong-type", fault: "no faults", says: "not reported as core.Faults",
		factory: restate(func(core.Faults, map[string]any) error {
			return core.Errorf(core.CodeBadConfig, "wrong")
		})},
	{check: "settings/wrong-type", fault: "shows", says: "shows the planted secret",
		factory: restate(func(f core.Faults, settings map[string]any) error {
			key, _ := settings["key"].(string)
			return refuse("wrong beside "+key, f[0].Path...)
		})},
	{check: "settings/missing", fault: "accepted", says: "the missing setting key is accepted",
		factory: lenient(problem("missing"))},
	{check: "settings/missing", fault: "one at a time", says: "several missing settings",
		factory: restate(func(f core.Faults, _ map[string]any) error {
			return refuse("missing", f[0].Path...)
		})},
	{check: "settings/enum", fault: "accepted", says: "not one of its own is accepted",
		factory: lenient(problem("want one of"))},
	{check: "settings/environment", fault: "default", says: `the environment "" is accepted`,
		factory: fake{factory: office(nil, core.Prod), check: func(core.Environment,
			map[string]any) error {
			return nil
		}}, fixture: inProd},
	{check: "settings/environment", fault: "mis-cased", says: `the environment "PROD" is accepted`,
		factory: fake{factory: office(nil, core.Prod), check: func(env core.Environment,
			s map[string]any) error {
			return office(nil, core.Prod).Check(core.Environment(strings.ToLower(string(env))), s)
		}}, fixture: inProd},
	{check: "settings/environment", fault: "no names", says: "does not name the known one",
		factory: fake{factory: office(nil, core.Prod), check: func(core.Environment,
			map[string]any) error {
			return refuse("which environment?")
		}}, fixture: inProd},
	{check: "settings/secret", fault: "string",
		says: `"key" holds the secret and is not a core.Secret`,
		factory: fake{factory: office(nil),
			settings: []core.Setting{{Name: "key", Type: "string", Doc: "The key."}}}},
	{check: "settings/plain-data", fault: "ints only", says: "went through JSON",
		factory: fake{factory: office(nil), check: func(_ core.Environment, s map[string]any) error {
			if _, ok := s["deep"].(map[string]any)["count"].(int); !ok {
				return refuse("want int", "deep", "count")
			}
			return nil
		}}},
	{check: "settings/plain-data", fault: "strings only", says: "given as a core.Secret",
		factory: fake{factory: office(nil), check: func(_ core.Environment, s map[string]any) error {
			if _, ok := s["url"].(string); !ok {
				return refuse("want a string", "url")
			}
			return nil
		}}},
	{check: "settings/unchanged", fault: "written", says: "has written to the settings",
		factory: fake{factory: office(nil), open: func(_ context.Context, _ core.Environment,
			s map[string]any) (core.Provider, error) {
			s["deep"].(map[string]any)["count"] = 2
			return newDesk(settingsOfDesk{}), nil
		}}},
	{check: "open/sends-nothing", fault: "asks", says: "connections to the server",
		factory: office(func(d *desk) core.Provider {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, _ = d.fetch(ctx, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
			return d
		})},
}

func inProd(f *Fixture) { f.Environment = core.Prod }
