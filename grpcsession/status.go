package grpcsession

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
)

// callError is an error of the session as the status of a call. It wraps the
// session's, so that a caller finds the [core.Code].
type callError struct {
	status *status.Status
	err    error
}

// Error returns the text of a status error.
func (e *callError) Error() string { return e.status.Err().Error() }

// GRPCStatus is what package status asks for.
func (e *callError) GRPCStatus() *status.Status { return e.status }

// Unwrap returns the session's error.
func (e *callError) Unwrap() error { return e.err }

// statusOf returns the status of a call that failed with an error of the session.
// ctx is the call's.
func statusOf(ctx context.Context, err error) *status.Status {
	code := core.CodeOf(err)
	if gone := ctx.Err(); gone != nil && code == core.Unavailable {
		return status.New(status.FromContextError(gone).Code(), err.Error())
	}
	return status.New(codeOf(code), err.Error())
}

// codeOf returns the status code for a code of the session. gRPC turns each code
// that its proposal A54 does not list, such as FailedPrecondition, into Internal.
func codeOf(code core.Code) codes.Code {
	switch code {
	case core.Unavailable:
		return codes.Unavailable
	case core.Denied, core.Interactive:
		return codes.Unauthenticated
	case core.OriginRefused:
		return codes.PermissionDenied
	case core.Closed:
		return codes.Canceled // as calls of a grpc.ClientConn that is closed
	}
	return codes.Internal
}
