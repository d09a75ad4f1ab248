// The nonces of servers. This is the last file.

package dpop

import (
	"net/http"
	"sync/atomic"

	"github.com/authsession/authsession/core"
)

// maxNonce is the size of the longest nonce in bytes. Every proof contains the nonce.
const maxNonce = 1 << 10

// NonceHeader is the header with a server's nonce (RFC 9449 §8), as http.Header spells it.
const NonceHeader = "Dpop-Nonce"

// ValidNonce reports whether s can be a nonce: visible ASCII without quotation mark and backslash
// (NQCHAR, RFC 9449 §8.1), at most 1 KiB.
func ValidNonce(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < '!' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= maxNonce
}

// Nonce holds the last nonce of one server, in memory. The zero Nonce is ready for use. It is safe
// for concurrent use; of two answers at once, either may be the last.
type Nonce struct{ latest atomic.Pointer[string] }

// Latest returns the last nonce; "" if there was none.
func (n *Nonce) Latest() string {
	if s := n.latest.Load(); s != nil {
		return *s
	}
	return ""
}

// Learn stores and returns the nonce in the header of an answer with any status. It returns "" if
// there is none, or one that is not valid.
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

// Prover makes the proofs of token requests (RFC 9449 §5) with Key and the last nonce in Nonce. It
// is safe for concurrent use.
type Prover struct {
	Key   *Key
	Nonce *Nonce
}

// Proof returns the proof for a POST to endpoint.
func (p Prover) Proof(endpoint string) (core.Secret, error) {
	return p.Key.Proof(Claims{Method: http.MethodPost, URL: endpoint, Nonce: p.Nonce.Latest()})
}

// Learn stores the nonce in the header of an answer.
func (p Prover) Learn(h http.Header) { p.Nonce.Learn(h) }
