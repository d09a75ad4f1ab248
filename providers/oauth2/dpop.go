// Tokens that are bound to a key of the session (DPoP, RFC 9449).
//
// Read on in jwks.go.

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

// checkDPoP reports, as core faults, what is wrong with the settings of DPoP.
func (c *Config) checkDPoP() error {
	if c.DPoPAlgorithm != "" && !slices.Contains(dpop.Algorithms, c.DPoPAlgorithm) {
		return core.Faultf("dpop_algorithm", "want one of %s", strings.Join(dpop.Algorithms, ", "))
	}
	return nil
}

// proofAlgorithm returns the algorithm that signs proofs.
func (c *Config) proofAlgorithm() string {
	if c.DPoPAlgorithm == "" {
		return dpop.ES256
	}
	return c.DPoPAlgorithm
}

// proofKey returns the DPoP key of a session: the one in previous, or a new one if previous has no
// key of the configured algorithm.
func (c *Config) proofKey(previous renewal) (*dpop.Key, error) {
	if !previous.Key.IsZero() {
		if key, err := dpop.ParseKey(previous.Key); err == nil && key.Algorithm() == c.proofAlgorithm() {
			return key, nil
		}
	}
	return dpop.NewKey(c.proofAlgorithm())
}

// bind adds proofs to the token requests of conn, if the settings ask for DPoP. It uses the key in
// previous or a new one; conn.credential stores that key in the renewal of the credential, so that
// the session's next call finds it. nonce is the server's last nonce.
func (conn *connection) bind(nonce *dpop.Nonce, previous renewal) error {
	c := conn.cfg
	if !c.DPoP {
		return nil
	}
	if supported := conn.meta.ProofAlgorithms; omits(supported, c.proofAlgorithm()) { // RFC 9449 §5.1
		return core.Errorf(core.CodeBadConfig,
			"the server takes DPoP proofs signed with %q, not %s: set dpop_algorithm",
			c.printable(supported), c.proofAlgorithm())
	}
	key, err := c.proofKey(previous)
	if err != nil {
		return err
	}
	conn.key, conn.client.Prover = key, dpop.Prover{Key: key, Nonce: nonce}
	return nil
}

// proofAuthorizer implements [core.Authorizer] for tokens that are bound to a key: each request
// needs a new proof.
type proofAuthorizer struct{ keys keyCache }

// Authorize returns the token and a proof for one request (RFC 9449 §7.1), with the last nonce of
// the API. The error is Denied for a credential without a token or a key, such as one from before
// dpop was set.
func (a *proofAuthorizer) Authorize(_ context.Context, c core.Credential,
	out core.Outgoing) (core.Attachment, error) {
	header := c.Attach.Header["Authorization"]
	token, ok := strings.CutPrefix(header.Reveal(), "DPoP ")
	if !ok {
		return core.Attachment{}, core.Errorf(core.CodeDenied,
			"the credential holds no DPoP token: it is from before dpop was set")
	}
	key, err := a.keys.get(c.RefreshState)
	if err != nil {
		return core.Attachment{}, err
	}
	proof, err := key.Proof(dpop.Claims{
		Method: out.Method, URL: out.URL, Token: core.NewSecret(token),
		Nonce: out.Remembered.Get(dpop.NonceHeader),
	})
	if err != nil {
		return core.Attachment{}, err
	}
	return core.Attachment{
		Header:          map[string]core.Secret{"Authorization": header, "DPoP": proof},
		RememberHeaders: []string{dpop.NonceHeader},
	}, nil
}

// maxCachedKeys is how many keys a keyCache holds. A session has one credential, and two while it
// renews.
const maxCachedKeys = 4

// keyCache holds parsed keys, newest first, so that a request does not parse the key in the renewal
// again. Invariant: a stored list is never changed; get stores a new one. The zero value
// is ready for use. It is safe for concurrent use.
type keyCache struct{ list atomic.Pointer[[]cachedKey] }

// cachedKey is a key and the hash of the sealed renewal that holds it.
type cachedKey struct {
	hash [sha256.Size]byte
	key  *dpop.Key
}

// get returns the key in a sealed renewal. The error is Denied.
func (k *keyCache) get(sealed core.Secret) (*dpop.Key, error) {
	hash := sha256.Sum256([]byte(sealed.Reveal()))
	var cached []cachedKey
	if list := k.list.Load(); list != nil {
		cached = *list
	}
	for i := range cached {
		if cached[i].hash == hash {
			return cached[i].key, nil
		}
	}
	key, err := dpop.ParseKey(unseal(sealed).Key)
	if err != nil {
		return nil, core.Errorf(core.CodeDenied, "the credential holds no key for its proofs: %w", err)
	}
	// Two goroutines may store at once; the entry that is then missing is parsed again.
	list := append([]cachedKey{{hash, key}}, cached[:min(len(cached), maxCachedKeys-1)]...)
	k.list.Store(&list)
	return key, nil
}
