package plugins

import (
	"context"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// Authenticate implements [core.Provider].
func (r *remote) Authenticate(ctx context.Context, req core.Request) (cred core.Credential, err error) {
	begin, err := r.begin(req)
	if err != nil {
		return cred, err
	}
	err = r.call(ctx, true, func(p *process) error {
		// Nothing but begin is sent, so the stream is used like a single call,
		// which is cheaper. More than one answer is an error of the protocol.
		var m v1.AuthenticateResponse
		err := p.conn.Invoke(ctx, v1.Provider_Authenticate_FullMethodName, first(begin), &m)
		if err == nil {
			cred, err = r.outcome(ctx, &m)
		}
		return err
	})
	return cred, err
}

func first(begin *v1.Begin) *v1.AuthenticateRequest {
	return &v1.AuthenticateRequest{Message: &v1.AuthenticateRequest_Begin{Begin: begin}}
}

func (r *remote) begin(req core.Request) (*v1.Begin, error) {
	begin := wire.FromRequest(r.open.Instance, req)
	return begin, r.sendable(begin, "what the session tells its provider")
}

// outcome takes the last message.
func (r *remote) outcome(ctx context.Context, m *v1.AuthenticateResponse) (core.Credential, error) {
	switch {
	case m.GetError() != nil:
		return core.Credential{}, &meant{r.meant(ctx, m.GetError())}
	case m.GetCredential() == nil:
		return core.Credential{}, r.bad("it answered with neither a credential nor an error")
	}
	return r.credential(m.GetCredential())
}
