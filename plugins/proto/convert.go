package proto

import (
	"crypto"
	"maps"
	"math"
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
		Body:       fromBodyNeeds(c.Body),
	}
}

func fromBodyNeeds(n *core.BodyNeeds) *v1.BodyNeeds {
	if n == nil || len(n.Digests) == 0 && n.Raw == 0 {
		return nil
	}
	m := &v1.BodyNeeds{Raw: n.Raw}
	for _, h := range n.Digests {
		m.Digests = append(m.Digests, hashNumber(h))
	}
	return m
}

// hashNumber returns the number of a hash. One that no hash has stays one.
func hashNumber(h crypto.Hash) uint32 { return uint32(min(uint64(h), math.MaxUint32)) }

func toBodyNeeds(m *v1.BodyNeeds) *core.BodyNeeds {
	if m == nil {
		return nil
	}
	n := &core.BodyNeeds{Raw: m.GetRaw()}
	for _, number := range m.GetDigests() {
		n.Digests = append(n.Digests, crypto.Hash(number))
	}
	return n
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
		Body:       toBodyNeeds(m.GetBody()),
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
	m := &v1.AuthorizeRequest{
		Instance: instance, Credential: FromCredential(c), Method: out.Method, Url: out.URL,
		Host: out.Host, Header: fromHeader(out.Header), ContentLength: &out.ContentLength,
		Body: slices.Clone(out.Body), LearnedValues: fromHeader(texts(out.Learned)),
	}
	for name, values := range m.GetLearnedValues() {
		if m.Learned == nil {
			m.Learned = make(map[string]string, len(m.GetLearnedValues()))
		}
		m.Learned[name] = values.GetValues()[0]
	}
	for h, sum := range out.Digests {
		if m.Digests == nil {
			m.Digests = make(map[uint32][]byte, len(out.Digests))
		}
		m.Digests[hashNumber(h)] = slices.Clone(sum)
	}
	return m
}

func fromHeader(h http.Header) map[string]*v1.Values {
	m := make(map[string]*v1.Values, len(h))
	for name, values := range h {
		m[name] = &v1.Values{Values: slices.Clone(values)}
	}
	return m
}

func toHeader(m map[string]*v1.Values) http.Header {
	h := make(http.Header, len(m))
	for name, values := range m {
		h[name] = slices.Clone(values.GetValues())
	}
	return h
}

// texts leaves out what is not UTF-8, and names without a value.
func texts(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			if utf8.ValidString(name) && utf8.ValidString(value) {
				out[name] = append(out[name], value)
			}
		}
	}
	return out
}

// ToOutgoing is the way back. What a host does not say that knows fewer fields
// is unknown: the length, or the Host; of what was learned there is one value
// then.
func ToOutgoing(m *v1.AuthorizeRequest) core.Outgoing {
	out := core.Outgoing{
		Method: m.GetMethod(), URL: m.GetUrl(), Host: m.GetHost(), Header: toHeader(m.GetHeader()),
		ContentLength: -1, Body: slices.Clone(m.GetBody()),
	}
	if m != nil && m.ContentLength != nil {
		out.ContentLength = m.GetContentLength()
	}
	if learned := texts(toHeader(m.GetLearnedValues())); len(learned) > 0 {
		out.Learned = learned
	}
	for name, value := range m.GetLearned() {
		if out.Learned == nil {
			out.Learned = make(http.Header, len(m.GetLearned()))
		}
		if len(out.Learned[name]) == 0 {
			out.Learned[name] = []string{value}
		}
	}
	for number, sum := range m.GetDigests() {
		if out.Digests == nil {
			out.Digests = make(map[crypto.Hash][]byte, len(m.GetDigests()))
		}
		out.Digests[crypto.Hash(number)] = slices.Clone(sum)
	}
	return out
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
