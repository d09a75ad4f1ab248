package dpop

import (
	"net/http"
	"sync/atomic"

	"github.com/authsession/authsession/core"
)

// maxNonce bounds a nonce in bytes: every proof repeats it.
const maxNonce = 1 << 10

// NonceHeader is where a server says the nonce that it wants to see (RFC 9449
// §8), as http.Header spells it.
const NonceHeader = "Dpop-Nonce"

// ValidNonce reports whether s may be a nonce: visible ASCII without quotation
// mark and backslash (NQCHAR, RFC 9449 §8.1), and at most 1 KiB of it.
func ValidNonce(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= maxNonce
}

// Nonce remembers the latest nonce of one server, in memory. The zero Nonce is
// ready. It is safe for concurrent use; the last answer wins.
type Nonce struct{ latest atomic.Pointer[string] }

// Latest returns what the server said last; "" if nothing.
func (n *Nonce) Latest() string {
	if s := n.latest.Load(); s != nil {
		return *s
	}
	return ""
}

// Learn takes the nonce of an answer, whatever its status, and returns it; ""
// for none, and for what is no nonce.
func (n *Nonce) Learn(h http.Header) string {
	s := h.Get(NonceHeader)
	if !ValidNonce(s) {
		return ""
	}
	if s != n.Latest() {
		n.latest.Store(&s)
	}
	return s
}

// Prover makes the proofs of token requests (RFC 9449 §5) with one key, and
// the nonce that their server said last. It is safe for concurrent use.
type Prover struct {
	Key   *Key
	Nonce *Nonce
}

// Proof returns the proof for a POST to endpoint.
func (p Prover) Proof(endpoint string) (core.Secret, error) {
	return p.Key.Proof(Claims{Method: http.MethodPost, URL: endpoint, Nonce: p.Nonce.Latest()})
}

// Learn takes the nonce of an answer.
func (p Prover) Learn(h http.Header) { p.Nonce.Learn(h) }
