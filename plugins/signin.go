package plugins

import (
	"context"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	// maxPrompts bounds what a person is asked in one sign-in.
	maxPrompts = 100
	// withdrawal is how long the person's program has to take back what nobody
	// waits for any more.
	withdrawal = 100 * time.Millisecond
)

// SignIn implements [core.SignIn]. It is not repeated: a person has begun.
func (r *remote) SignIn(ctx context.Context, req core.Request, ui core.UI) (cred core.Credential, err error) {
	if err := r.able(ctx, v1.Ability_ABILITY_SIGN_IN, "SignIn"); err != nil {
		return cred, err
	}
	begin, err := r.begin(req)
	if err != nil {
		return cred, err
	}
	begin.SignIn, begin.Prompts = true, prompts(ui)
	err = r.call(ctx, false, func(p *process) error {
		cred, err = r.converse(ctx, p, begin, ui)
		return r.optional(ctx, "SignIn", err, nil)
	})
	return cred, err
}

// prompts lists what the person's program can do.
func prompts(ui core.UI) (can []v1.PromptKind) {
	for _, p := range []struct {
		able bool
		kind v1.PromptKind
	}{
		{ui.Show != nil, v1.PromptKind_PROMPT_KIND_SHOW},
		{ui.Ask != nil, v1.PromptKind_PROMPT_KIND_ASK},
		{ui.Open != nil, v1.PromptKind_PROMPT_KIND_OPEN},
		{ui.Visit != nil, v1.PromptKind_PROMPT_KIND_VISIT},
	} {
		if p.able {
			can = append(can, p.kind)
		}
	}
	return can
}

// conversation is one attempt to sign in.
type conversation struct {
	*remote
	stream grpc.BidiStreamingClient[v1.AuthenticateRequest, v1.AuthenticateResponse]
	ui     core.UI
	heard  chan heard
}

// heard is what came from the plugin: a message, or the end.
type heard struct {
	m   *v1.AuthenticateResponse
	err error
}

// converse begins, passes prompts on and takes the outcome. The stream's end,
// which is also that of ctx and of the process, is always heard.
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
	c := &conversation{remote: r, stream: stream, ui: ui, heard: make(chan heard)}
	left := make(chan struct{})
	defer close(left)
	go c.listen(left)
	next := <-c.heard
	for range maxPrompts {
		prompt := next.m.GetPrompt()
		if prompt == nil {
			return c.end(ctx, next)
		}
		if next, err = c.prompt(ctx, prompt); err != nil {
			return core.Credential{}, err
		}
	}
	return core.Credential{}, r.bad("it asked the person more than %d times", maxPrompts)
}

// listen reads until the stream ends or nobody wants to know.
func (c *conversation) listen(left <-chan struct{}) {
	for {
		m, err := c.stream.Recv()
		select {
		case c.heard <- heard{m, err}:
		case <-left:
			return
		}
		if err != nil {
			return
		}
	}
}

// end takes the last message.
func (c *conversation) end(ctx context.Context, last heard) (core.Credential, error) {
	switch {
	case last.err == io.EOF:
		return core.Credential{}, c.bad("it ended the call without an answer")
	case last.err != nil:
		return core.Credential{}, last.err
	}
	if after := <-c.heard; after.err == nil {
		return core.Credential{}, c.bad("it answered twice")
	} else if after.err != io.EOF {
		return core.Credential{}, after.err
	}
	return c.outcome(ctx, last.m)
}

// prompt lets the person's program do what the plugin asks for, answers, and
// waits for what comes next. What comes before there is an answer takes the
// question back.
func (c *conversation) prompt(ctx context.Context, m *v1.Prompt) (next heard, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make(chan *v1.Reply, 1)
	go c.answer(ctx, m, replies)
	var reply *v1.Reply
	early := false
	select {
	case reply = <-replies:
	case next = <-c.heard:
		early = true
		cancel()
		select {
		case reply = <-replies:
		case <-time.After(withdrawal):
		}
		if next.m.GetPrompt() == nil { // nobody waits for a reply
			return next, nil
		}
		if reply == nil {
			return next, &meant{core.Errorf(core.Unavailable, "the program goes on asking the person what plugin %q has taken back", c.plugin)}
		}
	}
	// An io.EOF says that the stream has ended; what is heard next says why.
	if err = c.stream.Send(&v1.AuthenticateRequest{Message: &v1.AuthenticateRequest_Reply{Reply: reply}}); err != nil && err != io.EOF {
		return next, err
	}
	if !early {
		next = <-c.heard
	}
	return next, nil
}

// answer makes the reply to a prompt, whatever the program does.
func (c *conversation) answer(ctx context.Context, m *v1.Prompt, to chan<- *v1.Reply) {
	reply := &v1.Reply{Error: wire.FromError(core.Errorf(core.Unavailable, "the program's user interface gave up"))}
	defer func() {
		if r := recover(); r != nil {
			reply.Error = wire.FromError(core.Errorf(core.Unavailable, "the program's user interface panicked (%T)", r))
		}
		to <- reply
	}()
	text, err := show(ctx, m, c.ui)
	reply = &v1.Reply{Text: strings.ToValidUTF8(text, "\ufffd"), Error: wire.FromError(err)}
}
