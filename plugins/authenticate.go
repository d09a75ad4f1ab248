// Read on in prepare.go.

package plugins

import (
	"context"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// Authenticate implements [core.Provider].
func (r *remote) Authenticate(ctx context.Context,
	req core.Request) (cred core.Credential, err error) {
	begin, err := r.newBegin(req)
	if err != nil {
		return cred, err
	}
	err = r.call(ctx, true, func(in *instance) error {
		// Nothing but begin is sent, so the stream is used like a single call,
		// which is cheaper. More than one answer is an error of the protocol.
		var m v1.AuthenticateResponse
		err := in.process.Conn().Invoke(ctx, v1.Provider_Authenticate_FullMethodName,
			beginMessage(begin), &m)
		if err == nil {
			cred, err = r.toOutcome(ctx, &m)
		}
		return err
	})
	return cred, err
}

func (r *remote) newBegin(req core.Request) (*v1.Begin, error) {
	r.secrets.addRequest(r, req)
	begin := wire.FromRequest(r.open.Instance, req)
	return begin, r.checkRequest(begin, "what the session tells its provider")
}

func beginMessage(begin *v1.Begin) *v1.AuthenticateRequest {
	return &v1.AuthenticateRequest{Message: &v1.AuthenticateRequest_Begin{Begin: begin}}
}

// toOutcome makes a credential or an error of the last message of a call.
func (r *remote) toOutcome(ctx context.Context,
	m *v1.AuthenticateResponse) (core.Credential, error) {
	switch {
	case m.GetError() != nil:
		return core.Credential{}, &answerError{r.toError(ctx, m.GetError())}
	case m.GetCredential() == nil:
		return core.Credential{}, r.badAnswer("it answered with neither a credential nor an error")
	}
	return r.toCredential(m.GetCredential())
}

// toCredential checks what a plugin obtained.
func (r *remote) toCredential(m *v1.Credential) (core.Credential, error) {
	if fault := credentialFault(m); fault != "" {
		return core.Credential{}, r.badAnswer("it answered with a credential whose %s: "+
			"tell its author", fault)
	}
	if r.secrets.isIn(func() string { return shownOf(m) }) {
		return core.Credential{}, r.badAnswer("it answered with a credential whose names, origins or " +
			"attributes contain a secret of its settings: tell its author")
	}
	cred := wire.ToCredential(m)
	// A user may have their name as the password.
	if r.secrets.isIn(func() string { return m.GetSubject() }) {
		cred.Subject = ""
	}
	r.secrets.addCredential(r, cred)
	return cred, nil
}
