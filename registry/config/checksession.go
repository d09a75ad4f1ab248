// Read on in loaded.go.

package config

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/registry"
)

// checked is a session that was checked, with its entry in the registry.
type checked struct {
	*variant
	entry registry.Entry
}

// entriesOf returns the sessions as the registry takes them, sorted, without
// those whose provider or environment is not known.
func entriesOf(sessions map[string]*checked) []registry.Entry {
	out := make([]registry.Entry, 0, len(sessions))
	for _, name := range sorted.Keys(sessions) {
		if s := sessions[name]; s.known && s.environmentOK {
			out = append(out, s.entry)
		}
	}
	return out
}

// check checks the values of a session and makes its entry. The registry checks
// the settings.
func (c *checker) check(ctx context.Context, v *variant) *checked {
	keys := c.decode(v)
	settings := object(v.values, "settings") // those in keys have secrets as text
	if v.isDescribed() && !v.environmentOK { // else the registry checks them as a whole
		path := append(slices.Clip(v.path), "settings")
		c.unknownKeys(path, settings, v.factory.Settings())
	}
	opts := c.options
	opts.Origins, opts.RefusedStatus = keys.Origins, keys.RefusedStatus
	opts.Lazy, opts.KeepFresh, opts.Early = keys.Lazy, keys.KeepFresh, keys.Early
	opts.Timeout, opts.AllowHTTP, opts.NoReplay = keys.Timeout, keys.AllowHTTP, keys.NoReplay
	opts.SignInTimeout = keys.SignInTimeout
	if proxy := proxyURL(keys.Proxy, v, c.found); proxy != nil {
		opts.Proxy = proxy
	}
	if object(v.values, "tls") != nil {
		opts.TLS = c.tls.config(keys.TLS, v.locate)
	}
	if store, ok := v.values["store"].(map[string]any); ok {
		if slices.Contains(c.withoutStore, keys.Provider) {
			c.stores.check(store, v.locate)
		} else {
			opts.Store = c.stores.store(ctx, store, v.locate)
		}
	}
	return &checked{v, registry.Entry{
		Name: v.name, Kind: keys.Provider, Environment: v.environment,
		Settings: settings, Inputs: keys.Inputs, Options: opts,
	}}
}

// decode reads the keys of a session. A key that is not given has the value of
// the program's options. Elements of lists that are faulty are left out.
func (c *checker) decode(v *variant) sessionKeys {
	var keys sessionKeys
	keys.optionKeys = optionKeys{
		Lazy: c.options.Lazy, KeepFresh: c.options.KeepFresh, Early: c.options.Early,
		Timeout: c.options.Timeout, SignInTimeout: c.options.SignInTimeout,
		AllowHTTP: c.options.AllowHTTP,
		NoReplay:  c.options.NoReplay, RefusedStatus: slices.Clone(c.options.RefusedStatus),
	}
	before := len(c.found.faults)
	err := v.decode(&keys)
	if err != nil {
		hintPlace(err, "it belongs into settings", v.factory.Settings())
	}
	c.found.addDecoded(err, nil, v.locate)
	decoded := c.found.faults[before:]
	keys.Origins = checkEach(
		c.found, v, decoded, "origins", keys.Origins, originProblem,
		func(o []string) core.Options { return core.Options{Origins: o} })
	keys.RefusedStatus = checkEach(
		c.found, v, decoded, "refused_status", keys.RefusedStatus,
		func(int) string { return "want a number from 400 to 599" },
		func(n []int) core.Options { return core.Options{RefusedStatus: n} })
	return keys
}

// decode decodes the values, but not the objects settings and store: what is in them is checked
// by their kinds. It takes them out meanwhile.
func (v *variant) decode(keys *sessionKeys) error {
	settings, hasSettings := v.values["settings"].(map[string]any)
	if hasSettings {
		delete(v.values, "settings")
	}
	store, hasStore := v.values["store"].(map[string]any)
	if hasStore {
		delete(v.values, "store")
	}
	err := core.DecodeSettings(v.values, keys)
	if hasSettings {
		v.values["settings"] = settings
	}
	if hasStore {
		v.values["store"] = store
	}
	return err
}

// hintPlace adds a hint to the faults of unknown keys that are known in another place. err is of
// core's decoder.
func hintPlace(err error, place string, known []core.Setting) {
	var faults core.Faults
	errors.As(err, &faults)
	for i, f := range faults {
		if len(f.Path) == 1 && strings.HasPrefix(f.Problem, "unknown key") &&
			settingNamed(known, f.Path[0]).Name != "" {
			faults[i].Problem = "unknown key: " + place
		}
	}
}

// checkEach returns the values of a list that are good as options of a session: list itself if all
// are. It reports the others, except those that decoded reports already: they have a wrong type.
func checkEach[T any](
	found *report, v *variant, decoded []Fault, key string, list []T, problem func(T) string,
	options func([]T) core.Options,
) []T {
	isGood := func(i int) bool {
		opts := options(list[i : i+1])
		return opts.Check() == nil
	}
	var good []T
	bad := 0
	for i, value := range list {
		if isGood(i) {
			if bad > 0 {
				good = append(good, value)
			}
			continue
		}
		if bad++; bad == 1 {
			good = slices.Clone(list[:i])
		}
		full, where := v.locate([]string{key, strconv.Itoa(i)})
		fault := where.fault(full, problem(value))
		known := func(f Fault) bool { return f.Key == fault.Key }
		if !found.isUnusable(full) && !slices.ContainsFunc(decoded, known) {
			found.addFault(fault)
		}
	}
	if bad == 0 {
		return list
	}
	return good
}

// originProblem returns what a fault says about a text that is no origin. It does not quote it.
func originProblem(text string) string {
	const want = `want an origin, such as "https://api.example.com"`
	if u, err := url.Parse(text); err == nil && u.Host != "" && u.Path == "" {
		if err := core.CheckHost(u); err != nil {
			return want + "; this one " + err.Error()
		}
	}
	return want
}

// addSettings reports what the registry found in the entries of sessions. It
// reports false if err has nothing about them.
func (r *report) addSettings(err error, sessions map[string]*checked) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		any := false
		for _, err := range joined.Unwrap() {
			any = r.addSettings(err, sessions) || any
		}
		return any
	}
	e, ok := err.(*core.Error)
	if !ok || sessions[e.Session] == nil {
		return false
	}
	hintPlace(e, "it belongs to the session, beside settings", fixedKeys.session)
	r.addDecoded(e, []string{"settings"}, sessions[e.Session].locate)
	return true
}

// checkSettings asks the registry about the settings of sessions. Their inputs
// are checked by checkInputs, which knows their places. It ends early with ctx.
func (c *checker) checkSettings(ctx context.Context, sessions map[string]*checked) {
	entries := entriesOf(sessions)
	for i := range entries {
		entries[i].Inputs = nil
	}
	const atOnce = 64
	for some := range slices.Chunk(entries, atOnce) {
		if ctx.Err() != nil {
			return
		}
		c.found.addSettings(c.kinds.Check(some), sessions)
	}
}

// anyInputs reports whether any session has inputs.
func anyInputs(sessions map[string]*checked) bool {
	for _, s := range sessions {
		if len(s.entry.Inputs) > 0 {
			return true
		}
	}
	return false
}

// textInputs returns the inputs that are texts. The decoder has reported others.
func (s *checked) textInputs() map[string]string {
	if len(s.entry.Inputs) == 0 {
		return nil
	}
	inputs := maps.Clone(s.entry.Inputs)
	maps.DeleteFunc(inputs, func(role, _ string) bool {
		switch object(s.values, "inputs")[role].(type) {
		case string, core.Secret:
			return false
		}
		return true
	})
	return inputs
}

// checkInputs reports inputs that name no session, or that lead back to the
// session that has them. It ends early with ctx.
func (c *checker) checkInputs(ctx context.Context, sessions map[string]*checked) {
	if !anyInputs(sessions) {
		return
	}
	entries := make([]registry.Entry, 0, len(sessions))
	for _, name := range sorted.Keys(sessions) {
		if ctx.Err() != nil {
			return
		}
		entries = append(entries, registry.Entry{Name: name, Inputs: sessions[name].textInputs()})
	}
	for _, f := range registry.CheckInputs(entries) {
		full, where := sessions[f.Session].locate([]string{"inputs", f.Role})
		if !c.found.isUnusable(full) {
			c.found.addAt(where, full, f.Problem)
		}
	}
}
