// Read on in storekey.go.

package registry

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/authsession/authsession/core"
)

// Entry describes one named session.
type Entry struct {
	Name        string           // unique; not empty
	Kind        string           // of the provider
	Environment core.Environment // passed to the provider; empty: none
	Settings    map[string]any   // of the provider, as core.Factory.Open takes them
	// Inputs are the names of sessions of the same set, by role: they become
	// Options.Inputs. Nil: none.
	Inputs map[string]string
	// Options of the session. Provider and Environment are filled in, and Facade
	// if it is nil. With a Store and neither StoreKey nor StoreScope, StoreScope
	// is filled in (see [Entry.StoreKey]), and StoreFormerKey if it is empty.
	Options core.Options
}

// String returns the name and the kind.
func (e Entry) String() string { return fmt.Sprintf("entry %q (%s)", e.Name, e.Kind) }

// Format writes what String returns, whatever the verb: Settings may hold
// secrets as plain text.
func (e Entry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// annotate returns err as an error of this entry, with its name and kind.
func (e Entry) annotate(err error) error {
	if err == nil {
		return nil
	}
	out := core.Error{Session: e.Name, Kind: e.Kind, Code: core.CodeBadConfig, Err: err}
	if inner, ok := err.(*core.Error); ok {
		out.Err = inner.Err
	}
	return &out
}

// clone copies what the caller might write to later.
func (e Entry) clone() Entry {
	e.Settings, _ = cloneValue(e.Settings).(map[string]any)
	e.Inputs = maps.Clone(e.Inputs)
	e.Options.Origins = slices.Clone(e.Options.Origins)
	e.Options.Inputs = maps.Clone(e.Options.Inputs)
	e.Options.Kind, e.Options.Environment = e.Kind, e.Environment
	return e
}

// cloneValue copies the objects and lists of a setting's value.
func cloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = cloneValue(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = cloneValue(value)
		}
		return out
	}
	return value
}

// same reports whether e describes the same session as before, which is a
// clone. The texts of secrets are compared. Functions and other live values are
// compared by identity: a function that was made again may count as another
// one, which costs a renewal, and two closures of one literal may count as the
// same.
func (e Entry) same(before Entry) bool {
	now, then := e.Options, before.Options
	now.Kind, now.Environment = e.Kind, e.Environment
	return sameLive(now, then) && maps.Equal(e.Inputs, before.Inputs) &&
		sameSettings(e.Settings, before.Settings) &&
		reflect.DeepEqual(withoutLive(now), withoutLive(then))
}

// sameLive compares the options that reflect.DeepEqual cannot compare.
func sameLive(a, b core.Options) bool {
	return sameFunc(a.Observe, b.Observe) && sameFunc(a.Facade, b.Facade) &&
		sameFunc(a.Begin, b.Begin) && sameFunc(a.AuthTransport, b.AuthTransport) &&
		sameValue(a.Transport, b.Transport) && sameValue(a.Store, b.Store) &&
		a.TLS == b.TLS && a.Logger == b.Logger && a.UI == b.UI && maps.Equal(a.Inputs, b.Inputs)
}

// withoutLive returns the options that sameLive does not compare.
func withoutLive(opts core.Options) core.Options {
	opts.Observe, opts.Facade, opts.Transport, opts.Store = nil, nil, nil, nil
	opts.Begin, opts.AuthTransport, opts.TLS = nil, nil, nil
	opts.Logger, opts.UI, opts.Inputs = nil, nil, nil
	if len(opts.Origins) == 0 {
		opts.Origins = nil
	}
	return opts
}

func sameSettings(a, b map[string]any) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

func sameFunc[F any](a, b F) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// sameValue compares two interfaces without a panic for types that have no ==.
func sameValue(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}
