// Read on in factory.go.

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
	// maxPrompts is how many prompts a person sees in one sign-in.
	maxPrompts = 100
	// withdrawLimit is how long the person's program has to end a prompt that the
	// plugin has withdrawn.
	withdrawLimit = 100 * time.Millisecond
)

// SignIn implements [core.InteractiveProvider]. It is not repeated: the person would have to
// begin again.
func (r *remote) SignIn(ctx context.Context, req core.Request,
	ui core.UI) (cred core.Credential, err error) {
	if err := r.requireAbility(ctx, v1.Ability_ABILITY_SIGN_IN, "SignIn"); err != nil {
		return cred, err
	}
	begin, err := r.newBegin(req)
	if err != nil {
		return cred, err
	}
	begin.SignIn, begin.Prompts = true, promptKinds(ui)
	err = r.call(ctx, false, func(in *instance) error {
		cred, err = r.converse(ctx, in, begin, ui)
		return r.optionalError(ctx, "SignIn", err, nil)
	})
	return cred, err
}

// promptKinds returns the prompts that the person's program can answer.
func promptKinds(ui core.UI) (kinds []v1.PromptKind) {
	for _, p := range []struct {
		can  bool
		kind v1.PromptKind
	}{
		{ui.Show != nil, v1.PromptKind_PROMPT_KIND_SHOW},
		{ui.Ask != nil, v1.PromptKind_PROMPT_KIND_ASK},
		{ui.Open != nil, v1.PromptKind_PROMPT_KIND_OPEN},
		{ui.ShowDevicePrompt != nil, v1.PromptKind_PROMPT_KIND_VISIT},
	} {
		if p.can {
			kinds = append(kinds, p.kind)
		}
	}
	return kinds
}

// conversation is one attempt to sign in.
type conversation struct {
	*remote
	stream   grpc.BidiStreamingClient[v1.AuthenticateRequest, v1.AuthenticateResponse]
	ui       core.UI
	received chan received // without a buffer
}

// received is what came from the plugin: a message, or the end of the stream.
type received struct {
	message *v1.AuthenticateResponse
	err     error
}

// converse begins, answers prompts and returns the outcome. The stream ends also
// with ctx and with the process, and receive always reports that.
func (r *remote) converse(ctx context.Context, in *instance, begin *v1.Begin,
	ui core.UI) (core.Credential, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream, however this returns
	stream, err := in.client.Authenticate(ctx)
	if err != nil {
		return core.Credential{}, err
	}
	if err := stream.Send(beginMessage(begin)); err != nil && err != io.EOF {
		return core.Credential{}, err
	}
	c := &conversation{remote: r, stream: stream, ui: ui, received: make(chan received)}
	returned := make(chan struct{})
	defer close(returned)
	go c.receive(returned)
	next := <-c.received
	for range maxPrompts {
		prompt := next.message.GetPrompt()
		if prompt == nil {
			return c.finish(ctx, next)
		}
		if next, err = c.handlePrompt(ctx, prompt); err != nil {
			return core.Credential{}, err
		}
	}
	return core.Credential{}, r.badAnswer("it asked the person more than %d times", maxPrompts)
}

// receive reads until the stream ends or converse has returned.
func (c *conversation) receive(returned <-chan struct{}) {
	for {
		m, err := c.stream.Recv()
		select {
		case c.received <- received{m, err}:
		case <-returned:
			return
		}
		if err != nil {
			return
		}
	}
}

// finish returns the outcome of the last message, which the end of the stream
// must follow.
func (c *conversation) finish(ctx context.Context, last received) (core.Credential, error) {
	switch {
	case last.err == io.EOF:
		return core.Credential{}, c.badAnswer("it ended the call without an answer")
	case last.err != nil:
		return core.Credential{}, last.err
	}
	if after := <-c.received; after.err == nil {
		return core.Credential{}, c.badAnswer("it answered twice")
	} else if after.err != io.EOF {
		return core.Credential{}, after.err
	}
	return c.toOutcome(ctx, last.message)
}

// handlePrompt lets the person's program do what the plugin asks for, replies,
// and returns what the plugin sends next. A plugin withdraws a prompt by sending
// the next message before it has the reply.
func (c *conversation) handlePrompt(ctx context.Context, m *v1.Prompt) (next received, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	replies := make(chan *v1.Reply, 1)
	go c.reply(ctx, m, replies)
	var reply *v1.Reply
	isWithdrawn := false
	select {
	case reply = <-replies:
	case next = <-c.received:
		isWithdrawn = true
		cancel()
		select {
		case reply = <-replies:
		case <-time.After(withdrawLimit):
		}
		if next.message.GetPrompt() == nil { // the plugin reads no reply any more
			return next, nil
		}
		if reply == nil {
			return next, &answerError{core.Errorf(core.CodeUnavailable, "the program goes on asking "+
				"the person what plugin %q has taken back", c.plugin)}
		}
	}
	// An io.EOF says that the stream has ended. What is received next says why.
	answer := &v1.AuthenticateRequest{Message: &v1.AuthenticateRequest_Reply{Reply: reply}}
	if err = c.stream.Send(answer); err != nil && err != io.EOF {
		return next, err
	}
	if !isWithdrawn {
		next = <-c.received
	}
	return next, nil
}

// reply makes the reply to a prompt and sends it to replies, also if the program
// panics or ends the goroutine.
func (c *conversation) reply(ctx context.Context, m *v1.Prompt, replies chan<- *v1.Reply) {
	errorReply := func(format string, args ...any) *v1.Reply {
		return &v1.Reply{Error: wire.FromError(core.Errorf(core.CodeUnavailable, format, args...))}
	}
	reply := errorReply("the program's user interface gave up")
	defer func() {
		if r := recover(); r != nil {
			reply = errorReply("the program's user interface panicked (%T)", r)
		}
		replies <- reply
	}()
	text, err := answerPrompt(ctx, m, c.ui)
	c.secrets.addAnswer(c.remote, core.NewSecret(text))
	reply = &v1.Reply{Text: strings.ToValidUTF8(text, "\ufffd"), Error: wire.FromError(err)}
}
