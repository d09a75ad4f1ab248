// Read on in server.go.

package plugins

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// prompter sends the prompts of a sign-in to the host and returns the replies. The
// host replies to prompts in their order, also to one that was withdrawn.
type prompter struct {
	stream  v1.Provider_AuthenticateServer
	asking  ctxmutex.Mutex // held by the ask that waits for a reply
	replies chan *v1.Reply // closed at the end of the stream
	read    sync.Once      // starts receive
	// withdrawn is how many prompts were withdrawn whose reply has not come yet.
	// asking guards it.
	withdrawn int
}

func newPrompter(stream v1.Provider_AuthenticateServer) *prompter {
	return &prompter{stream: stream, asking: ctxmutex.New(), replies: make(chan *v1.Reply)}
}

// ui returns a user interface with the prompts that the host's program can answer.
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
			text, err := p.ask(ctx, &v1.Prompt{
				Kind: v1.PromptKind_PROMPT_KIND_ASK, Text: prompt, Hidden: hidden,
			})
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
		ui.ShowDevicePrompt = func(ctx context.Context, v core.DevicePrompt) error {
			_, err := p.ask(ctx, wire.FromVisit(v))
			return err
		}
	}
	return ui
}

// ask sends a prompt and returns the reply. If ctx ends before, the prompt counts
// as withdrawn: the host notices that when the next message comes.
func (p *prompter) ask(ctx context.Context, prompt *v1.Prompt) (string, error) {
	if err := p.lock(ctx); err != nil {
		return "", err
	}
	defer p.asking.Unlock()
	out := &v1.AuthenticateResponse{Message: &v1.AuthenticateResponse_Prompt{Prompt: prompt}}
	if err := checkMessage(out, "the prompt"); err != nil {
		return "", err
	}
	if err := p.stream.Send(out); err != nil {
		return "", sendError(err)
	}
	p.read.Do(func() { go p.receive() })
	for {
		select {
		case reply, ok := <-p.replies:
			if !ok {
				return "", hostLeft()
			}
			if p.withdrawn > 0 {
				p.withdrawn--
				continue
			}
			return reply.GetText(), wire.ToError(reply.GetError())
		case <-ctx.Done():
			p.withdrawn++
			return "", context.Cause(ctx)
		}
	}
}

// lock locks asking. It stops waiting at the end of ctx, and at that of the
// stream.
func (p *prompter) lock(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ofStream := p.stream.Context()
	defer context.AfterFunc(ofStream, func() { cancel(context.Cause(ofStream)) })()
	return p.asking.Lock(ctx)
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

func hostLeft() error { return core.Errorf(core.CodeUnavailable, "the host left the sign-in") }

// sendError explains the error of a Send.
func sendError(err error) error {
	if status.Code(err) == codes.Canceled {
		return context.Canceled
	}
	return hostLeft()
}
