package plugins

import (
	"context"
	"io"
	"net/url"
	"strings"

	"google.golang.org/grpc"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	maxPrompts = 100 // of one sign-in
	maxPrompt  = 4096
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

// SignIn implements [core.SignIn]. It is not repeated: a person has begun.
func (r *remote) SignIn(ctx context.Context, req core.Request, ui core.UI) (cred core.Credential, err error) {
	if err := r.able(ctx, v1.Ability_ABILITY_SIGN_IN, "SignIn"); err != nil {
		return cred, err
	}
	begin, err := r.begin(req)
	if err != nil {
		return cred, err
	}
	begin.SignIn = true
	if ui.Show != nil {
		begin.Prompts = append(begin.Prompts, v1.PromptKind_PROMPT_KIND_SHOW)
	}
	if ui.Ask != nil {
		begin.Prompts = append(begin.Prompts, v1.PromptKind_PROMPT_KIND_ASK)
	}
	if ui.Open != nil {
		begin.Prompts = append(begin.Prompts, v1.PromptKind_PROMPT_KIND_OPEN)
	}
	err = r.call(ctx, false, func(p *process) error {
		cred, err = r.converse(ctx, p, begin, ui)
		return r.optional(ctx, "SignIn", err, nil)
	})
	return cred, err
}

func (r *remote) begin(req core.Request) (*v1.Begin, error) {
	begin := wire.FromRequest(r.open.Instance, req)
	return begin, r.sendable(begin, "the previous credential")
}

// converse makes one attempt to sign in: it begins, passes prompts on and takes
// the outcome.
func (r *remote) converse(ctx context.Context, p *process, begin *v1.Begin, ui core.UI) (core.Credential, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream, however this returns
	stream, err := p.client.Authenticate(ctx)
	if err != nil {
		return core.Credential{}, err
	}
	if err := stream.Send(first(begin)); err != nil && err != io.EOF {
		return core.Credential{}, err
	}
	for range maxPrompts {
		m, err := stream.Recv()
		switch {
		case err == io.EOF:
			return core.Credential{}, r.bad("it ended the call without an answer")
		case err != nil:
			return core.Credential{}, err
		}
		if prompt := m.GetPrompt(); prompt != nil {
			if err := r.prompt(ctx, p, stream, prompt, ui); err != nil {
				return core.Credential{}, err
			}
			continue
		}
		if _, err := stream.Recv(); err == nil {
			return core.Credential{}, r.bad("it answered twice")
		} else if err != io.EOF {
			return core.Credential{}, err
		}
		return r.outcome(ctx, m)
	}
	return core.Credential{}, r.bad("it asked the person more than %d times", maxPrompts)
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

// prompt lets the person's program do what the plugin asks for, and answers.
func (r *remote) prompt(ctx context.Context, p *process, stream grpc.BidiStreamingClient[v1.AuthenticateRequest, v1.AuthenticateResponse], m *v1.Prompt, ui core.UI) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a person is not asked for a process that is gone
		select {
		case <-p.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	reply := &v1.Reply{}
	text, err := show(ctx, m, ui)
	reply.Text = strings.ToValidUTF8(text, "\ufffd")
	reply.Error = wire.FromError(err)
	err = stream.Send(&v1.AuthenticateRequest{Message: &v1.AuthenticateRequest_Reply{Reply: reply}})
	if err == io.EOF { // the next Recv says why
		return nil
	}
	return err
}

func show(ctx context.Context, m *v1.Prompt, ui core.UI) (string, error) {
	text := clean(m.GetText(), maxPrompt)
	switch kind := m.GetKind(); {
	case kind == v1.PromptKind_PROMPT_KIND_SHOW && ui.Show != nil:
		return "", ui.Show(ctx, text)
	case kind == v1.PromptKind_PROMPT_KIND_ASK && ui.Ask != nil:
		answer, err := ui.Ask(ctx, text, m.GetHidden())
		return answer.Reveal(), err
	case kind == v1.PromptKind_PROMPT_KIND_OPEN && ui.Open != nil:
		if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return "", core.Errorf(core.BadConfig, "only web pages are opened")
		}
		return "", ui.Open(ctx, text)
	}
	return "", core.Errorf(core.Interactive, "the program cannot do that")
}
