package proto

import (
	"crypto"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// FromCredential makes a message of a credential, secrets included.
func FromCredential(c core.Credential) *v1.Credential {
	return &v1.Credential{
		Attach:     FromAttachment(c.Attach),
		Renewal:    c.Renewal.Reveal(),
		Expiry:     fromTime(c.Expiry),
		RenewAfter: fromTime(c.RenewAfter),
		Origins:    slices.Clone(c.Origins),
		Subject:    c.Subject,
		Attributes: maps.Clone(c.Attributes),
	}
}

// ToCredential is the way back. Nil gives the zero credential.
func ToCredential(m *v1.Credential) core.Credential {
	if m == nil {
		return core.Credential{}
	}
	return core.Credential{
		Attach:     ToAttachment(m.GetAttach()),
		Renewal:    core.NewSecret(m.GetRenewal()),
		Expiry:     toTime(m.GetExpiry()),
		RenewAfter: toTime(m.GetRenewAfter()),
		Origins:    emptyToNil(m.GetOrigins()),
		Subject:    m.GetSubject(),
		Attributes: mapOrNil(m.GetAttributes()),
	}
}

// FromAttachment makes a message of an attachment, secrets included.
func FromAttachment(a core.Attachment) *v1.Attachment {
	return &v1.Attachment{
		Header: reveal(a.Header), Query: reveal(a.Query), Cookie: reveal(a.Cookie),
		Cert: a.Cert.Reveal(), Roots: a.Roots, Learn: slices.Clone(a.Learn),
	}
}

// ToAttachment is the way back. Nil gives the zero attachment.
func ToAttachment(m *v1.Attachment) core.Attachment {
	return core.Attachment{
		Header: hide(m.GetHeader()), Query: hide(m.GetQuery()), Cookie: hide(m.GetCookie()),
		Cert: core.NewSecret(m.GetCert()), Roots: m.GetRoots(), Learn: emptyToNil(m.GetLearn()),
	}
}

// FromRequest puts what a session tells its provider into a message. The
// challenge is foreign: what is no text in it is left out.
func FromRequest(instance string, r core.Request) *v1.Begin {
	m := &v1.Begin{
		Instance: instance, Reason: v1.Reason(r.Reason), Challenge: printable(r.Challenge, maxChallenge), MayRetry: r.MayRetry,
	}
	if !reflect.ValueOf(r.Previous).IsZero() {
		m.Previous = FromCredential(r.Previous)
	}
	for role, c := range r.Inputs {
		if m.Inputs == nil {
			m.Inputs = make(map[string]*v1.Credential, len(r.Inputs))
		}
		m.Inputs[role] = FromCredential(c)
	}
	return m
}

// ToRequest is the way back. An unknown reason is that of a first request.
func ToRequest(m *v1.Begin) core.Request {
	r := core.Request{Previous: ToCredential(m.GetPrevious()), Challenge: m.GetChallenge(), MayRetry: m.GetMayRetry()}
	if m.GetReason() > 0 && m.GetReason() <= v1.Reason(core.Rejected) {
		r.Reason = core.Reason(m.GetReason())
	}
	for role, c := range m.GetInputs() {
		if r.Inputs == nil {
			r.Inputs = make(map[string]core.Credential, len(m.GetInputs()))
		}
		r.Inputs[role] = ToCredential(c)
	}
	return r
}

// FromOutgoing puts the description of a request into a message. What was
// learned is foreign: what is no text in it is left out.
func FromOutgoing(instance string, c core.Credential, out core.Outgoing) *v1.AuthorizeRequest {
	header := make(map[string]*v1.Values, len(out.Header))
	for name, values := range out.Header {
		header[name] = &v1.Values{Values: slices.Clone(values)}
	}
	return &v1.AuthorizeRequest{
		Instance: instance, Credential: FromCredential(c), Method: out.Method, Url: out.URL, Header: header, BodySha256: slices.Clone(out.BodySHA256),
		Learned: texts(out.Learned),
	}
}

// texts leaves out what is not UTF-8.
func texts(m map[string]string) map[string]string {
	m = mapOrNil(m)
	maps.DeleteFunc(m, func(name, value string) bool { return !utf8.ValidString(name) || !utf8.ValidString(value) })
	return m
}

// ToOutgoing is the way back.
func ToOutgoing(m *v1.AuthorizeRequest) core.Outgoing {
	header := make(http.Header, len(m.GetHeader()))
	for name, values := range m.GetHeader() {
		header[name] = slices.Clone(values.GetValues())
	}
	return core.Outgoing{
		Method: m.GetMethod(), URL: m.GetUrl(), Header: header, BodySHA256: slices.Clone(m.GetBodySha256()),
		Learned: mapOrNil(m.GetLearned()),
	}
}

// FromSignRequest makes a message of a request for a signature.
func FromSignRequest(instance string, r core.SignRequest) *v1.SignRequest {
	m := &v1.SignRequest{Instance: instance, Credential: FromCredential(r.Credential), Digest: slices.Clone(r.Digest), PssSalt: int32(r.PSSSalt)}
	if r.Hash != 0 {
		m.Hash = r.Hash.String()
	}
	return m
}

// ToSignRequest is the way back. A hash that this program does not know is
// core.BadConfig.
func ToSignRequest(m *v1.SignRequest) (core.SignRequest, error) {
	r := core.SignRequest{Credential: ToCredential(m.GetCredential()), Digest: slices.Clone(m.GetDigest()), PSSSalt: int(m.GetPssSalt())}
	if m.GetHash() == "" {
		return r, nil
	}
	for h := crypto.MD4; h <= crypto.BLAKE2b_512; h++ {
		if h.String() == m.GetHash() {
			r.Hash = h
			return r, nil
		}
	}
	return core.SignRequest{}, core.Errorf(core.BadConfig, "unknown hash %.40q", m.GetHash())
}

// FromInfo describes a kind.
func FromInfo(info core.Info, settings []core.Setting) *v1.Kind {
	k := &v1.Kind{
		Name: info.Kind, Summary: info.Summary, Settings: fromSettings(settings), Facade: info.Facade,
	}
	for _, env := range info.Environments {
		k.Environments = append(k.Environments, string(env))
	}
	return k
}

// FromVisit makes a prompt of a page that a person is asked to open.
func FromVisit(v core.Visit) *v1.Prompt {
	return &v1.Prompt{Kind: v1.PromptKind_PROMPT_KIND_VISIT, Text: v.URL, Code: v.Code, Direct: v.Direct, Expires: fromTime(v.Expires)}
}

// ToVisit is the way back.
func ToVisit(m *v1.Prompt) core.Visit {
	return core.Visit{URL: m.GetText(), Code: m.GetCode(), Direct: m.GetDirect(), Expires: toTime(m.GetExpires())}
}

// ToInfo is the way back. Texts are made printable and cut to a sensible
// length.
func ToInfo(k *v1.Kind) (core.Info, []core.Setting) {
	info := core.Info{
		Kind: printable(k.GetName(), maxName), Summary: printable(k.GetSummary(), maxText), Facade: k.GetFacade(),
	}
	for _, env := range k.GetEnvironments() {
		info.Environments = append(info.Environments, core.Environment(printable(env, maxName)))
	}
	return info, toSettings(k.GetSettings(), 0)
}

func fromSettings(list []core.Setting) []*v1.Setting {
	out := make([]*v1.Setting, len(list))
	for i, s := range list {
		out[i] = &v1.Setting{
			Name: s.Name, Type: s.Type, Doc: s.Doc, Default: s.Default, Enum: slices.Clone(s.Enum),
			Required: s.Required, Secret: s.Secret, Identity: s.Identity && !s.Secret,
			Fields: fromSettings(s.Fields),
		}
	}
	return out
}

const (
	maxDepth     = 32       // of what is nested: descriptions and values
	maxChallenge = 16 << 10 // runes
)

func toSettings(list []*v1.Setting, depth int) []core.Setting {
	if len(list) == 0 || depth > maxDepth {
		return nil
	}
	out := make([]core.Setting, len(list))
	for i, s := range list {
		out[i] = core.Setting{
			Name: printable(s.GetName(), maxName), Type: printable(s.GetType(), maxName),
			Doc: printable(s.GetDoc(), maxText), Default: printable(s.GetDefault(), maxText),
			Required: s.GetRequired(), Secret: s.GetSecret(), Identity: s.GetIdentity() && !s.GetSecret(),
			Fields: toSettings(s.GetFields(), depth+1),
		}
		for _, value := range s.GetEnum() {
			out[i].Enum = append(out[i].Enum, printable(value, maxName))
		}
	}
	return out
}

// lastTime is the end of what a Timestamp holds.
var lastTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

func fromTime(t time.Time) *timestamppb.Timestamp {
	switch {
	case t.IsZero():
		return nil
	case t.After(lastTime):
		t = lastTime
	}
	return timestamppb.New(t)
}

// toTime reads a time. Only an absent one is the zero time, which means none:
// one that is out of range is the nearest within it.
func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	first := time.Time{}.Add(1)
	switch at := t.AsTime(); {
	case t.GetSeconds() <= first.Unix():
		return first
	case t.GetSeconds() >= lastTime.Unix():
		return lastTime
	case t.CheckValid() != nil:
		return time.Unix(t.GetSeconds(), 0).UTC()
	default:
		return at
	}
}

func reveal(m map[string]core.Secret) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for name, value := range m {
		out[name] = value.Reveal()
	}
	return out
}

func hide(m map[string]string) map[string]core.Secret {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]core.Secret, len(m))
	for name, value := range m {
		out[name] = core.NewSecret(value)
	}
	return out
}

func mapOrNil(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func emptyToNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}
