//go:build unix

package plugins

import (
	"context"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

var mutations = flag.Int("mutations", 1000, "how many answers TestMutatedAnswers changes")

// canary is the secret of the settings, which a mutated answer may repeat.
const canary = "kx7f3aq9zr2mw5ty8vb1"

// mutant is a plugin in this process: it answers as testFactory's does, and changes its answers
// to one method at random.
type mutant struct {
	server *server
	method string
	rand   *rand.Rand
	change func(*v1.Credential) // instead of a mutation; may be nil
}

// Invoke implements grpc.ClientConnInterface.
func (m *mutant) Invoke(ctx context.Context, method string, in, out any,
	_ ...grpc.CallOption) error {
	answer, err := m.answer(ctx, method, in.(proto.Message))
	if err != nil {
		return status.Error(codes.Internal, "test")
	}
	return m.send(method, answer, out.(proto.Message))
}

// answer returns the right answer.
func (m *mutant) answer(ctx context.Context, method string, in proto.Message) (proto.Message, error) {
	switch in := in.(type) {
	case *v1.DescribeRequest:
		return m.server.Describe(ctx, in)
	case *v1.OpenRequest:
		return m.server.Open(ctx, in)
	case *v1.AuthorizeRequest:
		return m.server.Authorize(ctx, in)
	case *v1.SignRequest:
		return m.server.Sign(ctx, in)
	case *v1.RevokeRequest:
		return m.server.Revoke(ctx, in)
	case *v1.CloseRequest:
		return m.server.Close(ctx, in)
	case *v1.AuthenticateRequest:
		s := &script{ctx: ctx, in: []*v1.AuthenticateRequest{in}}
		err := m.server.Authenticate(s)
		return s.out[len(s.out)-1], err
	}
	return nil, status.Error(codes.Unimplemented, method)
}

// send copies an answer to out by way of its bytes, mutated if it is that of the method.
func (m *mutant) send(method string, answer, out proto.Message) error {
	answer = proto.Clone(answer)
	if outcome, ok := answer.(*v1.AuthenticateResponse); ok && m.change != nil {
		m.change(outcome.GetCredential())
	}
	if mutated := method == m.method; mutated {
		for range 1 + m.rand.IntN(3) {
			mutate(m.rand, answer.ProtoReflect(), 5)
		}
	}
	b, err := proto.Marshal(answer)
	if err != nil { // not UTF-8: what a library in another language would send
		return status.Error(codes.Internal, "test")
	}
	if method == m.method && m.rand.IntN(3) == 0 {
		b = mutateBytes(m.rand, b)
	}
	if len(b) > process.MaxMessage {
		return status.Error(codes.ResourceExhausted, "test")
	}
	if proto.Unmarshal(b, out) != nil {
		return status.Error(codes.Internal, "test")
	}
	return nil
}

// NewStream implements grpc.ClientConnInterface, for a sign-in.
func (m *mutant) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string,
	_ ...grpc.CallOption) (grpc.ClientStream, error) {
	return &mutantStream{mutant: m, ctx: ctx, method: method}, nil
}

// mutantStream asks once and then answers.
type mutantStream struct {
	grpc.ClientStream
	*mutant
	ctx    context.Context
	method string
	sent   int
}

func (s *mutantStream) SendMsg(any) error { return nil }

func (s *mutantStream) RecvMsg(out any) error {
	s.sent++
	switch {
	case s.sent > 200 || s.ctx.Err() != nil:
		return io.EOF
	case s.sent == 1 || s.rand.IntN(2) == 0:
		prompt := &v1.Prompt{Kind: v1.PromptKind(1 + s.rand.IntN(4)), Text: "https://a.example/"}
		return s.send(s.method, &v1.AuthenticateResponse{
			Message: &v1.AuthenticateResponse_Prompt{Prompt: prompt}}, out.(proto.Message))
	}
	return s.send(s.method, &v1.AuthenticateResponse{Message: &v1.AuthenticateResponse_Credential{
		Credential: &v1.Credential{Subject: "x"}}}, out.(proto.Message))
}

// mutateBytes changes, removes or inserts bytes.
func mutateBytes(r *rand.Rand, b []byte) []byte {
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b) + 1)
		switch r.IntN(3) {
		case 0:
			b = append(b[:at:at], append([]byte{byte(r.IntN(256))}, b[at:]...)...)
		case 1:
			b = b[:at:at]
		case 2:
			if at < len(b) {
				b[at] ^= 1 << r.IntN(8)
			}
		}
	}
	return b
}

// mutate changes one field of a message, or of a message in it down to a depth.
func mutate(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	if fields.Len() == 0 || depth == 0 {
		return
	}
	f := fields.Get(r.IntN(fields.Len()))
	switch {
	case r.IntN(8) == 0:
		m.Clear(f)
	case f.IsMap():
		value := m.Mutable(f).Map().NewValue()
		if f.MapValue().Message() != nil {
			mutate(r, value.Message(), depth-1)
		} else {
			value = anyValue(r, f.MapValue())
		}
		m.Mutable(f).Map().Set(anyValue(r, f.MapKey()).MapKey(), value)
	case f.IsList():
		if f.Message() != nil {
			mutate(r, m.Mutable(f).List().AppendMutable().Message(), depth-1)
			return
		}
		for range []int{1, 1, 1, 2, 20}[r.IntN(5)] {
			m.Mutable(f).List().Append(anyValue(r, f))
		}
	case f.Message() != nil:
		for range 1 + r.IntN(3) {
			mutate(r, m.Mutable(f).Message(), depth-1)
		}
	default:
		m.Set(f, anyValue(r, f))
	}
}

// anyValue returns an odd value of a field's kind.
func anyValue(r *rand.Rand, f protoreflect.FieldDescriptor) protoreflect.Value {
	number := []int64{0, 1, -1, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64}[r.IntN(7)]
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.IntN(2) == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(number) % 100))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(number))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(number))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(number)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(number))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(math.NaN()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(math.Inf(1))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(anyText(r)))
	}
	return protoreflect.ValueOfString(anyText(r))
}

func anyText(r *rand.Rand) string {
	texts := []string{"", "x", canary, "says " + canary, strings.ToUpper(canary), "a\nb\x00\x1b[31m",
		"\u202egnp", "\xff", "%s%n%!", strings.Repeat("y", 300<<10), "https://" + canary + ".example/",
		"test", "ticket", "list of map of any", "Host", "../..", `{"a":"` + canary + `"}`}
	return texts[r.IntN(len(texts))]
}

// mutantFactory returns the factory of a host whose plugin is m.
func mutantFactory(t *testing.T, m *mutant) core.Factory {
	var h Host
	b := Binary{Name: "mutant", Path: "/mutant", SHA256: strings.Repeat("0", 64), Kinds: []string{"test"}}
	_, secrets, err := h.supervisor(b)
	require.NoError(t, err)
	key := b.program().Key()
	h.supervisors[key] = process.NewFakeSupervisor(b.program(), h.config(b.Name, secrets), nil, m)
	t.Cleanup(func() { require.NoError(t, h.Close(context.Background())) })
	return factoryOf(t, &h, b, "test")
}

// A secret of the settings in what a status, an event or an error shows of a credential is
// refused, also with invisible characters in it and in other letters.
func TestSecretInWhatACredentialShows(t *testing.T) {
	const hidden = "KX7F3aq9\u200bzr2mw5ty8vb1"
	for name, change := range map[string]func(*v1.Credential){
		"header":          func(c *v1.Credential) { c.Attach.Header = map[string]string{hidden: "x"} },
		"empty header":    func(c *v1.Credential) { c.Attach.Header = map[string]string{canary: ""} },
		"query":           func(c *v1.Credential) { c.Attach.Query = map[string]string{hidden: "x"} },
		"cookie":          func(c *v1.Credential) { c.Attach.Cookie = map[string]string{hidden: "x"} },
		"learn":           func(c *v1.Credential) { c.Attach.Learn = []string{hidden} },
		"origin":          func(c *v1.Credential) { c.Origins = []string{"https://" + canary + ".example"} },
		"attribute name":  func(c *v1.Credential) { c.Attributes = map[string]string{hidden: "x"} },
		"attribute value": func(c *v1.Credential) { c.Attributes = map[string]string{"x": "is " + hidden} },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newServer([]core.Factory{testFactory})
			require.NoError(t, err)
			f := mutantFactory(t, &mutant{server: s, change: change})
			p, err := f.Open(t.Context(), "", map[string]any{"key": core.NewSecret(canary)})
			require.NoError(t, err)
			_, err = p.Authenticate(t.Context(), core.Request{})
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.ErrorContains(t, err, "contain a secret of its settings")
		})
	}
}

// A subject that is the password, too, is not shown.
func TestSecretInASubject(t *testing.T) {
	s, err := newServer([]core.Factory{testFactory})
	require.NoError(t, err)
	f := mutantFactory(t, &mutant{server: s,
		change: func(c *v1.Credential) { c.Subject = canary }})
	p, err := f.Open(t.Context(), "", map[string]any{"key": core.NewSecret(canary)})
	require.NoError(t, err)
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Empty(t, c.Subject)
}

// checkMutation opens a provider whose plugin changes its answers to one method, and uses all of
// it: nothing panics or lasts, and no error repeats the secret of the settings.
func checkMutation(t *testing.T, seed uint64) {
	methods := []string{v1.Provider_Describe_FullMethodName, v1.Provider_Open_FullMethodName,
		v1.Provider_Authenticate_FullMethodName, v1.Provider_Authorize_FullMethodName,
		v1.Provider_Sign_FullMethodName, v1.Provider_Revoke_FullMethodName,
		v1.Provider_Close_FullMethodName}
	r := rand.New(rand.NewPCG(seed, 1))
	s, err := newServer([]core.Factory{testFactory})
	require.NoError(t, err)
	m := &mutant{server: s, rand: r, method: methods[r.IntN(len(methods))]}
	f := mutantFactory(t, m)

	var errs []error
	began := time.Now()
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
		require.Less(t, time.Since(began), time.Minute, "%s, seed %d", m.method, seed)
		began = time.Now()
	}
	settings := map[string]any{"key": core.NewSecret(canary), "nope": "revoke"}
	p, err := f.Open(t.Context(), "", settings)
	note(err)
	note(f.Check("", settings))
	if p != nil {
		cred, err := p.Authenticate(t.Context(), core.Request{})
		note(err)
		session := core.New("x", p, nil)
		note(session.Init(t.Context()))
		_, err = session.Credential(t.Context())
		note(err)
		_, err = p.(core.Authorizer).Authorize(t.Context(), cred, core.Outgoing{Method: "GET"})
		note(err)
		_, err = p.(core.TLSSigner).SignDigest(t.Context(), core.SignatureRequest{Digest: []byte{1}})
		note(err)
		note(p.(core.Revoker).Revoke(t.Context(), cred))
		_, err = p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, core.UI{
			Show: func(context.Context, string) error { return nil },
			Ask: func(context.Context, string, bool) (core.Secret, error) {
				return core.NewSecret("answer"), nil
			},
		})
		note(err)
		note(session.Close(t.Context()))
		note(p.(core.Closer).Close(t.Context()))
	}
	for _, err := range errs {
		require.NotContains(t, strings.ToLower(err.Error()), canary, "%s, seed %d", m.method, seed)
		require.NotContains(t, err.Error(), "\n", "%s, seed %d", m.method, seed)
		require.Less(t, len(err.Error()), 200<<10)
	}
}

// TestMutatedAnswers proves that whatever a plugin answers, nothing panics, no call takes a minute,
// and no error repeats a secret.
func TestMutatedAnswers(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d (go test -run %s -seed %d)", seed, t.Name(), seed)
	for i := range *mutations {
		checkMutation(t, seed+uint64(i))
	}
}

// FuzzAnswers does the same with the seeds of the fuzzer.
func FuzzAnswers(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(checkMutation)
}
