package grpcsession

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
)

// callError is the status error of a call for which the session returned an error. It
// wraps that error, so that a caller finds the [core.Code].
type callError struct {
	status *status.Status
	err    error
}

// Error returns the text of a status error.
func (e *callError) Error() string { return e.status.Err().Error() }

// GRPCStatus returns the status. Package status calls it.
func (e *callError) GRPCStatus() *status.Status { return e.status }

// Unwrap returns the session's error.
func (e *callError) Unwrap() error { return e.err }

// statusOf returns the status of a call for which the session returned err. ctx is the
// context of the call.
func statusOf(ctx context.Context, err error) *status.Status {
	code := core.CodeOf(err)
	if gone := ctx.Err(); gone != nil && code == core.CodeUnavailable {
		return status.New(status.FromContextError(gone).Code(), err.Error())
	}
	return status.New(codeOf(code), err.Error())
}

// codeOf returns the status code for a code of the session. gRPC turns each code
// that its proposal A54 does not list, such as FailedPrecondition, into Internal.
func codeOf(code core.Code) codes.Code {
	switch code {
	case core.CodeUnavailable:
		return codes.Unavailable
	case core.CodeDenied, core.CodeInteractive:
		return codes.Unauthenticated
	case core.CodeOriginRefused:
		return codes.PermissionDenied
	case core.CodeClosed:
		return codes.Canceled // like calls of a closed grpc.ClientConn
	}
	return codes.Internal
}
