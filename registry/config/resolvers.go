// Read on in referencesyntax.go.

package config

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// resolverTimeout bounds each call of a [Resolver].
const resolverTimeout = 30 * time.Second

var schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.-]{0,31}$`)

// checkResolvers reports resolvers that a program has made wrongly.
func checkResolvers(resolvers map[string]Resolver) error {
	var errs []error
	for _, scheme := range sorted.Keys(resolvers) {
		switch {
		case scheme == "env" || scheme == "file":
			errs = append(errs, core.Errorf(core.CodeBadConfig,
				"Options.Resolvers: the scheme %q is taken", scheme))
		case !schemeForm.MatchString(scheme):
			errs = append(errs, core.Errorf(core.CodeBadConfig, "Options.Resolvers: the scheme %q: "+
				"want a lower-case letter, and then letters, digits, '+', '.' and '-'", scheme))
		case resolvers[scheme] == nil:
			errs = append(errs, core.Errorf(core.CodeBadConfig,
				"Options.Resolvers: the resolver %q is nil", scheme))
		}
	}
	return errors.Join(errs...)
}

// ownReferences are the references of one load that Resolvers find. Each is
// looked up once.
type ownReferences struct {
	resolvers map[string]Resolver
	values    map[ownReference]ownValue
}

// abandoned returns the scheme of a reference that ctx has ended; "": none.
func (o ownReferences) abandoned(ctx context.Context) string {
	for reference, value := range o.values {
		if value.err != nil && errors.Is(value.err, context.Cause(ctx)) {
			return reference.scheme
		}
	}
	return ""
}

// lookUp returns the value of a reference. The error does not quote its name, in
// which a variable may take part, but what is written in its place.
func (o ownReferences) lookUp(
	ctx context.Context, reference ownReference, written string,
) (string, error) {
	value, known := o.values[reference]
	if !known {
		value = resolve(ctx, o.resolvers[reference.scheme], reference.name)
		o.values[reference] = value
	}
	if value.err != nil {
		return "", fmt.Errorf("the reference ${%s:%s}: %w", reference.scheme, written, value.err)
	}
	return value.Value.Reveal(), nil
}

// resolve calls a Resolver, on a goroutine that it abandons when ctx ends.
func resolve(ctx context.Context, resolver Resolver, name string) ownValue {
	late := fmt.Errorf("no answer within %v", resolverTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, resolverTimeout, late)
	defer cancel()
	if ctx.Err() != nil {
		return ownValue{err: context.Cause(ctx)}
	}
	value := ownValue{err: errors.New("the resolver ended its goroutine")}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil { // its value may be anything
				value.err = fmt.Errorf("the resolver panicked with a %T", p)
			}
		}()
		resolved, err := resolver(ctx, name)
		value = ownValue{resolved, withoutSecrets(err)}
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return ownValue{err: context.Cause(ctx)}
	}
	if value.err != nil {
		return value
	}
	switch text, err := checkedText("the value", value.Value.Reveal()); {
	case err != nil:
		value.err = err
	case text == "":
		value.err = errors.New("the value is empty")
	case len(text) > maxReference:
		value.err = fmt.Errorf("the value is larger than %d MiB", maxReference>>20)
	default:
		value.Value = core.NewSecret(text)
	}
	return value
}
