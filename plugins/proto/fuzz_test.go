package proto

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// FuzzPluginSends reads what a plugin sends: whatever it is becomes a value of
// core that can be sent again and is then the same.
func FuzzPluginSends(f *testing.F) {
	add := func(m proto.Message) {
		b, err := proto.Marshal(m)
		require.NoError(f, err)
		f.Add(b)
	}
	add(&v1.AuthenticateResponse{
		Message: &v1.AuthenticateResponse_Credential{Credential: FromCredential(everything)}})
	add(&v1.AuthenticateResponse{
		Message: &v1.AuthenticateResponse_Error{
			Error: FromError(core.Faults{{Path: []string{"a"}, Problem: "missing"}})}})
	add(&v1.AuthenticateResponse{
		Message: &v1.AuthenticateResponse_Prompt{
			Prompt: &v1.Prompt{Kind: v1.PromptKind_PROMPT_KIND_ASK, Text: "?", Hidden: true}}})
	add(&v1.AuthenticateResponse{Message: &v1.AuthenticateResponse_Prompt{Prompt: FromVisit(visit)}})
	add(&v1.DescribeResponse{Kinds: []*v1.Kind{
		FromInfo(core.Info{Kind: "k", Environments: []core.Environment{core.QA}}, settings)}})
	add(&v1.AuthorizeResponse{Attachment: FromAttachment(everything.Attach),
		Error: FromError(core.CodeDenied)})
	f.Fuzz(func(t *testing.T, b []byte) {
		var got v1.AuthenticateResponse
		if proto.Unmarshal(b, &got) == nil {
			credential(t, got.GetCredential())
			failure(t, got.GetError())
			v := ToVisit(got.GetPrompt())
			require.Equal(t, v, ToVisit(sent(t, FromVisit(v))))
		}
		var described v1.DescribeResponse
		if proto.Unmarshal(b, &described) == nil {
			for _, k := range described.GetKinds() {
				info, list := ToInfo(k)
				again, listAgain := ToInfo(sent(t, FromInfo(info, list)))
				require.Equal(t, info, again)
				require.Equal(t, list, listAgain)
			}
		}
		var attached v1.AuthorizeResponse
		if proto.Unmarshal(b, &attached) == nil {
			a := ToAttachment(attached.GetAttachment())
			require.True(t, same(core.Credential{Attach: a},
				core.Credential{Attach: ToAttachment(sent(t, FromAttachment(a)))}))
			failure(t, attached.GetError())
		}
	})
}

// FuzzHostSends reads what a host sends in the same way.
func FuzzHostSends(f *testing.F) {
	add := func(m proto.Message) {
		b, err := proto.Marshal(m)
		require.NoError(f, err)
		f.Add(b)
	}
	object, err := FromSettings(
		map[string]any{"a": nested(5), "b": []any{1, 1.5, nil, true, core.NewSecret("s")}})
	require.NoError(f, err)
	add(&v1.OpenRequest{Instance: "1", Kind: "k", Settings: object})
	add(&v1.AuthenticateRequest{
		Message: &v1.AuthenticateRequest_Begin{Begin: FromRequest("1", request)}})
	add(&v1.AuthenticateRequest{
		Message: &v1.AuthenticateRequest_Reply{
			Reply: &v1.Reply{Text: "x", Error: FromError(core.CodeInteractive)}}})
	add(FromOutgoing("1", everything, outgoing))
	add(FromSignRequest("1", signature))
	f.Fuzz(func(t *testing.T, b []byte) {
		var open v1.OpenRequest
		if proto.Unmarshal(b, &open) == nil {
			if settings, err := ToSettings(open.GetSettings()); err == nil {
				object, err := FromSettings(settings)
				require.NoError(t, err)
				_, err = ToSettings(sent(t, object))
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, core.CodeBadConfig)
			}
		}
		var ask v1.AuthenticateRequest
		if proto.Unmarshal(b, &ask) == nil {
			r := ToRequest(ask.GetBegin())
			again := ToRequest(sent(t, FromRequest("", r)))
			require.Equal(t, r.Reason, again.Reason)
			require.Len(t, again.Inputs, len(r.Inputs))
			credential(t, ask.GetBegin().GetPrevious())
			failure(t, ask.GetReply().GetError())
		}
		var out v1.AuthorizeRequest
		if proto.Unmarshal(b, &out) == nil {
			o := ToOutgoing(&out)
			again := ToOutgoing(sent(t, FromOutgoing("", core.Credential{}, o)))
			require.Len(t, again.Header, len(o.Header))
			require.Equal(t, o.Remembered, again.Remembered)
		}
		var sign v1.SignRequest
		if proto.Unmarshal(b, &sign) == nil {
			if r, err := ToSignRequest(&sign); err == nil {
				_, err = ToSignRequest(sent(t, FromSignRequest("", r)))
				require.NoError(t, err)
			}
		}
	})
}

// sent marshals and reads a message.
func sent[M proto.Message](t *testing.T, m M) M {
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	out := m.ProtoReflect().New().Interface().(M)
	require.NoError(t, proto.Unmarshal(b, out))
	return out
}

func credential(t *testing.T, m *v1.Credential) {
	c := ToCredential(m)
	require.True(t, same(c, ToCredential(sent(t, FromCredential(c)))))
}

func failure(t *testing.T, m *v1.Error) {
	err := ToError(m)
	if err == nil {
		require.Nil(t, m)
		return
	}
	again := ToError(sent(t, FromError(err)))
	require.Equal(t, core.CodeOf(err), core.CodeOf(again))
	var faults core.Faults
	if !errors.As(err, &faults) || len(faults.Error()) < maxSentFaults/2 {
		require.Equal(t, err.Error(), again.Error())
	}
}
