package plugins

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// prompter carries a sign-in's questions to the host and the answers back.
type prompter struct {
	stream  v1.Provider_AuthenticateServer
	turn    chan struct{} // holds one element while someone asks
	replies chan *v1.Reply
	read    sync.Once
	given   int // prompts whose reply nobody waits for any more; guarded by turn
}

func newPrompter(stream v1.Provider_AuthenticateServer) *prompter {
	return &prompter{stream: stream, turn: make(chan struct{}, 1), replies: make(chan *v1.Reply)}
}

// ui offers what the host's program can do.
func (p *prompter) ui(can []v1.PromptKind) core.UI {
	var ui core.UI
	if slices.Contains(can, v1.PromptKind_PROMPT_KIND_SHOW) {
		ui.Show = func(ctx context.Context, message string) error {
			_, err := p.ask(ctx, &v1.Prompt{Kind: v1.PromptKind_PROMPT_KIND_SHOW, Text: message})
			return err
		}
	}
	if slices.Contains(can, v1.PromptKind_PROMPT_KIND_ASK) {
		ui.Ask = func(ctx context.Context, prompt string, hidden bool) (core.Secret, error) {
			text, err := p.ask(ctx, &v1.Prompt{Kind: v1.PromptKind_PROMPT_KIND_ASK, Text: prompt, Hidden: hidden})
			return core.NewSecret(text), err
		}
	}
	if slices.Contains(can, v1.PromptKind_PROMPT_KIND_OPEN) {
		ui.Open = func(ctx context.Context, url string) error {
			_, err := p.ask(ctx, &v1.Prompt{Kind: v1.PromptKind_PROMPT_KIND_OPEN, Text: url})
			return err
		}
	}
	if slices.Contains(can, v1.PromptKind_PROMPT_KIND_VISIT) {
		ui.Visit = func(ctx context.Context, v core.Visit) error {
			_, err := p.ask(ctx, wire.FromVisit(v))
			return err
		}
	}
	return ui
}

func (p *prompter) ask(ctx context.Context, prompt *v1.Prompt) (string, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-p.stream.Context().Done():
		return "", context.Cause(p.stream.Context())
	}
	out := &v1.AuthenticateResponse{Message: &v1.AuthenticateResponse_Prompt{Prompt: prompt}}
	if err := sendable(out, "the prompt"); err != nil {
		return "", err
	}
	if err := p.stream.Send(out); err != nil {
		return "", gone(err)
	}
	p.read.Do(func() { go p.receive() })
	for {
		select {
		case reply, ok := <-p.replies:
			switch {
			case !ok:
				return "", core.Errorf(core.Unavailable, "the host left the sign-in")
			case p.given > 0:
				p.given--
				continue
			}
			return reply.GetText(), wire.ToError(reply.GetError())
		case <-ctx.Done():
			p.given++
			return "", context.Cause(ctx)
		}
	}
}

// receive reads replies until the stream ends.
func (p *prompter) receive() {
	defer close(p.replies)
	for {
		m, err := p.stream.Recv()
		if err != nil {
			return
		}
		reply := m.GetReply()
		if reply == nil {
			continue
		}
		select {
		case p.replies <- reply:
		case <-p.stream.Context().Done():
			return
		}
	}
}

func gone(err error) error {
	if status.Code(err) == codes.Canceled {
		return context.Canceled
	}
	return core.Errorf(core.Unavailable, "the host left the sign-in")
}
