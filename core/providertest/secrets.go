package providertest

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// secret is a text that must not be shown, in all its encodings.
type secret struct {
	what  string // for reports; never the text itself
	forms []string
}

// minSecret is the length below which a text is too common to look for.
const minSecret = 8

func (k *kit) addSecret(what, text string) {
	if len(text) < minSecret {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if slices.ContainsFunc(k.secrets, func(s secret) bool { return s.forms[0] == text }) {
		return
	}
	forms := []string{text, url.QueryEscape(text), url.PathEscape(text),
		hex.EncodeToString([]byte(text))}
	for _, quoted := range []string{strconv.Quote(text), marshalled(text)} {
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	// In base64 a text looks different at each of three offsets; the
	// characters that it shares with its neighbours are left out.
	for offset := range 3 {
		padded := append(make([]byte, offset), text...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			s := enc.EncodeToString(padded)
			s = s[(offset*8+5)/6:]
			if len(padded)%3 != 0 {
				s = s[:len(s)-1]
			}
			forms = append(forms, s)
		}
	}
	k.secrets = append(k.secrets, secret{what, forms})
}

func marshalled(text string) string {
	quoted, _ := json.Marshal(text) // a string can always be
	return string(quoted)
}

// addCredentialSecrets adds the values of a credential to the secrets.
func (k *kit) addCredentialSecrets(c core.Credential) {
	public := k.publicSettings()
	add := func(what, text string) {
		if !slices.Contains(public, text) && c.Subject != text {
			k.addSecret(what, text)
		}
	}
	for _, part := range []struct {
		what   string
		values map[string]core.Secret
	}{{"header", c.Attach.Header}, {"query parameter", c.Attach.Query}, {"cookie", c.Attach.Cookie}} {
		for name, value := range part.values {
			text := value.Reveal()
			if _, after, found := strings.Cut(text, " "); found && part.what == "header" {
				text = after // "Bearer …"
			}
			add(fmt.Sprintf("the credential's %s %q", part.what, name), text)
		}
	}
	add("the credential's RefreshState", c.RefreshState.Reveal())
	rest := []byte(c.Attach.Cert.Reveal())
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			continue
		}
		if lines := strings.Split(string(pem.EncodeToMemory(block)), "\n"); len(lines) > 3 {
			add("the credential's private key", lines[2])
		}
	}
}

// publicSettings are the texts of settings that are not secret: a credential
// may repeat them in the open.
func (k *kit) publicSettings() []string {
	var texts []string
	walkSettings(k.factory.Settings(),
		k.settings(Server{URL: "http://127.0.0.1:9", TLSURL: "https://127.0.0.1:9", CA: serverCA(),
			Secret: k.canary}), nil,
		func(_ []string, s core.Setting, text string) {
			if !s.Secret && !strings.Contains(text, k.canary) {
				texts = append(texts, text)
			}
		})
	return texts
}

// leak returns which secret is in text, for a report, or "".
func (k *kit) leak(text string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.secrets {
		for _, form := range s.forms {
			if strings.Contains(text, form) {
				return s.what
			}
		}
	}
	return ""
}

// leakIn looks for secrets in v under every way of showing it.
func (k *kit) leakIn(v any) (how, what string) {
	for _, show := range formats {
		if text, ok := tryFormat(show.show, v); ok {
			if what := k.leak(text); what != "" {
				return show.how, what
			}
		}
	}
	return "", ""
}

// tryFormat returns false if the format panics, as a String method may.
func tryFormat(show func(any) string, v any) (text string, ok bool) {
	defer func() { ok = recover() == nil }()
	return show(v), true
}

var formats = []struct {
	how  string
	show func(any) string
}{
	{"%v", func(v any) string { return fmt.Sprintf("%v", v) }},
	{"%+v", func(v any) string { return fmt.Sprintf("%+v", v) }},
	{"%#v", func(v any) string { return fmt.Sprintf("%#v", v) }},
	{"%s", func(v any) string { return fmt.Sprintf("%s", v) }},
	{"%q", func(v any) string { return fmt.Sprintf("%q", v) }},
	{"%x", func(v any) string { return fmt.Sprintf("%x", v) }},
	{"JSON", func(v any) string { b, _ := json.Marshal(v); return string(b) }},
	{"gob", func(v any) string {
		var b bytes.Buffer
		_ = gob.NewEncoder(&b).Encode(v)
		return b.String()
	}},
	{"slog text", func(v any) string {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Error("shown", "value", v)
		return b.String()
	}},
	{"slog JSON", func(v any) string {
		var b bytes.Buffer
		slog.New(slog.NewJSONHandler(&b, nil)).Error("shown", "value", v)
		return b.String()
	}},
}

// eachError calls fn for err and all errors below it.
func eachError(err error, fn func(error)) {
	if err == nil {
		return
	}
	fn(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		eachError(e.Unwrap(), fn)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			eachError(err, fn)
		}
	}
}

// returnedErrors returns the errors of all checks so far.
func (k *kit) returnedErrors() []returnedError {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.errs)
}

// secretsInErrors looks for secrets in every error that the provider has returned, and in
// the errors that it wraps.
func secretsInErrors(r *run) {
	reported := map[string]bool{}
	for _, seen := range r.returnedErrors() {
		eachError(seen.err, func(err error) {
			how, what := r.leakIn(err)
			if key := seen.check + how + what; what != "" && !reported[key] {
				reported[key] = true
				r.errorf("an error of %s shows %s (%T as %s)", seen.check, what, err, how)
			}
		})
	}
}

// secretsInValues looks for secrets in what a program may print.
func secretsInValues(r *run) {
	_, p, cred, ok := r.obtain()
	if !ok {
		return
	}
	for _, v := range []struct {
		name  string
		value any
	}{
		{"the provider", p}, {"the factory", r.factory}, {"the credential", cred},
		{"a request", core.Request{Previous: cred}},
	} {
		if how, what := r.leakIn(v.value); what != "" {
			r.errorf("%s as %s shows %s", v.name, how, what)
		}
	}
	for name, text := range cred.Attributes {
		if what := r.leak(text); what != "" {
			r.errorf("Attributes[%q] holds %s", name, what)
		}
	}
	for name, text := range map[string]string{"Subject": cred.Subject,
		"Origins": strings.Join(cred.Origins, " "), "Roots": cred.Attach.Roots} {
		if what := r.leak(text); what != "" {
			r.errorf("the credential's %s holds %s", name, what)
		}
	}
}

// secretsInLog looks for secrets in what the process logged during the checks.
func secretsInLog(r *run) {
	logged := r.logs.String()
	if what := r.leak(logged); what != "" {
		r.errorf("the process's log shows %s", what)
	}
	if strings.Contains(logged, hiddenText) {
		r.errorf("the plugin logs a secret, which its host has not shown")
	}
}

// hiddenText is what a host logs in the place of a text of a plugin that repeats a secret.
const hiddenText = "(not shown: it repeats a secret)"

// bodyMark is in every page that the kit's server answers in the place of a
// proper answer.
const bodyMark = "providertest-body-of-an-answer"

// errorText checks the form of every error.
func errorText(r *run) {
	reported := map[string]bool{}
	for _, seen := range r.returnedErrors() {
		text := seen.err.Error()
		problem := ""
		switch {
		case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }):
			problem = "control characters or several lines"
		case len(text) > 2048:
			problem = fmt.Sprintf("%d bytes of text", len(text))
		case strings.Contains(text, bodyMark):
			problem = "the body of an answer"
		case text == "" || errors.Is(seen.err, core.Code(0)):
			problem = "no text or no code"
		}
		if problem != "" && !reported[seen.check+problem] {
			reported[seen.check+problem] = true
			r.errorf("an error of %s has %s", seen.check, problem)
		}
	}
}
