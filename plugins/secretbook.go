// Read on in description.go.

package plugins

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// maxRecent is how many credentials, and how many answers of persons, of a provider a
// plugin's log is compared with, the latest ones.
const maxRecent = 8

// secretBook has the secrets that a plugin was told or has told, so that its log
// does not repeat them. A nil one keeps nothing. It is safe for concurrent use.
//
// Providers note credentials in each call, which must be cheap. The secrets in them
// are looked for when a line is logged.
type secretBook struct {
	mu        sync.Mutex
	providers map[any]*knownSecrets // by *remote
	settings  []core.Secret         // of all providers; nil: not collected yet
	all       []core.Secret         // all of them, each once; nil: not collected yet
}

// knownSecrets are those of one provider.
type knownSecrets struct {
	settings    []core.Secret
	answers     []core.Secret
	credentials []core.Credential
}

// setSettings notes the secrets of a provider's settings.
func (b *secretBook) setSettings(provider any, secrets []core.Secret) {
	b.change(provider, func(k *knownSecrets) {
		k.settings = longSecrets(secrets)
		b.settings = nil
	})
}

// addRequest notes the secrets that a provider gets with a request for a credential.
func (b *secretBook) addRequest(provider any, req core.Request) {
	for _, input := range req.Inputs {
		b.addCredential(provider, input)
	}
	b.addCredential(provider, req.Previous)
}

// addCredential notes a credential that a provider got or has made.
func (b *secretBook) addCredential(provider any, c core.Credential) {
	if c.RefreshState.IsZero() && c.Attach.Cert.IsZero() && len(c.Attach.Header) == 0 &&
		len(c.Attach.Query) == 0 && len(c.Attach.Cookie) == 0 {
		return
	}
	b.change(provider, func(k *knownSecrets) { k.credentials = appendLatest(k.credentials, c) })
}

// addAnswer notes what a person has answered.
func (b *secretBook) addAnswer(provider any, answer core.Secret) {
	b.change(provider, func(k *knownSecrets) { k.answers = appendLatest(k.answers, answer) })
}

// appendLatest appends to a list of maxRecent elements at most.
func appendLatest[T any](list []T, element T) []T {
	if len(list) < maxRecent {
		return append(list, element)
	}
	copy(list, list[1:])
	list[len(list)-1] = element
	return list
}

func (b *secretBook) change(provider any, to func(*knownSecrets)) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.providers == nil {
		b.providers = map[any]*knownSecrets{}
	}
	if b.providers[provider] == nil {
		b.providers[provider] = &knownSecrets{}
	}
	to(b.providers[provider])
	b.all = nil
}

// forget removes a provider that is not used any more.
func (b *secretBook) forget(provider any) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.providers, provider)
	b.settings, b.all = nil, nil
}

// repeats reports whether a text repeats one of the secrets.
func (b *secretBook) repeats(text string) bool {
	secrets := b.list()
	return len(secrets) > 0 && core.Printable(text, maxErrorText) != "" &&
		core.Printable(text, maxErrorText, secrets...) == ""
}

// isIn reports whether a text contains a secret of settings, in any case and with any
// invisible characters between. It takes less time than repeats, and asks for the text
// only if there are such secrets.
func (b *secretBook) isIn(textOf func() string) bool {
	if b == nil {
		return false
	}
	secrets := b.listSettings()
	if len(secrets) == 0 {
		return false
	}
	text := textOf()
	text = strings.ToLower(core.Printable(text, len(text)))
	return slices.ContainsFunc(secrets, func(s core.Secret) bool {
		return strings.Contains(text, strings.ToLower(s.Reveal()))
	})
}

func (b *secretBook) listSettings() []core.Secret {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.settings == nil {
		b.settings = []core.Secret{}
		for _, k := range b.providers {
			b.settings = append(b.settings, k.settings...)
		}
		b.settings = unique(b.settings)
	}
	return b.settings
}

func (b *secretBook) list() []core.Secret {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = []core.Secret{}
		for _, k := range b.providers {
			b.all = slices.Concat(b.all, k.settings, k.answers)
			for _, c := range k.credentials {
				b.all = append(b.all, credentialSecrets(c)...)
			}
		}
		b.all = unique(longSecrets(b.all))
	}
	return b.all
}

// unique returns each of the secrets once.
func unique(secrets []core.Secret) []core.Secret {
	seen := map[string]bool{}
	return slices.DeleteFunc(secrets, func(s core.Secret) bool {
		known := seen[s.Reveal()]
		seen[s.Reveal()] = true
		return known
	})
}

// credentialSecrets returns the secrets of a credential, without the public parts
// around them that a log may well have: the scheme of a header, the names in a
// refresh state and the certificates beside a key.
func credentialSecrets(c core.Credential) (out []core.Secret) {
	for _, values := range []map[string]core.Secret{c.Attach.Header, c.Attach.Query, c.Attach.Cookie} {
		for _, value := range values {
			text := value.Reveal()
			if scheme, rest, ok := strings.Cut(text, " "); ok && !strings.ContainsAny(scheme, `=",`) {
				text = rest
			}
			out = append(out, core.NewSecret(text))
		}
	}
	for part := range strings.SplitSeq(c.Attach.Cert.Reveal(), "-----BEGIN ") {
		if name, body, ok := strings.Cut(part, "-----"); ok && strings.HasSuffix(name, "PRIVATE KEY") {
			body, _, _ = strings.Cut(body, "-----END")
			for line := range strings.Lines(body) {
				out = append(out, core.NewSecret(strings.TrimSpace(line)))
			}
		}
	}
	return append(out, stateSecrets(c.RefreshState)...)
}

// stateSecrets returns the secrets of a refresh state: the state itself, or the texts
// in it if it is JSON, but for addresses and times.
func stateSecrets(state core.Secret) (out []core.Secret) {
	var value any
	if json.Unmarshal([]byte(state.Reveal()), &value) != nil {
		return []core.Secret{state}
	}
	var collect func(any)
	collect = func(value any) {
		switch v := value.(type) {
		case string:
			_, err := time.Parse(time.RFC3339, v)
			if err != nil && !strings.Contains(v, "://") {
				out = append(out, core.NewSecret(v))
			}
		case []any:
			for _, v := range v {
				collect(v)
			}
		case map[string]any:
			for _, v := range v {
				collect(v)
			}
		}
	}
	collect(value)
	return out
}
