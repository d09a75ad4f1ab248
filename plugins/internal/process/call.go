// Read on in fake.go.

package process

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
)

// CallError explains the gRPC error of a call in p, whose context was ctx.
// isFault reports whether the process is at fault, so that the call may succeed
// in another one. Such a process is out of use afterwards.
//
// gRPC itself and a handler of the plugin can return the same status. A handler
// that returns one of those below has the same effect as a broken connection.
func (s *Supervisor) CallError(ctx context.Context, p *Process, err error) (isFault bool, _ error) {
	if ctx.Err() != nil {
		p.doubt()
		return false, s.noAnswer(context.Cause(ctx))
	}
	if !s.IsCurrent(p) { // it was lost meanwhile, and its connection closed
		return true, s.program.errorf(core.CodeUnavailable, ": it failed during the call")
	}
	switch code := status.Code(err); code {
	case codes.Unavailable:
		return true, s.loseInCall(p, "the connection broke")
	case codes.Internal, codes.DataLoss:
		return true, s.loseInCall(p, "it sent what is not of the protocol")
	case codes.DeadlineExceeded, codes.Canceled:
		p.doubt()
		return false, s.noAnswer(context.DeadlineExceeded)
	case codes.ResourceExhausted:
		return false, s.program.errorf(core.CodeBadConfig, ": a message is larger than %d MiB",
			MaxMessage>>20)
	case codes.Unimplemented:
		return false, s.program.errorf(core.CodeUnavailable,
			" does not serve a call that it must serve")
	default:
		return false, s.program.errorf(core.CodeUnavailable, ": the call failed with status %s; the "+
			"plugin's own log says more", code)
	}
}

func (s *Supervisor) noAnswer(cause error) error {
	return s.program.errorf(core.CodeUnavailable, " did not answer in time: %w", cause)
}

func (s *Supervisor) loseInCall(p *Process, why string) error {
	s.lose(p, errors.New(why))
	return s.program.errorf(core.CodeUnavailable, ": %s", why)
}
