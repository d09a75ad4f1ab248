package providertest

import (
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/authsession/authsession/core"
)

// plainCredential is a credential as it crosses a process boundary.
type plainCredential struct {
	Header, Query, Cookie map[string]string
	Cert, Roots, Renewal  string
	Expiry, RenewAfter    time.Time
	Origins               []string
	Subject               string
	Attributes            map[string]string
}

// toPlain reveals c.
func toPlain(c core.Credential) plainCredential {
	return plainCredential{
		Header: texts(c.Attach.Header), Query: texts(c.Attach.Query), Cookie: texts(c.Attach.Cookie),
		Cert: c.Attach.Cert.Reveal(), Roots: c.Attach.Roots, Renewal: c.Renewal.Reveal(),
		Expiry: plainTime(c.Expiry), RenewAfter: plainTime(c.RenewAfter),
		Origins: append([]string(nil), c.Origins...), Subject: c.Subject, Attributes: maps.Clone(c.Attributes),
	}
}

// plainTime drops what a copy loses: the monotonic reading and the zone.
func plainTime(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Round(0).UTC()
}

func (p plainCredential) credential() core.Credential {
	return core.Credential{
		Attach: core.Attachment{
			Header: secrets(p.Header), Query: secrets(p.Query), Cookie: secrets(p.Cookie),
			Cert: core.NewSecret(p.Cert), Roots: p.Roots,
		},
		Renewal: core.NewSecret(p.Renewal), Expiry: p.Expiry, RenewAfter: p.RenewAfter,
		Origins: p.Origins, Subject: p.Subject, Attributes: p.Attributes,
	}
}

// copied returns c after a trip through bytes: nothing in it is the
// provider's own any more.
func copied(c core.Credential) (core.Credential, bool) {
	plain := toPlain(c)
	text, err := json.Marshal(plain)
	if err != nil {
		return core.Credential{}, false
	}
	var back plainCredential
	if json.Unmarshal(text, &back) != nil {
		return core.Credential{}, false
	}
	return back.credential(), reflect.DeepEqual(plain, back)
}

func texts(m map[string]core.Secret) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for name, value := range m {
		out[name] = value.Reveal()
	}
	return out
}

func secrets(m map[string]string) map[string]core.Secret {
	if m == nil {
		return nil
	}
	out := make(map[string]core.Secret, len(m))
	for name, value := range m {
		out[name] = core.NewSecret(value)
	}
	return out
}

func isEmpty(a core.Attachment) bool {
	return len(a.Header) == 0 && len(a.Query) == 0 && len(a.Cookie) == 0 && a.Cert.IsZero()
}

// credentialAttachment checks what would go on requests.
func credentialAttachment(r *run) {
	_, p, cred, ok := r.good()
	if !ok {
		return
	}
	if _, authorizes := p.(core.Authorizer); isEmpty(cred.Attach) && !authorizes {
		r.errorf("the credential attaches nothing to requests")
	}
	r.sound("the credential's ", cred.Attach)
}

// sound checks that an attachment can be put on a request and stays one.
func (r *run) sound(whose string, a core.Attachment) {
	for name, value := range a.Header {
		if !isToken(name) || !isText(value.Reveal()) {
			r.errorf("%sheader %q is empty, or has characters that may not be sent", whose, name)
		}
		switch strings.ToLower(name) {
		case "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "content-type", "cookie", "set-cookie":
			r.errorf("%sheader %q is no credential: it frames or routes the request", whose, name)
		}
	}
	for name, value := range a.Query {
		if !isText(name) || value.IsZero() {
			r.errorf("%squery parameter %q is empty", whose, name)
		}
	}
	for name, value := range a.Cookie {
		if !isToken(name) || !isText(value.Reveal()) || strings.ContainsAny(value.Reveal(), `;,"\ `) {
			r.errorf("%scookie %q is empty, or has characters that may not be sent (RFC 6265 §4.1.1)", whose, name)
		}
	}
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

// isText reports whether s may be the value of a header: something, and no
// control characters or spaces around it (RFC 9110 §5.5).
func isText(s string) bool {
	return s != "" && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// farAway is how much later than now an expiry is believed.
const farAway = 100 * 365 * 24 * time.Hour

func credentialExpiry(r *run) {
	_, _, cred, ok := r.good()
	if !ok {
		return
	}
	for name, t := range map[string]time.Time{"Expiry": cred.Expiry, "RenewAfter": cred.RenewAfter} {
		switch left := time.Until(t); {
		case t.IsZero():
		case left <= 0:
			r.errorf("the %s of a new credential is %v ago", name, -left)
		case left > farAway:
			r.errorf("the %s of the credential is in the year %d; zero means never", name, t.Year())
		}
	}
}

func credentialOrigins(r *run) {
	_, _, cred, ok := r.good()
	if !ok {
		return
	}
	for _, o := range cred.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" ||
			u.Scheme != "https" && u.Scheme != "http" {
			r.errorf("Origins has %q, which is not an origin such as \"https://api.example.com\"", o)
		}
	}
}

func credentialPlain(r *run) {
	_, _, cred, ok := r.good()
	if !ok {
		return
	}
	if _, same := copied(cred); !same {
		r.errorf("the credential is another one after it was copied as plain data")
	}
	each := func(what, text string) {
		if !utf8.ValidString(text) {
			r.errorf("%s is not UTF-8", what)
		}
	}
	each("Subject", cred.Subject)
	each("Renewal", cred.Renewal.Reveal())
	for name, value := range cred.Attributes {
		each("an attribute", name+value)
	}
}

// previous asks for a credential in the place of an earlier one, for each
// reason, and checks that the earlier one is left alone.
func previous(reason core.Reason, challenges ...string) func(*run) {
	return func(r *run) {
		_, p, cred, ok := r.good()
		if !ok {
			return
		}
		for _, challenge := range challenges {
			before := toPlain(cred)
			next, _, err := r.ask(r.ctx, p, core.Request{Reason: reason, Previous: cred, Challenge: challenge})
			if err != nil {
				r.errorf("Authenticate with Reason %v and the credential in Previous: %w", reason, err)
				return
			}
			if !reflect.DeepEqual(before, toPlain(cred)) {
				r.errorf("Authenticate has written to Request.Previous")
			}
			r.sound("the next credential's ", next.Attach)
			cred = next
		}
	}
}

// previousAbsent gives no Previous where one is usual, and one that the
// provider has never seen.
func previousAbsent(r *run) {
	_, p, _, ok := r.good()
	if !ok {
		return
	}
	for _, reason := range []core.Reason{core.Expiring, core.Rejected} {
		if _, _, err := r.ask(r.ctx, p, core.Request{Reason: reason}); err != nil {
			r.errorf("Authenticate with Reason %v and no Previous: %w", reason, err)
		}
	}
	strange := core.Credential{Renewal: core.NewSecret("\x00{not from here"), Attributes: map[string]string{}, Expiry: time.Unix(1, 0)}
	_, _, _ = r.ask(r.ctx, p, core.Request{Reason: core.Expiring, Previous: strange}) // an error is fine, a panic is not
}

// previousElsewhere lets a second provider renew what a first one obtained,
// as after the restart of a plugin.
func previousElsewhere(r *run) {
	st, _, cred, ok := r.good()
	if !ok {
		return
	}
	back, _ := copied(cred)
	other := r.open(st.server())
	if other == nil {
		return
	}
	for _, reason := range []core.Reason{core.Expiring, core.Rejected} {
		if _, _, err := r.ask(r.ctx, other, core.Request{Reason: reason, Previous: back}); err != nil {
			r.errorf("a newly opened provider, Reason %v, the copied credential of another in Previous: %w", reason, err)
		}
	}
}
