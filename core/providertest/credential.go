package providertest

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/authsession/authsession/core"
)

// isEmpty reports whether a adds nothing to requests.
func isEmpty(a core.Attachment) bool {
	return len(a.Header) == 0 && len(a.Query) == 0 && len(a.Cookie) == 0 && a.Cert.IsZero()
}

// credentialAttachment checks what would go on requests.
func credentialAttachment(r *run) {
	_, p, cred, ok := r.obtain()
	if !ok {
		return
	}
	if isEmpty(cred.Attach) && !r.authorizes(p, cred) {
		r.errorf("the credential attaches nothing to requests")
	}
	r.checkAttachment("the credential's ", cred.Attach)
}

// checkAttachment checks that an attachment can be put on a request.
func (r *run) checkAttachment(whose string, a core.Attachment) {
	for name, value := range a.Header {
		if !isToken(name) || !isText(value.Reveal()) {
			r.errorf("%sheader %q is empty, or has characters that may not be sent", whose, name)
		}
		switch strings.ToLower(name) {
		case "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
			"content-type", "cookie", "set-cookie":
			r.errorf("%sheader %q cannot be a credential: it frames or routes the request", whose, name)
		}
	}
	for name, value := range a.Query {
		if !isText(name) || value.IsZero() {
			r.errorf("%squery parameter %q is empty", whose, name)
		}
	}
	for name, value := range a.Cookie {
		if !isToken(name) || !isText(value.Reveal()) || strings.ContainsAny(value.Reveal(), `;,"\ `) {
			r.errorf("%scookie %q is empty, or has characters that may not be sent (RFC 6265 §4.1.1)",
				whose, name)
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
	return s != "" && s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return c < ' ' && c != '\t' || c == 0x7f
	})
}

// maxExpiry is how far in the future an expiry may be.
const maxExpiry = 100 * 365 * 24 * time.Hour

func credentialExpiry(r *run) {
	_, _, cred, ok := r.obtain()
	if !ok {
		return
	}
	for name, t := range map[string]time.Time{"Expiry": cred.Expiry, "RenewAfter": cred.RenewAfter} {
		switch left := time.Until(t); {
		case t.IsZero():
		case left <= 0:
			r.errorf("the %s of a new credential is %v ago", name, -left)
		case left > maxExpiry:
			r.errorf("the %s of the credential is in the year %d; zero means never", name, t.Year())
		}
	}
}

func credentialOrigins(r *run) {
	_, _, cred, ok := r.obtain()
	if !ok {
		return
	}
	for _, o := range cred.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
			u.Path != "" && u.Path != "/" ||
			u.Scheme != "https" && u.Scheme != "http" {
			r.errorf("Origins has %q, which is not an origin such as \"https://api.example.com\"", o)
		}
	}
}

func credentialPlain(r *run) {
	_, _, cred, ok := r.obtain()
	if !ok {
		return
	}
	if _, same := copyCredential(cred); !same {
		r.errorf("the credential is different after it was copied as plain data")
	}
	each := func(what, text string) {
		if !utf8.ValidString(text) {
			r.errorf("%s is not UTF-8", what)
		}
	}
	each("Subject", cred.Subject)
	each("RefreshState", cred.RefreshState.Reveal())
	for name, value := range cred.Attributes {
		each("an attribute", name+value)
	}
}
