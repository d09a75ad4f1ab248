//go:build unix

package plugins

import (
	"context"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// hostile is a plugin that speaks gRPC well and the protocol badly.
type hostile struct {
	*server
	mode   string
	forgot atomic.Bool
}

// serveHostile serves one that answers in the way its argument names.
func serveHostile() {
	s, err := newServer([]core.Factory{testFactory})
	if err != nil {
		panic(err)
	}
	serve(&hostile{server: s, mode: strings.TrimPrefix(os.Args[1], "bad-answers-")},
		s.prepare, func() { s.closeAll(closeLimit) })
}

func (h *hostile) Describe(ctx context.Context,
	m *v1.DescribeRequest) (*v1.DescribeResponse, error) {
	switch h.mode {
	case "nothing-described":
		return &v1.DescribeResponse{}, nil
	case "kind-twice":
		return &v1.DescribeResponse{Kinds: []*v1.Kind{{Name: "test"}, {Name: "test"}}}, nil
	case "odd-type":
		return &v1.DescribeResponse{
				Kinds: []*v1.Kind{{Name: "test", Settings: []*v1.Setting{{Name: "a", Type: "list of lists"}}}}},
			nil
	case "no-description":
		return nil, status.Error(codes.Unimplemented, "no")
	}
	return h.server.Describe(ctx, m)
}

func (h *hostile) Open(ctx context.Context, m *v1.OpenRequest) (*v1.OpenResponse, error) {
	if h.mode == "unknown-status" {
		return nil, status.Error(codes.Unknown, "Exception calling application: canary")
	}
	if h.mode == "odd-code" {
		return &v1.OpenResponse{Error: &v1.Error{Code: 99, Message: "a\x1bb"}}, nil
	}
	return h.server.Open(ctx, m)
}

func (h *hostile) Authenticate(stream v1.Provider_AuthenticateServer) error {
	cred := &v1.AuthenticateResponse{
		Message: &v1.AuthenticateResponse_Credential{
			Credential: &v1.Credential{Attach: &v1.Attachment{Header: map[string]string{"A": "b"}}}}}
	switch h.mode {
	case "twice":
		_ = stream.Send(cred)
		return stream.Send(cred)
	case "not":
		return nil
	case "empty":
		return stream.Send(&v1.AuthenticateResponse{})
	case "unasked-prompt":
		return stream.Send(&v1.AuthenticateResponse{
			Message: &v1.AuthenticateResponse_Prompt{Prompt: &v1.Prompt{Text: "password?"}}})
	case "not-found":
		return status.Error(codes.NotFound, "who?")
	case "ending": // as one that was told to end: its instances are closed, then it ends
		if _, err := os.Stat(os.Args[2]); err != nil {
			break
		}
		if !h.forgot.Swap(true) {
			return status.Error(codes.NotFound, "closed")
		}
		_ = os.Remove(os.Args[2])
		os.Exit(0)
	case "large-message":
		return status.Error(codes.ResourceExhausted, "too large")
	case "prompts":
		for {
			if err := stream.Send(&v1.AuthenticateResponse{
				Message: &v1.AuthenticateResponse_Prompt{Prompt: &v1.Prompt{Text: "again?"}}}); err != nil {
				return err
			}
		}
	}
	return h.server.Authenticate(stream)
}

// TestForgetsAndEnds proves that a plugin that closes its instances and then ends costs no call.
func TestForgetsAndEnds(t *testing.T) {
	h, _ := newHost(t)
	p := openTest(t, h, testBinary("bad-answers-ending", once(t)), nil)
	authenticate(t, p)
}

// Whatever a plugin answers is an error that names it, and soon.
func TestHostileAnswers(t *testing.T) {
	h, _ := newHost(t)
	open := func(mode string) (core.Provider, error) {
		b := testBinary("bad-answers-" + mode)
		b.Name, b.Kinds = "evil", []string{"test"}
		return factoryOf(t, h, b, "test").Open(t.Context(), "", nil)
	}
	for mode, want := range map[string]string{
		"nothing-described": "bad config: plugin \"evil\": its description is faulty: it has no kind",
		"kind-twice": `bad config: plugin "evil": its description is faulty: ` +
			`a kind has no proper name, or that of another`,
		"odd-type": `bad config: plugin "evil": its description is faulty: ` +
			`kind "test": the setting "a" has an unknown type`,
		"no-description": "bad config: plugin \"evil\": it does not serve authsession.provider.v1",
		"unknown-status": "unavailable: plugin \"evil\": the call failed with status Unknown",
		"odd-code":       "provider \"test\": unavailable: ab",
	} {
		_, err := open(mode)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	for mode, want := range map[string]string{
		"twice":          "it sent what is not of the protocol",
		"not":            "it sent what is not of the protocol",
		"empty":          "neither a credential nor an error",
		"unasked-prompt": "neither a credential nor an error",
		"not-found":      "does not know the instance that it has opened",
		"large-message":  "larger than 4 MiB",
	} {
		p, err := open(mode)
		require.NoError(t, err)
		_, err = p.Authenticate(t.Context(), core.Request{})
		code := core.CodeUnavailable
		if mode == "large-message" {
			code = core.CodeBadConfig
		}
		require.ErrorIs(t, err, code, mode)
		require.ErrorContains(t, err, want, mode)
		require.ErrorContains(t, err, `plugin "evil"`)
	}
	for mode, want := range map[string]string{
		"prompts": "it asked the person more than 100 times",
		"twice":   "it answered twice",
		"not":     "it ended the call without an answer",
	} {
		p, err := open(mode)
		require.NoError(t, err)
		_, err = p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, core.UI{})
		require.ErrorIs(t, err, core.CodeUnavailable, mode)
		require.ErrorContains(t, err, want, mode)
	}
}
