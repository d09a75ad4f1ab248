//go:build unix

package plugins

import (
	"context"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

func marshal(f *testing.F, m proto.Message) []byte {
	b, err := proto.Marshal(m)
	require.NoError(f, err)
	return b
}

// FuzzDescription reads what a plugin says about itself: it is refused, or
// good for checking settings.
func FuzzDescription(f *testing.F) {
	f.Add(marshal(f, &v1.DescribeResponse{Version: "1", Kinds: []*v1.Kind{
		wire.FromInfo(ticketFactory.Info(), ticketFactory.Settings()),
		wire.FromInfo(testFactory.Info(), testFactory.Settings()),
	}}))
	f.Add(marshal(f, &v1.DescribeResponse{
		Kinds: []*v1.Kind{{Name: "a",
			Settings: []*v1.Setting{{Name: "b", Type: "list of map of object",
				Fields: []*v1.Setting{{Name: "c", Type: "any"}}}}}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m v1.DescribeResponse
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		d, err := newDescription("fuzz", &m)
		if err != nil {
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, `plugin "fuzz"`)
			return
		}
		for _, k := range d.Kinds {
			require.Same(t, d.kind(k.Kind), d.kind(k.Kind))
			settings := map[string]any{"misspelt by the fuzzer": 1}
			for _, s := range k.Settings {
				settings[s.Name] = "text"
			}
			require.ErrorIs(t, k.check("", settings), core.CodeBadConfig)
		}
	})
}

// FuzzCredential reads what a plugin obtained: it is refused, or of a kind that
// core can judge.
func FuzzCredential(f *testing.F) {
	cred := token("x")
	cred.Expiry = time.Now().Add(time.Hour)
	f.Add(marshal(f, wire.FromCredential(cred)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m v1.Credential
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		r := &remote{plugin: "fuzz"}
		cred, err := r.toCredential(&m)
		if err != nil {
			require.ErrorContains(t, err, `plugin "fuzz"`)
			return
		}
		require.Equal(t, m.GetExpiry() == nil, cred.Expiry.IsZero())
		provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return cred, nil
		})
		_ = core.New("x", provider, nil).Init(t.Context())
	})
}

// FuzzServer gives a plugin what a host sends.
func FuzzServer(f *testing.F) {
	object, err := wire.FromSettings(map[string]any{"name": "x", "key": core.NewSecret("k")})
	require.NoError(f, err)
	f.Add(marshal(f, &v1.OpenRequest{Instance: "1", Kind: "test", Settings: object}), byte(0))
	f.Add(marshal(f, &v1.Begin{Instance: "1", SignIn: true, Prompts: []v1.PromptKind{1, 2, 3, 4},
		Inputs: map[string]*v1.Credential{"subject_token": nil}}), byte(1))
	f.Add(marshal(f, wire.FromOutgoing("1", token("x"), core.Outgoing{Method: "GET"})), byte(2))
	f.Add(marshal(f, wire.FromSignRequest("1", core.SignatureRequest{Digest: []byte{1}})), byte(3))
	f.Fuzz(func(t *testing.T, b []byte, call byte) {
		s, err := newServer([]core.Factory{ticketFactory, testFactory})
		require.NoError(t, err)
		ctx := t.Context()
		_, err = s.Open(ctx, &v1.OpenRequest{Instance: "1", Kind: "test"})
		require.NoError(t, err)
		switch call % 6 {
		case 0:
			var m v1.OpenRequest
			if proto.Unmarshal(b, &m) == nil && !strings.Contains(m.String(), "mark") {
				_, err = s.Open(ctx, &m)
			}
		case 1:
			var m v1.Begin
			if proto.Unmarshal(b, &m) == nil {
				err = s.Authenticate(&script{ctx: ctx,
					in: []*v1.AuthenticateRequest{{Message: &v1.AuthenticateRequest_Begin{Begin: &m}}}})
			}
		case 2:
			var m v1.AuthorizeRequest
			if proto.Unmarshal(b, &m) == nil {
				_, err = s.Authorize(ctx, &m)
			}
		case 3:
			var m v1.SignRequest
			if proto.Unmarshal(b, &m) == nil {
				_, err = s.Sign(ctx, &m)
			}
		case 4:
			var m v1.RevokeRequest
			if proto.Unmarshal(b, &m) == nil {
				_, err = s.Revoke(ctx, &m)
			}
		case 5:
			var m v1.CloseRequest
			if proto.Unmarshal(b, &m) == nil {
				_, err = s.Close(ctx, &m)
			}
		}
		if err != nil {
			require.IsType(t, &refusal{}, err)
		}
	})
}

// script is a stream whose messages are known beforehand.
type script struct {
	grpc.ServerStream
	ctx context.Context
	in  []*v1.AuthenticateRequest
	out []*v1.AuthenticateResponse
}

func (s *script) Context() context.Context { return s.ctx }

func (s *script) Recv() (*v1.AuthenticateRequest, error) {
	if len(s.in) == 0 {
		return nil, io.EOF
	}
	m := s.in[0]
	s.in = s.in[1:]
	return m, nil
}

func (s *script) Send(m *v1.AuthenticateResponse) error {
	s.out = append(s.out, m)
	return nil
}

// FuzzPrompt shows a person what a plugin sends: it is refused, or fit to be
// seen.
func FuzzPrompt(f *testing.F) {
	f.Add(marshal(f, wire.FromVisit(core.DevicePrompt{
		VerificationURI: "https://a.example/d", UserCode: "A-B", VerificationURIComplete: "https://a.example/d?c=A-B",
		ExpiresAt: time.Now(),
	})))
	f.Add(marshal(f, &v1.Prompt{Kind: v1.PromptKind_PROMPT_KIND_OPEN, Text: "https://a.example/\x1b"}))
	f.Add(marshal(f, &v1.Prompt{Kind: v1.PromptKind_PROMPT_KIND_SHOW, Text: "a\nb\u202ec"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m v1.Prompt
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		page := func(text string) {
			u, err := url.Parse(text)
			require.NoError(t, err)
			require.Contains(t, []string{"http", "https"}, u.Scheme)
			require.NotContains(t, text, " ")
		}
		fit := func(text string) {
			unprintable := func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }
			require.False(t, strings.ContainsFunc(text, unprintable), "%q", text)
		}
		_, _ = answerPrompt(t.Context(), &m, core.UI{
			Show: func(_ context.Context, text string) error { fit(text); return nil },
			Ask: func(_ context.Context, text string, _ bool) (core.Secret, error) {
				fit(text)
				return core.Secret{}, nil
			},
			Open: func(_ context.Context, text string) error { page(text); fit(text); return nil },
			ShowDevicePrompt: func(_ context.Context, v core.DevicePrompt) error {
				page(v.VerificationURI)
				fit(v.VerificationURI + v.UserCode + v.VerificationURIComplete)
				require.True(t, v.ExpiresAt.IsZero() || v.ExpiresAt.Year() > 1900)
				return nil
			},
		})
	})
}
