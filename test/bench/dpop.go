package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
)

func dpopRows() ([]row, func()) {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token": %q, "token_type": "DPoP", "expires_in": 3600}`, kilobyte)
	}))
	through := func(s *core.Session) func(b *testing.B) {
		rt, req := s.Transport(noop{newResponse()}), newRequest()
		return single(func() error { _, err := rt.RoundTrip(req); return err })
	}
	subs := []contender{{"authsession, bearer token", limit, through(ready(kilobyte))}}
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256", "PS256"} {
		subs = append(subs, contender{"authsession, DPoP with " + algorithm, ours,
			through(bound(login.URL, algorithm))})
	}
	return []row{{
		title: "Authorise one request with a proof of possession (DPoP, RFC 9449)",
		text: "As above, with a proof for each request. The peers are go-jose, asked for the proof " +
			"alone, with its key " +
			"ready; the limits are a request with a bearer token, and the signatures alone.",
		unit: time.Microsecond,
		subs: append(append(subs, joseProofs()...), signatures()...),
	}}, login.Close
}

// bound returns an initialised session whose requests carry proofs.
func bound(tokenURL, algorithm string) *core.Session {
	provider, err := oauth2.Factory.Open(context.Background(), "", map[string]any{
		"token_url": tokenURL, "client_id": "bench", "client_secret": "bench", "dpop": true,
		"dpop_algorithm": algorithm,
	})
	must(err)
	s := core.New("bench", provider, nil)
	must(s.Init(context.Background()))
	return s
}

// joseProofs are proofs as a program makes them with a library for JWTs.
func joseProofs() []contender {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	var subs []contender
	for _, k := range []jose.SigningKey{{Algorithm: jose.ES256, Key: ec},
		{Algorithm: jose.EdDSA, Key: ed}} {
		signer, err := jose.NewSigner(
			jose.SigningKey{Algorithm: k.Algorithm, Key: jose.JSONWebKey{Key: k.Key}},
			(&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"),
		)
		must(err)
		subs = append(subs, contender{"go-jose, the proof alone, " + string(k.Algorithm), peer,
			single(func() error {
				hash := sha256.Sum256([]byte(kilobyte))
				payload, err := json.Marshal(map[string]any{
					"jti": rand.Text(), "htm": http.MethodGet, "htu": apiURL, "iat": time.Now().Unix(),
					"ath": base64.RawURLEncoding.EncodeToString(hash[:]),
				})
				if err != nil {
					return err
				}
				proof, err := signer.Sign(payload)
				if err != nil {
					return err
				}
				_, err = proof.CompactSerialize()
				return err
			})})
	}
	return subs
}

// signatures are what a proof cannot do without.
func signatures() []contender {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	message := make([]byte, 400)
	digest := sha256.Sum256(message)
	sign := func(key crypto.Signer, what []byte, hash crypto.Hash) func(b *testing.B) {
		return single(func() error { _, err := key.Sign(rand.Reader, what, hash); return err })
	}
	return []contender{
		{"limit: the signature, ES256", limit, sign(ec, digest[:], crypto.SHA256)},
		{"limit: the signature, EdDSA", limit, sign(ed, message, 0)},
		{"limit: the signature, RS256", limit, sign(rs, digest[:], crypto.SHA256)},
	}
}
