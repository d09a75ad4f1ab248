package proto

import (
	"crypto"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// over sends a message to the other side, with fields of a later version in
// every part of it.
func over[M proto.Message](t *testing.T, m M) M {
	t.Helper()
	m = proto.Clone(m).(M)
	addUnknown(m.ProtoReflect())
	b, err := proto.Marshal(m)
	require.NoError(t, err)
	out := m.ProtoReflect().New().Interface().(M)
	require.NoError(t, proto.Unmarshal(b, out))
	return out
}

// addUnknown adds field 7777, a text, and field 7778, a number, to m and to
// what it holds.
func addUnknown(m protoreflect.Message) {
	m.SetUnknown(protoreflect.RawFields("\x8a\xe6\x03\x05later\x90\xe6\x03\x2a"))
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			v.Map().Range(func(_ protoreflect.MapKey,
				v protoreflect.Value) bool {
				addUnknown(v.Message())
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				addUnknown(v.List().Get(i).Message())
			}
		case f.Message() != nil && !f.IsMap():
			addUnknown(v.Message())
		}
		return true
	})
}

func secrets(pairs ...string) map[string]core.Secret {
	m := map[string]core.Secret{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = core.NewSecret(pairs[i+1])
	}
	return m
}

var everything = core.Credential{
	Attach: core.Attachment{
		Header: secrets("Authorization", "Bearer abc", "X-Key", "ключ"), Query: secrets("key", "a&b"),
		Cookie:          secrets("sid", "1"),
		Cert:            core.NewSecret("-----BEGIN CERTIFICATE-----\n"),
		Roots:           "-----BEGIN CERTIFICATE-----\nroots",
		RememberHeaders: []string{"DPoP-Nonce"},
	},
	RefreshState: core.NewSecret("refresh"), Expiry: time.Date(2031, 2, 3, 4, 5, 6, 7, time.UTC),
	RenewAfter: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC),
	Origins:    []string{"https://api.example.com", "https://b.example.com:8443"}, Subject: "ada",
	Attributes: map[string]string{"base_url": "https://api.example.com/v1"},
	Body:       &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}, Raw: 1 << 10},
}

// TestNothingIsForgotten sees to it that the tests below fill in every field
// that core has, so that one which is added later is translated too.
func TestNothingIsForgotten(t *testing.T) {
	full(t, reflect.ValueOf(everything))
	full(t, reflect.ValueOf(outgoing))
	full(t, reflect.ValueOf(signature))
	full(t, reflect.ValueOf(settings[1]))
	full(t, reflect.ValueOf(request))
	full(t, reflect.ValueOf(visit))
}

func full(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		if v.Type() == reflect.TypeFor[core.Setting]() && f.Name == "Identity" {
			continue // not together with Secret: the last of settings has it
		}
		require.False(t, v.Field(i).IsZero(), "%s.%s is not tested", v.Type(), f.Name)
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]() &&
			f.Type != reflect.TypeFor[core.Secret]() {
			full(t, v.Field(i))
		}
	}
}

func TestCredential(t *testing.T) {
	for _, c := range []core.Credential{everything, {}, {Subject: "x"}} {
		require.True(t, same(c, ToCredential(over(t, FromCredential(c)))))
	}
	require.Equal(t, core.Credential{}, ToCredential(nil))
	require.Equal(t, core.Attachment{}, ToAttachment(nil))
}

// same compares what a credential holds, secrets revealed.
func same(a, b core.Credential) bool { return proto.Equal(FromCredential(a), FromCredential(b)) }

func TestCredentialIsACopy(t *testing.T) {
	m := FromCredential(everything)
	c := ToCredential(m)
	m.Origins[0], m.Attributes["base_url"], m.Attach.Header["X-Key"] = "", "", ""
	require.True(t, same(everything, c))
	require.Equal(t, "https://api.example.com", everything.Origins[0])
	require.Equal(t, "https://api.example.com/v1", everything.Attributes["base_url"])
}

func TestTimes(t *testing.T) {
	first := time.Time{}.Add(1)
	for name, c := range map[string]struct {
		sent *timestamppb.Timestamp
		want time.Time
	}{
		"absent":        {nil, time.Time{}},
		"1970":          {&timestamppb.Timestamp{}, time.Unix(0, 0).UTC()},
		"year 1":        {timestamppb.New(time.Time{}), first},
		"before year 1": {&timestamppb.Timestamp{Seconds: math.MinInt64}, first},
		"year 10000":    {&timestamppb.Timestamp{Seconds: 253402300800}, lastTime},
		"the far end":   {&timestamppb.Timestamp{Seconds: math.MaxInt64, Nanos: math.MaxInt32}, lastTime},
		"odd nanos":     {&timestamppb.Timestamp{Seconds: 1, Nanos: -5}, time.Unix(1, 0).UTC()},
	} {
		require.Equal(t, c.want, toTime(c.sent), name)
	}
	for _, at := range []time.Time{time.Unix(1<<60, 0), time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		require.Equal(t, lastTime, toTime(fromTime(at)))
	}
	local := time.Date(2030, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
	require.True(t, local.Equal(toTime(fromTime(local))))
}

var request = core.Request{
	Reason: core.ReasonRejected, Previous: everything, Challenge: "Bearer", MayRetry: true,
	Inputs: map[string]core.Credential{"subject_token": everything, "actor_token": {}},
}

func TestRequest(t *testing.T) {
	for _, r := range []core.Request{
		{}, request, {Reason: core.ReasonExpiring, Previous: everything},
		{Reason: core.ReasonRejected, Previous: everything, Challenge: `Bearer error="invalid_token"`},
	} {
		m := over(t, FromRequest("7", r))
		require.Equal(t, "7", m.GetInstance())
		require.Equal(t, r.Reason == core.ReasonInitial, m.GetPrevious() == nil)
		back := ToRequest(m)
		require.True(t, same(r.Previous, back.Previous))
		require.Len(t, back.Inputs, len(r.Inputs))
		for role, c := range r.Inputs {
			require.True(t, same(c, back.Inputs[role]), role)
		}
		r.Previous, back.Previous = core.Credential{}, core.Credential{}
		r.Inputs, back.Inputs = nil, nil
		require.Equal(t, r, back)
	}
	require.False(t, ToRequest(&v1.Begin{}).MayRetry, "a host of an earlier version does not send it")
	require.Equal(t, core.ReasonInitial, ToRequest(&v1.Begin{Reason: 257}).Reason)
	require.Equal(t, core.ReasonInitial, ToRequest(&v1.Begin{Reason: -1}).Reason)
	challenge := "Bearer\x00\r\n\xff realm=" + strings.Repeat("x", 1<<20)
	hostile := over(t, FromRequest("", core.Request{Challenge: challenge})).GetChallenge()
	require.True(t, strings.HasPrefix(hostile, "Bearer realm=xxx"))
	require.Less(t, len(hostile), maxChallenge+10)
}

var outgoing = core.Outgoing{
	Method: "POST", URL: "https://api.example.com/v1?q=1", Host: "tenant.example.com",
	ContentLength: 2,
	Header:        http.Header{"Accept": {"a", "b"}, "X-None": {}}, Body: []byte("hi"),
	Digests: map[crypto.Hash][]byte{crypto.SHA256: make([]byte, 32), crypto.SHA512: {1}},
	Remembered: http.Header{"Dpop-Nonce": {"n-1"},
		"Www-Authenticate": {"Basic", "Digest nonce=1, qop=auth"}},
}

func TestOutgoing(t *testing.T) {
	for _, o := range []core.Outgoing{
		outgoing, {Header: http.Header{}}, {Header: http.Header{}, Body: []byte{}, ContentLength: -1},
	} {
		m := over(t, FromOutgoing("7", everything, o))
		require.Equal(t, "7", m.GetInstance())
		require.True(t, same(everything, ToCredential(m.GetCredential())))
		back := ToOutgoing(m)
		require.Equal(t, o.Body == nil, back.Body == nil)
		require.Equal(t, []string{"a", "b"}, append(back.Header["Accept"], "a", "b")[:2])
		require.Len(t, back.Header, len(o.Header))
		back.Header = o.Header
		require.Equal(t, o, back)
	}
	require.Equal(t, core.Outgoing{Header: http.Header{}, ContentLength: -1}, ToOutgoing(nil))

	foreign := core.Outgoing{Remembered: http.Header{"Dpop-Nonce": {"\xff\xfe"}, "\xff": {"x"},
		"X-Ok": {"\xff", "é"}}}
	m := over(t, FromOutgoing("7", everything, foreign))
	require.Equal(t, map[string]string{"X-Ok": "é"}, m.GetLearned())
	require.Equal(t, http.Header{"X-Ok": {"é"}}, ToOutgoing(m).Remembered)
	require.Len(t, foreign.Remembered, 3, "the caller's map was written to")
}

// A plugin of an earlier version reads the first of the values that were learned, and no digest.
// What an earlier host sends is read as far as it goes.
func TestOutgoingAcrossVersions(t *testing.T) {
	m := over(t, FromOutgoing("7", everything, outgoing))
	require.Equal(t, map[string]string{"Dpop-Nonce": "n-1", "Www-Authenticate": "Basic"},
		m.GetLearned())
	require.Nil(t, m.ProtoReflect().Descriptor().Fields().ByNumber(6),
		"the number of body_sha256 is not used again")

	// instance "7", method "GET", url "https://a/", body_sha256 of two bytes, learned {"Nonce": "n"}
	old := "\x0a\x017\x1a\x03GET\x22\x0ahttps://a/\x32\x02\x01\x02\x3a\x0a\x0a\x05Nonce\x12\x01n"
	var earlier v1.AuthorizeRequest
	require.NoError(t, proto.Unmarshal([]byte(old), &earlier))
	require.Equal(t, core.Outgoing{
		Method: "GET", URL: "https://a/", Header: http.Header{}, ContentLength: -1,
		Remembered: http.Header{"Nonce": {"n"}},
	}, ToOutgoing(&earlier))
}

// Numbers that are no hash stay such, and reach core, which refuses them.
func TestBodyNeeds(t *testing.T) {
	needs := &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256, 99, 1 << 40}, Raw: 10 << 30}
	back := ToCredential(over(t, FromCredential(core.Credential{Body: needs}))).Body
	require.Equal(t, &core.BodyNeeds{Digests: []crypto.Hash{5, 99, 1<<32 - 1}, Raw: 10 << 30}, back)
	require.Nil(t, FromCredential(core.Credential{}).GetBody())
	require.Zero(t, ToCredential(&v1.Credential{}).Body)
}

var visit = core.DevicePrompt{
	VerificationURI: "https://id.example.com/device", UserCode: "WDJB-MJHT",
	VerificationURIComplete: "https://id.example.com/device?user_code=WDJB-MJHT",
	ExpiresAt:               time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC),
}

func TestVisit(t *testing.T) {
	for _, v := range []core.DevicePrompt{visit, {}} {
		m := over(t, FromVisit(v))
		require.Equal(t, v1.PromptKind_PROMPT_KIND_VISIT, m.GetKind())
		require.Equal(t, v, ToVisit(m))
	}
}

var signature = core.SignatureRequest{Credential: everything, Digest: []byte{1, 2, 3},
	Hash: crypto.SHA384, PSSSalt: 48}

func TestSignRequest(t *testing.T) {
	for h := crypto.Hash(0); h <= crypto.BLAKE2b_512; h++ {
		for _, salt := range []int{0, 32, -1} {
			r := signature
			r.Hash, r.PSSSalt = h, salt
			m := over(t, FromSignRequest("7", r))
			require.Equal(t, "7", m.GetInstance())
			back, err := ToSignRequest(m)
			require.NoError(t, err)
			require.True(t, same(r.Credential, back.Credential))
			r.Credential, back.Credential = core.Credential{}, core.Credential{}
			require.Equal(t, r, back)
		}
	}
	for _, hash := range []string{"sha-256", "SHA-256 ", "unknown hash value 0",
		strings.Repeat("\n", 1000)} {
		_, err := ToSignRequest(&v1.SignRequest{Hash: hash})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.Less(t, len(err.Error()), 150)
		require.NotContains(t, err.Error(), "\n")
	}
}

var settings = []core.Setting{
	{Name: "plain", Type: "string"},
	{
		Name: "server", Type: "object", Doc: "Where.", Default: "x", Enum: []string{"a", "b"},
		Required: true, Secret: true,
		Fields: []core.Setting{{Name: "url", Type: "list of string", Doc: "The URL."}},
	},
	{Name: "account", Type: "string", Identity: true},
}

func TestInfo(t *testing.T) {
	want := core.Info{
		Kind: "ticket", Summary: "Tickets.", Facade: true,
		Environments: []core.Environment{core.QA, core.Prod},
	}
	info, list := ToInfo(over(t, FromInfo(want, settings)))
	require.Equal(t, want, info)
	require.Equal(t, settings, list)

	// A plugin cannot make a secret part of a key.
	_, list = ToInfo(&v1.Kind{Settings: []*v1.Setting{{Name: "pin", Secret: true, Identity: true}}})
	require.Equal(t, []core.Setting{{Name: "pin", Secret: true}}, list)

	info, list = ToInfo(nil)
	require.Zero(t, info)
	require.Empty(t, list)
}

func TestInfoIsMadeFitToShow(t *testing.T) {
	long := strings.Repeat("é", 1<<16) + "\x1b[2J\u202e"
	info, list := ToInfo(&v1.Kind{Name: "a\nb" + long, Summary: long, Environments: []string{long},
		Settings: []*v1.Setting{
			nil, {Name: long, Type: long, Doc: long, Default: long, Enum: []string{"\x00", long}},
		}})
	for _, text := range []string{info.Kind, info.Summary, string(info.Environments[0]), list[1].Name,
		list[1].Type, list[1].Doc, list[1].Default, list[1].Enum[1]} {
		require.LessOrEqual(t, len([]rune(text)), maxText+1)
		require.Equal(t, text, printable(text, maxText+1))
	}
	require.Equal(t, "", list[1].Enum[0])

	deep := &v1.Setting{Name: "end"}
	for range 1000 {
		deep = &v1.Setting{Name: "x", Fields: []*v1.Setting{deep}}
	}
	_, list = ToInfo(&v1.Kind{Settings: []*v1.Setting{deep}})
	depth := 0
	for ; len(list) > 0; list = list[0].Fields {
		depth++
	}
	require.Equal(t, maxDepth+1, depth)
}
