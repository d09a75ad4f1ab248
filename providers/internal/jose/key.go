// Private keys in files and settings. This is the last file.

package jose

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/internal/pemfile"
	"github.com/authsession/authsession/internal/textfile"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/files"
)

// KeyConfig says where a private key is, and how it signs. The zero KeyConfig is no key. A provider
// converts its own settings, which have the same fields, to a KeyConfig.
type KeyConfig struct {
	// The private key: PEM (PKCS #8, PKCS #1, SEC 1), JWK, JWK Set or PKCS #12. Read again each time.
	File     string
	Text     core.Secret // The same as text, PKCS #12 in base64, in the place of file.
	Password core.Secret // What opens the PKCS #12 or the encrypted PEM key.
	// The key's id (kid) at the server, which also chooses from a JWK Set. Default: the kid of the
	// JWK; none otherwise.
	ID string
	// How it signs. Default: the alg of the JWK, or what fits the key (RS256, EdDSA, the curve's).
	Algorithm string
}

// IsZero reports whether c is the zero KeyConfig.
func (c KeyConfig) IsZero() bool { return c == KeyConfig{} }

// Check reports, as core faults, settings that exclude each other and a Text that is not a usable
// key. It reads no file. at is the path of c in the provider's settings.
func (c KeyConfig) Check(at string) error {
	switch {
	case c.File != "" && !c.Text.IsZero():
		return core.Faultf(at, "give either text or file")
	case c.File == "" && c.Text.IsZero():
		return core.Faultf(at, "has neither file nor text")
	case c.File != "":
		return nil
	}
	if _, err := c.parse([]byte(c.Text.Reveal())); err != nil {
		return core.Faultf(at+".text", "%v", core.Cause(err))
	}
	return nil
}

// Load reads the key. The error is [core.CodeBadConfig] if c names no usable key. It is
// [core.Error.Local] and does not contain the key. Load is safe for concurrent use.
func (c KeyConfig) Load(ctx context.Context) (*Signer, error) {
	from, data := "the key", []byte(c.Text.Reveal())
	if c.File != "" {
		from = fmt.Sprintf("file %q", c.File)
		var err error
		if data, err = files.Read(ctx, c.File); err != nil {
			return nil, err
		}
	}
	s, err := c.parse(data)
	if err != nil {
		return nil, core.LocalErrorf(core.CodeBadConfig, "%s: %w", from, core.Cause(err))
	}
	return s, nil
}

// parse returns the signer of the key in a file or a setting.
func (c KeyConfig) parse(data []byte) (*Signer, error) {
	if len(data) > files.Limit {
		return nil, fmt.Errorf("is larger than %d KiB", files.Limit>>10)
	}
	data, err := keyText(data)
	if err != nil {
		return nil, err
	}
	if text := bytes.TrimSpace(data); len(text) > 0 && text[0] == '{' {
		key, cert, id, algorithm, err := parseJWK(text, c.ID)
		switch {
		case err != nil:
			return nil, err
		case !c.Password.IsZero():
			return nil, errors.New("is a JWK, which needs no password")
		case c.Algorithm != "" && algorithm != "" && c.Algorithm != algorithm:
			return nil, fmt.Errorf("the JWK is for %.20q and the setting says %s", algorithm, c.Algorithm)
		}
		return newKeySigner(key, cert, cmp.Or(c.ID, id), cmp.Or(c.Algorithm, algorithm))
	}
	key, cert, err := certs.ParseKey(data, certs.Password{Text: c.Password, Setting: "password"})
	if err != nil {
		return nil, err
	}
	return newKeySigner(key, cert, c.ID, c.Algorithm)
}

// keyText returns data without a byte order mark, and what it is the base64 of.
func keyText(data []byte) ([]byte, error) {
	if decoded, ok := pemfile.DecodeBase64(data); ok && pemfile.Recognize(data) == (pemfile.Format{}) {
		data = decoded
	}
	const der = 0x30 // PKCS #12 begins with it, and also a text that begins with the digit 0
	if len(data) > 0 && data[0] == der {
		return data, nil
	}
	return textfile.Text(data)
}

// parseJWK parses a private key for signatures: a JWK (RFC 7517 §4), or the key with an id in a JWK
// Set (§5).
func parseJWK(text []byte, id string) (key crypto.Signer, cert *x509.Certificate, kid,
	algorithm string, err error) {
	text, err = findJWK(text, id)
	if err != nil {
		return nil, nil, "", "", err
	}
	object, _ := members.Read(text) // findJWK has read it
	jwk, ok := parseKeyParts(object)
	if !ok {
		return nil, nil, "", "",
			errors.New("is not a JWK of a kind that is known, or its parts do not belong together")
	}
	switch private := jwk.Key.(type) {
	case []byte:
		err = errors.New("is a symmetric JWK (oct); want a private key")
	case *ecdsa.PrivateKey:
		if !halvesMatch(private) {
			err = errors.New("the halves of the JWK do not belong together")
		}
		key = private
	case *rsa.PrivateKey:
		private.Precompute()
		key = private
	case crypto.Signer:
		key = private
	default:
		err = errors.New("is a public JWK; want the private key")
	}
	switch {
	case err != nil:
	case jwk.Use != "" && jwk.Use != "sig":
		err = errors.New(`the JWK is not for signatures: its use is not "sig"`)
	case object.Has("key_ops") && !slices.Contains(object.List("key_ops"), "sign"):
		err = errors.New(`the JWK is not for signatures: its key_ops lack "sign"`)
	}
	if err != nil {
		return nil, nil, "", "", err
	}
	if len(jwk.Certificates) > 0 {
		cert = jwk.Certificates[0]
	}
	return key, cert, jwk.KeyID, jwk.Algorithm, nil
}

// parseKeyParts parses a JWK. A certificate beside the key that cannot be read, or is of another
// key, is left out.
func parseKeyParts(object members.Object) (jose.JSONWebKey, bool) {
	for _, left := range [][]string{nil, {"x5c", "x5t", "x5t#S256", "x5u"}} {
		for _, name := range left {
			delete(object, name)
		}
		text, err := json.Marshal(object)
		var jwk jose.JSONWebKey
		if err == nil && jwk.UnmarshalJSON(text) == nil {
			return jwk, true
		}
	}
	return jose.JSONWebKey{}, false
}

// findJWK returns text if it is a JWK, and the key with an id if it is a JWK Set.
func findJWK(text []byte, id string) ([]byte, error) {
	object, err := members.Read(text)
	if err != nil {
		return nil, errors.New("is not valid JSON")
	}
	if !object.Has("keys") {
		return text, nil
	}
	set := object.Raw("keys")
	if set == nil {
		return nil, errors.New("is not a JWK Set (RFC 7517 §5)")
	}
	if id == "" {
		return nil, errors.New("is a JWK Set: give the id of the key")
	}
	var found []byte
	for _, raw := range set {
		if key, err := members.Read(raw); err != nil || key.Text("kid") != id {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("has more than one key with the id %.100q", id)
		}
		found = raw
	}
	if found == nil {
		return nil, fmt.Errorf("has no key with the id %.100q", id)
	}
	return found, nil
}

// halvesMatch reports whether the public key is that of the private key. go-jose does not check
// this.
func halvesMatch(k *ecdsa.PrivateKey) bool {
	private, err := k.ECDH()
	if err != nil {
		return false
	}
	public, err := k.PublicKey.ECDH()
	return err == nil && private.PublicKey().Equal(public)
}
