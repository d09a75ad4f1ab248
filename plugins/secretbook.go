// Read on in remote.go.

package plugins

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// maxRecent is how many secrets beside those of its settings a provider has that a
// plugin's log is compared with, the latest ones.
const maxRecent = 32

// secretBook has the secrets that a plugin was told or has told, so that its log
// does not repeat them. A nil one keeps nothing. It is safe for concurrent use.
type secretBook struct {
	mu        sync.Mutex
	providers map[any]*knownSecrets // by *remote
	all       []core.Secret         // of all providers, each once; nil: not made yet
}

// knownSecrets are those of one provider.
type knownSecrets struct {
	settings []core.Secret
	recent   []core.Secret
}

// setSettings notes the secrets of a provider's settings.
func (b *secretBook) setSettings(provider any, secrets []core.Secret) {
	b.change(provider, func(k *knownSecrets) { k.settings = longSecrets(secrets) })
}

// addCredentials notes the secrets of credentials that a provider got or has made.
func (b *secretBook) addCredentials(provider any, credentials ...core.Credential) {
	var secrets []core.Secret
	for _, c := range credentials {
		secrets = append(secrets, credentialSecrets(c)...)
	}
	b.add(provider, secrets...)
}

// addRequest notes the secrets that a provider gets with a request for a credential.
func (b *secretBook) addRequest(provider any, req core.Request) {
	b.addCredentials(provider, append(slices.Collect(maps.Values(req.Inputs)), req.Previous)...)
}

// add notes secrets of a provider.
func (b *secretBook) add(provider any, secrets ...core.Secret) {
	secrets = longSecrets(secrets)
	if len(secrets) == 0 {
		return
	}
	b.change(provider, func(k *knownSecrets) {
		k.recent = slices.DeleteFunc(k.recent, func(s core.Secret) bool {
			return slices.ContainsFunc(secrets, func(new core.Secret) bool {
				return new.Reveal() == s.Reveal()
			})
		})
		k.recent = append(k.recent, secrets...)
		if n := len(k.recent) - maxRecent; n > 0 {
			k.recent = slices.Delete(k.recent, 0, n)
		}
	})
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
	b.all = nil
}

// repeats reports whether a text repeats one of the secrets.
func (b *secretBook) repeats(text string) bool {
	secrets := b.list()
	return len(secrets) > 0 && core.Printable(text, maxErrorText) != "" &&
		core.Printable(text, maxErrorText, secrets...) == ""
}

// isIn reports whether a text contains one of the secrets, in any case. It takes less
// time than repeats.
func (b *secretBook) isIn(text string) bool {
	if b == nil {
		return false
	}
	secrets := b.list()
	if len(secrets) == 0 {
		return false
	}
	text = strings.ToLower(text)
	return slices.ContainsFunc(secrets, func(s core.Secret) bool {
		return strings.Contains(text, strings.ToLower(s.Reveal()))
	})
}

func (b *secretBook) list() []core.Secret {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		unique := map[string]bool{}
		for _, k := range b.providers {
			for _, s := range slices.Concat(k.settings, k.recent) {
				unique[s.Reveal()] = true
			}
		}
		b.all = make([]core.Secret, 0, len(unique))
		for text := range maps.Keys(unique) {
			b.all = append(b.all, core.NewSecret(text))
		}
	}
	return b.all
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
