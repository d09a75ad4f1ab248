package proto

import (
	"crypto"
	"maps"
	"net/http"
	"slices"
	"time"

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
		Cert: a.Cert.Reveal(), Roots: a.Roots,
	}
}

// ToAttachment is the way back. Nil gives the zero attachment.
func ToAttachment(m *v1.Attachment) core.Attachment {
	return core.Attachment{
		Header: hide(m.GetHeader()), Query: hide(m.GetQuery()), Cookie: hide(m.GetCookie()),
		Cert: core.NewSecret(m.GetCert()), Roots: m.GetRoots(),
	}
}

// FromOutgoing puts the description of a request into a message.
func FromOutgoing(instance string, c core.Credential, out core.Outgoing) *v1.AuthorizeRequest {
	header := make(map[string]*v1.Values, len(out.Header))
	for name, values := range out.Header {
		header[name] = &v1.Values{Values: slices.Clone(values)}
	}
	return &v1.AuthorizeRequest{
		Instance: instance, Credential: FromCredential(c), Method: out.Method, Url: out.URL, Header: header, BodySha256: slices.Clone(out.BodySHA256),
	}
}

// ToOutgoing is the way back.
func ToOutgoing(m *v1.AuthorizeRequest) core.Outgoing {
	header := make(http.Header, len(m.GetHeader()))
	for name, values := range m.GetHeader() {
		header[name] = slices.Clone(values.GetValues())
	}
	return core.Outgoing{Method: m.GetMethod(), URL: m.GetUrl(), Header: header, BodySHA256: slices.Clone(m.GetBodySha256())}
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
	k := &v1.Kind{Name: info.Kind, Summary: info.Summary, Settings: fromSettings(settings)}
	for _, env := range info.Environments {
		k.Environments = append(k.Environments, string(env))
	}
	return k
}

// ToInfo is the way back.
func ToInfo(k *v1.Kind) (core.Info, []core.Setting) {
	info := core.Info{Kind: k.GetName(), Summary: k.GetSummary()}
	for _, env := range k.GetEnvironments() {
		info.Environments = append(info.Environments, core.Environment(env))
	}
	return info, toSettings(k.GetSettings(), 0)
}

func fromSettings(list []core.Setting) []*v1.Setting {
	out := make([]*v1.Setting, len(list))
	for i, s := range list {
		out[i] = &v1.Setting{
			Name: s.Name, Type: s.Type, Doc: s.Doc, Default: s.Default, Enum: slices.Clone(s.Enum),
			Required: s.Required, Secret: s.Secret, Fields: fromSettings(s.Fields),
		}
	}
	return out
}

// maxDepth bounds what is nested: descriptions and values.
const maxDepth = 32

func toSettings(list []*v1.Setting, depth int) []core.Setting {
	if len(list) == 0 || depth > maxDepth {
		return nil
	}
	out := make([]core.Setting, len(list))
	for i, s := range list {
		out[i] = core.Setting{
			Name: s.GetName(), Type: s.GetType(), Doc: s.GetDoc(), Default: s.GetDefault(), Enum: emptyToNil(s.GetEnum()),
			Required: s.GetRequired(), Secret: s.GetSecret(), Fields: toSettings(s.GetFields(), depth+1),
		}
	}
	return out
}

func fromTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// toTime reads a time; one that is out of range is the zero time.
func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil || t.CheckValid() != nil {
		return time.Time{}
	}
	return t.AsTime()
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
