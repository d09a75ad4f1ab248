// Package faults makes core errors of what a provider finds wrong before it sends anything. All
// functions are safe for concurrent use.
package faults

import (
	"context"
	"errors"

	"github.com/authsession/authsession/core"
)

// BadConfig returns the errors that are joined in err as one error of a single line with the code
// [core.CodeBadConfig], whose cause is [core.Faults]. An error that is not a [core.Fault] becomes a
// fault without a path. For nil it returns nil.
func BadConfig(err error) error {
	if err == nil {
		return nil
	}
	return core.Errorf(core.CodeBadConfig, "%w", collect(err))
}

// collect returns the faults in the tree of err, in order.
func collect(err error) core.Faults {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var list core.Faults
		for _, err := range joined.Unwrap() {
			list = append(list, collect(err)...)
		}
		return list
	}
	var fault core.Fault
	if !errors.As(err, &fault) {
		fault.Problem = err.Error()
	}
	return core.Faults{fault}
}

// ContextEnded returns [core.CodeUnavailable] with the cause if ctx has ended, and nil otherwise.
func ContextEnded(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return core.Errorf(core.CodeUnavailable, "%w", context.Cause(ctx))
}
