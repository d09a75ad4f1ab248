// Read on in kind.go.

package proto

import (
	"crypto"
	"net/http"
	"reflect"
	"slices"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// maxChallenge is how many runes of a server's challenge a provider gets.
const maxChallenge = 16 << 10

// FromRequest makes a message of what a session tells its provider. The challenge
// comes from a server: characters of it that cannot be seen are left out.
func FromRequest(instance string, r core.Request) *v1.Begin {
	m := &v1.Begin{
		Instance: instance, Reason: v1.Reason(r.Reason),
		Challenge: printable(r.Challenge, maxChallenge), MayRetry: r.MayRetry,
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

// ToRequest makes a request of a message. An unknown reason becomes that of a
// first request.
func ToRequest(m *v1.Begin) core.Request {
	r := core.Request{
		Previous: ToCredential(m.GetPrevious()), Challenge: m.GetChallenge(),
		MayRetry: m.GetMayRetry(),
	}
	if m.GetReason() > 0 && m.GetReason() <= v1.Reason(core.ReasonRejected) {
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

// FromOutgoing makes a message of the description of a request. What was learned
// comes from a server: values that are not UTF-8 are left out.
func FromOutgoing(instance string, c core.Credential, out core.Outgoing) *v1.AuthorizeRequest {
	m := &v1.AuthorizeRequest{
		Instance: instance, Credential: FromCredential(c), Method: out.Method, Url: out.URL,
		Host: out.Host, Header: fromHeader(out.Header), ContentLength: &out.ContentLength,
		Body: slices.Clone(out.Body), LearnedValues: fromHeader(onlyText(out.Remembered)),
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

// ToOutgoing makes the description of a request of a message. A host of an
// earlier version sends no length, which becomes unknown, and no Host; of a
// header that was learned it sends one value.
func ToOutgoing(m *v1.AuthorizeRequest) core.Outgoing {
	out := core.Outgoing{
		Method: m.GetMethod(), URL: m.GetUrl(), Host: m.GetHost(), Header: toHeader(m.GetHeader()),
		ContentLength: -1, Body: slices.Clone(m.GetBody()),
	}
	if m != nil && m.ContentLength != nil {
		out.ContentLength = m.GetContentLength()
	}
	if learned := onlyText(toHeader(m.GetLearnedValues())); len(learned) > 0 {
		out.Remembered = learned
	}
	for name, value := range m.GetLearned() {
		if out.Remembered == nil {
			out.Remembered = make(http.Header, len(m.GetLearned()))
		}
		if len(out.Remembered[name]) == 0 {
			out.Remembered[name] = []string{value}
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
func FromSignRequest(instance string, r core.SignatureRequest) *v1.SignRequest {
	m := &v1.SignRequest{
		Instance: instance, Credential: FromCredential(r.Credential),
		Digest: slices.Clone(r.Digest), PssSalt: int32(r.PSSSalt),
	}
	if r.Hash != 0 {
		m.Hash = r.Hash.String()
	}
	return m
}

// ToSignRequest makes a request for a signature of a message. A hash that this
// program does not know is core.CodeBadConfig.
func ToSignRequest(m *v1.SignRequest) (core.SignatureRequest, error) {
	r := core.SignatureRequest{
		Credential: ToCredential(m.GetCredential()), Digest: slices.Clone(m.GetDigest()),
		PSSSalt: int(m.GetPssSalt()),
	}
	if m.GetHash() == "" {
		return r, nil
	}
	for h := crypto.MD4; h <= crypto.BLAKE2b_512; h++ {
		if h.String() == m.GetHash() {
			r.Hash = h
			return r, nil
		}
	}
	return core.SignatureRequest{}, core.Errorf(core.CodeBadConfig, "unknown hash %.40q", m.GetHash())
}
