//go:build cgo

package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
)

func main() { plugins.Serve(Factory) }

// Config is the settings of the kind pkcs11.
type Config struct {
	Module string      `json:"module" required:"true" doc:"The token's PKCS #11 library: an absolute path."`
	Token  string      `json:"token" required:"true" doc:"The label of the token."`
	PIN    core.Secret `json:"pin" required:"true" doc:"The user PIN of the token."`
	Key    string      `json:"key" required:"true" doc:"The label of the private key."`
	Cert   string      `json:"cert" required:"true" doc:"The certificate in PEM, followed by its issuers."`
	CA     string      `json:"ca" doc:"The PEM certificates that the API's server is verified with. Default: the system's."`
}

// Factory makes providers of the kind pkcs11.
var Factory = core.NewFactory(core.Info{Kind: "pkcs11", Summary: "A client certificate whose key lives in a PKCS #11 token."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) {
		leaf, err := leafOf(cfg.Cert)
		if err != nil {
			return nil, err
		}
		return &provider{cfg, leaf}, nil
	})

// Validate reports what the types of the settings do not say.
func (c *Config) Validate(core.Environment) error {
	if !filepath.IsAbs(c.Module) {
		return core.Faultf("module", "want an absolute path")
	}
	if _, err := leafOf(c.Cert); err != nil {
		return err
	}
	if c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)) {
		return core.Faultf("ca", "want PEM certificates")
	}
	return nil
}

func leafOf(chain string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(chain))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, core.Faultf("cert", "want a certificate in PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, core.Faultf("cert", "the first certificate cannot be read")
	}
	return leaf, nil
}

// provider is one key in one token. It holds no session with the token.
type provider struct {
	Config
	leaf *x509.Certificate
}

// String names the key alone.
func (p *provider) String() string { return "the key " + p.Key }

// Authenticate presents the certificate, once a signature has shown that the
// key belongs to it.
func (p *provider) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	var nonce [32]byte
	_, _ = rand.Read(nonce[:])
	sum := sha256.Sum256(nonce[:])
	signature, err := p.sign(ctx, core.SignRequest{Digest: sum[:], Hash: crypto.SHA256})
	if err != nil {
		return core.Credential{}, err
	}
	if !verifies(p.leaf.PublicKey, sum[:], signature) {
		return core.Credential{}, core.Errorf(core.BadConfig, "the key %q of the token %q is not that of the certificate", p.Key, p.Token)
	}
	return core.Credential{
		Attach:  core.Attachment{Cert: core.NewSecret(p.Cert), Roots: p.CA},
		Expiry:  p.leaf.NotAfter,
		Subject: p.leaf.Subject.CommonName,
	}, nil
}

// Sign implements [core.Signer].
func (p *provider) Sign(ctx context.Context, req core.SignRequest) ([]byte, error) {
	return p.sign(ctx, req)
}

// sign works beside the caller, as a token may take its time and cannot be
// interrupted.
func (p *provider) sign(ctx context.Context, req core.SignRequest) ([]byte, error) {
	type outcome struct {
		signature []byte
		err       error
	}
	if ctx.Err() != nil {
		return nil, core.Errorf(core.Unavailable, "the token was not asked: %w", context.Cause(ctx))
	}
	done := make(chan outcome, 1)
	go func() {
		signature, err := p.signNow(req)
		done <- outcome{signature, err}
	}()
	select {
	case o := <-done:
		return o.signature, o.err
	case <-ctx.Done():
		return nil, core.Errorf(core.Unavailable, "the token did not answer in time: %w", context.Cause(ctx))
	}
}
