// Read on in registry.go.

package registry

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// kinds are factories by kind. They are exchanged as a whole and never written
// to.
type kinds struct {
	factories map[string]core.Factory
	names     []string // sorted
}

func newKinds(factories []core.Factory) (*kinds, error) {
	k := &kinds{factories: make(map[string]core.Factory, len(factories))}
	var errs []error
	for i, f := range factories {
		kind := f.Info().Kind
		switch _, twice := k.factories[kind]; {
		case kind == "":
			errs = append(errs, core.Errorf(core.CodeBadConfig,
				"factory %d of the registry has no kind", i))
		case twice:
			errs = append(errs, core.Errorf(core.CodeBadConfig,
				"kind %q is in the registry twice", kind))
		default:
			k.factories[kind] = f
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	k.names = slices.Sorted(maps.Keys(k.factories))
	return k, nil
}

// factory returns the factory of a kind. Its errors list the kinds.
func (k *kinds) factory(kind string) (core.Factory, error) {
	if f, ok := k.factories[kind]; ok {
		return f, nil
	}
	known := strings.Join(k.names, ", ")
	if kind == "" {
		return core.Factory{}, core.Errorf(core.CodeBadConfig, "no provider is named; known: %s", known)
	}
	return core.Factory{}, core.Errorf(core.CodeBadConfig,
		"unknown provider %q%s; known: %s (forgotten to give the factory to registry.New?)",
		kind, core.DidYouMean(kind, k.names), known)
}

// entriesBetween is how many entries are worked on between two looks at a context.
const entriesBetween = 64

// check reports every fault of entries. It stops with the cause of ctx.
func (k *kinds) check(ctx context.Context, entries []Entry) error {
	var errs []error
	seen := make(map[string]bool, len(entries))
	for i, e := range entries {
		if i%entriesBetween == entriesBetween-1 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := k.checkEntry(e); err != nil {
			errs = append(errs, err)
		}
		if seen[e.Name] {
			errs = append(errs, e.annotate(core.Errorf(core.CodeBadConfig, "the name is taken")))
		}
		seen[e.Name] = true
	}
	errs = append(errs, inputErrors(entries)...)
	return errors.Join(errs...)
}

// checkNames reports the first name in e that core does not allow.
func (e Entry) checkNames() error {
	for _, role := range sorted.Keys(e.Inputs) {
		if err := core.CheckName(role); err != nil {
			return err
		}
	}
	if err := core.CheckName(e.Name); err != nil {
		return err
	}
	return core.CheckName(string(e.Environment))
}

func (k *kinds) checkEntry(e Entry) error {
	if e.Name == "" {
		return e.annotate(core.Errorf(core.CodeBadConfig, "a session has no name"))
	}
	if err := e.checkNames(); err != nil {
		return e.annotate(err)
	}
	f, err := k.factory(e.Kind)
	if err != nil {
		return e.annotate(err)
	}
	settings, options := f.Check(e.Environment, e.Settings), e.Options.Check()
	return errors.Join(e.annotate(settings), e.annotate(options))
}
