package oauth2

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
)

// DPoPSettings bind tokens to a key of the session's own (RFC 9449).
type DPoPSettings struct {
	DPoP          bool   `json:"dpop" identity:"true" doc:"Binds tokens to a key of the session: each request carries a proof that it has the key (DPoP, RFC 9449)."`
	DPoPAlgorithm string `json:"dpop_algorithm" default:"ES256" enum:"ES256,EdDSA,RS256,PS256" doc:"What the proofs are signed with."`
}

func (c *DPoPSettings) validate() error {
	if c.DPoPAlgorithm != "" && !slices.Contains(dpop.Algorithms, c.DPoPAlgorithm) {
		return core.Faultf("dpop_algorithm", "want one of %s", strings.Join(dpop.Algorithms, ", "))
	}
	return nil
}

// algorithm returns what the proofs are signed with.
func (c *DPoPSettings) algorithm() string {
	if c.DPoPAlgorithm == "" {
		return dpop.ES256
	}
	return c.DPoPAlgorithm
}

// key returns the DPoP key of a session, which it keeps in the renewal of its
// credential: the one that is there, or a new one where there is none, or one
// of another algorithm than the settings want. It returns nil where tokens are
// not bound. Whoever asks for a token with it puts the key into the renewal of
// the credential.
func (c *DPoPSettings) key(r renewal) (*dpop.Key, error) {
	if !c.DPoP {
		return nil, nil
	}
	if !r.Key.IsZero() {
		if key, err := dpop.ParseKey(r.Key); err == nil && key.Algorithm() == c.algorithm() {
			return key, nil
		}
	}
	return dpop.NewKey(c.algorithm())
}

// takes reports, as an error, that the server takes no proofs of this
// algorithm (RFC 9449 §5.1). Nil supported: it does not say.
func (c *Config) takes(supported []string) error {
	if !c.DPoP || len(supported) == 0 || slices.Contains(supported, c.algorithm()) {
		return nil
	}
	return core.Errorf(core.BadConfig, "the server takes DPoP proofs signed with %q, not %s: set dpop_algorithm", c.list(supported), c.algorithm())
}

// bind makes the token requests of conn carry proofs, if tokens are to be bound:
// with the session's key, which the credentials of conn keep.
func (p *provider) bind(conn *connection, before renewal) error {
	if err := p.cfg.takes(conn.meta.ProofAlgorithms); err != nil {
		return err
	}
	key, err := p.cfg.key(before)
	if key == nil || err != nil {
		return err
	}
	conn.key, conn.client.Prover = key, dpop.Prover{Key: key, Nonce: &p.nonce}
	return nil
}

// connectNew is connect for a sign-in, which begins with a key of its own.
func (p *provider) connectNew(ctx context.Context, req core.Request) (*connection, error) {
	conn, err := p.connect(ctx, core.Request{MayRetry: req.MayRetry})
	if err != nil {
		return nil, err
	}
	return conn, p.bind(conn, renewal{})
}

// bound is a provider of tokens that are bound to a key: each request needs a
// proof of its own, so that it is a [core.Authorizer].
type bound struct {
	*provider
	keys parsedKeys
}

// Authorize returns the token and a proof for one request (RFC 9449 §7.1), with
// the nonce that the API said last. The error is Denied for a credential
// without token or key, such as one of the time before dpop was set.
func (b *bound) Authorize(_ context.Context, c core.Credential, out core.Outgoing) (core.Attachment, error) {
	header := c.Attach.Header["Authorization"]
	token, ok := strings.CutPrefix(header.Reveal(), "DPoP ")
	if !ok {
		return core.Attachment{}, core.Errorf(core.Denied, "the credential holds no DPoP token: it is from before dpop was set")
	}
	key, err := b.keys.of(c.Renewal)
	if err != nil {
		return core.Attachment{}, err
	}
	proof, err := key.Proof(dpop.Claims{
		Method: out.Method, URL: out.URL, Token: core.NewSecret(token), Nonce: out.Learned.Get(dpop.NonceHeader),
	})
	if err != nil {
		return core.Attachment{}, err
	}
	return core.Attachment{
		Header: map[string]core.Secret{"Authorization": header, "DPoP": proof},
		Learn:  []string{dpop.NonceHeader},
	}, nil
}

// maxParsed is how many credentials' keys are kept ready. A session has one,
// and two while it renews.
const maxParsed = 4

// parsedKeys are keys, ready for use, by the hash of the renewal that they are
// from. The zero value is ready. It is safe for concurrent use; the list is
// exchanged as a whole.
type parsedKeys struct{ list atomic.Pointer[[]parsedKey] }

type parsedKey struct {
	of  [sha256.Size]byte
	key *dpop.Key
}

// of returns the key in a renewal. The error is Denied.
func (p *parsedKeys) of(sealed core.Secret) (*dpop.Key, error) {
	hash := sha256.Sum256([]byte(sealed.Reveal()))
	var known []parsedKey
	if list := p.list.Load(); list != nil {
		known = *list
	}
	for i := range known {
		if known[i].of == hash {
			return known[i].key, nil
		}
	}
	key, err := dpop.ParseKey(unseal(sealed).Key)
	if err != nil {
		return nil, core.Errorf(core.Denied, "the credential holds no key for its proofs: %w", err)
	}
	next := append([]parsedKey{{hash, key}}, known[:min(len(known), maxParsed-1)]...)
	p.list.Store(&next) // an entry that is lost to a race is parsed again
	return key, nil
}
