package core_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// badNames are texts with characters that nobody sees, and one that is too long for a name.
var badNames = map[string]string{
	"NUL": "a\x00b", "line break": "a\nb", "return": "a\rb", "tab": "a\tb", "escape": "a\x1b[31m",
	"delete": "a\x7f", "bidi": "a\u202eb", "isolate": "a\u2066b", "zero width": "a\u200bb",
	"mark": "\ufeffa", "line separator": "a\u2028b", "C1": "a\u0085b", "not UTF-8": "a\xffb",
	"soft hyphen": "a\u00adb", "long": strings.Repeat("a", 5000),
}

// TestNamesAreBounded checks that the names of sessions and what their options name are
// refused as a fault of the configuration, once and without a call of the provider.
func TestNamesAreBounded(t *testing.T) {
	for name, text := range badNames {
		for what, s := range map[string]func(p core.Provider) *core.Session{
			"session": func(p core.Provider) *core.Session { return core.New(text, p, nil) },
			"kind": func(p core.Provider) *core.Session {
				return core.New("a", p, &core.Options{Kind: text})
			},
			"environment": func(p core.Provider) *core.Session {
				return core.New("a", p, &core.Options{Environment: core.Environment(text)})
			},
			"StoreScope": func(p core.Provider) *core.Session {
				return core.New("a", p, &core.Options{StoreScope: text})
			},
			"StoreKey": func(p core.Provider) *core.Session {
				return core.New("a", p, &core.Options{StoreKey: text})
			},
			"role": func(p core.Provider) *core.Session {
				input := core.New("b", fixed(bearer("x")), nil)
				return core.New("a", p, &core.Options{Inputs: map[string]*core.Session{text: input}})
			},
		} {
			if name == "long" && strings.HasPrefix(what, "Store") {
				text = strings.Repeat("a", 5000)
			}
			p := &issuer{}
			err := s(p).Init(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig, "%s: %s", what, name)
			require.Zero(t, p.calls.Load())
			require.NotContains(t, err.Error(), "\x1b")
			require.Less(t, len(err.Error()), 6000)
		}
	}
	for _, good := range []string{"", "prices", "Préis 1", "価格", "a/b@c:d", strings.Repeat("a", 256)} {
		require.NoError(t, core.CheckName(good))
		require.NoError(t, core.New(good, fixed(bearer("x")), nil).Init(t.Context()))
	}
}

// TestCredentialsAreBounded checks that a credential out of bounds is a fault of the
// configuration: it does not go away, and a provider is not asked for it every second.
func TestCredentialsAreBounded(t *testing.T) {
	many := func(n int) map[string]string {
		m := map[string]string{}
		for i := range n {
			m[strings.Repeat("a", 1+i%8)+time.Duration(i).String()] = "b"
		}
		return m
	}
	secret := func(n int) core.Secret { return core.NewSecret(strings.Repeat("a", n)) }
	header := func(name, value string) func(*core.Credential) {
		return func(c *core.Credential) { c.Attach.Header[name] = core.NewSecret(value) }
	}
	bad := map[string]func(c *core.Credential){
		"attributes of 100 MB": func(c *core.Credential) {
			c.Attributes = map[string]string{"a": strings.Repeat("b", 100<<20)}
		},
		"many attributes": func(c *core.Credential) { c.Attributes = many(5000) },
		"large together": func(c *core.Credential) {
			c.Attributes = map[string]string{}
			for i := range 40 {
				c.Attributes[time.Duration(i).String()] = strings.Repeat("b", 60<<10)
			}
		},
		"attribute with escapes":  func(c *core.Credential) { c.Attributes = map[string]string{"a": "\x1b"} },
		"attribute, not UTF-8":    func(c *core.Credential) { c.Attributes = map[string]string{"a": "\xff"} },
		"subject of 5,000 escape": func(c *core.Credential) { c.Subject = strings.Repeat("\x1b", 5000) },
		"refresh state":           func(c *core.Credential) { c.RefreshState = secret(2 << 20) },
		"roots":                   func(c *core.Credential) { c.Attach.Roots = strings.Repeat("a", 3<<20) },
		"certificate":             func(c *core.Credential) { c.Attach.Cert = secret(3 << 20) },
		"many origins": func(c *core.Credential) {
			for range 2000 {
				c.Origins = append(c.Origins, "https://a.example.com")
			}
		},
		"long origin": func(c *core.Credential) {
			c.Origins = []string{"https://" + strings.Repeat("a", 2000) + ".example.com"}
		},
		"header twice": func(c *core.Credential) {
			c.Attach.Header["X-Key"], c.Attach.Header["x-key"] = secret(9), secret(8)
		},
		"Authorization twice":  header("authorization", "Bearer other"),
		"header with a space":  header("X Key", "a"),
		"header, not ASCII":    header("X-Clé", "a"),
		"header with a break":  header("X-Key\r\nX", "a"),
		"long header name":     header(strings.Repeat("x", 300), "a"),
		"value with a break":   header("X-Key", "a\r\nX-Smuggled: 1"),
		"value with NUL":       header("X-Key", "a\x00"),
		"large value":          header("X-Key", strings.Repeat("a", 200<<10)),
		"query name":           func(c *core.Credential) { c.Attach.Query = map[string]core.Secret{"a\n": secret(1)} },
		"cookie name":          func(c *core.Credential) { c.Attach.Cookie = map[string]core.Secret{"a;b": secret(1)} },
		"remembered":           func(c *core.Credential) { c.Attach.RememberHeaders = []string{"X Nonce"} },
		"remembered, too many": func(c *core.Credential) { c.Attach.RememberHeaders = make([]string, 17) },
	}
	for name, text := range badNames {
		bad["subject: "+name] = func(c *core.Credential) { c.Subject = text }
		bad["attribute named: "+name] = func(c *core.Credential) {
			c.Attributes = map[string]string{text: "b"}
		}
	}
	for name, change := range bad {
		c := bearer("x")
		change(&c)
		err := core.New("a", fixed(c), nil).Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig, name)
		require.Less(t, len(err.Error()), 1000, name)
		require.NotContains(t, err.Error(), "\x1b")
		require.NotContains(t, err.Error(), "Smuggled")
	}
	c := bearer("x")
	c.Subject = "CN=Zoë Müller (Ops), O=Example, من\u200cهم"
	c.Attributes = map[string]string{"base_url": "https://a.example.com", "notes": "a\n\tb\r\nc"}
	c.Origins = []string{"https://a.example.com"}
	require.NoError(t, core.New("a", fixed(c), nil).Init(t.Context()))
}

// TestAuthorizersAreBounded checks the same of what an Authorizer returns for a request.
func TestAuthorizersAreBounded(t *testing.T) {
	for name, a := range map[string]core.Attachment{
		"line break": {Header: map[string]core.Secret{"A": core.NewSecret("a\nb")}},
		"name":       {Header: map[string]core.Secret{"A B": core.NewSecret("a")}},
		"remembered": {RememberHeaders: []string{"a b"}},
		"large":      {Header: map[string]core.Secret{"A": core.NewSecret(strings.Repeat("a", 200<<10))}},
		"twice":      {Header: map[string]core.Secret{"A": core.NewSecret("a"), "a": core.NewSecret("b")}},
	} {
		s := ready(t, attaching(a), nil)
		_, err := s.Client().Get("http://127.0.0.1:1/")
		require.ErrorIs(t, err, core.CodeBadConfig, name)
	}
}

// attaching is an Authorizer that returns one attachment for every request.
type attaching core.Attachment

func (attaching) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{Subject: "a"}, nil
}

func (a attaching) Authorize(
	context.Context, core.Credential, core.Outgoing,
) (core.Attachment, error) {
	return core.Attachment(a), nil
}
