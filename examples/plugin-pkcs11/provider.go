//go:build cgo

package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/url"
	"path/filepath"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
)

func main() { plugins.Serve(Factory) }

// Config is the settings of the kind pkcs11.
type Config struct {
	Module   string      `json:"module" required:"true" doc:"The token's PKCS #11 library: an absolute path."`
	Token    string      `json:"token" required:"true" doc:"The label of the token."`
	PIN      core.Secret `json:"pin" required:"true" doc:"The user PIN of the token."`
	Key      string      `json:"key" doc:"The label of the private key. With key_id, both must fit."`
	KeyID    string      `json:"key_id" doc:"The id of the private key, in hexadecimal."`
	Cert     string      `json:"cert" doc:"The certificate in PEM, followed by its issuers. Default: those that the token holds."`
	CertFile string      `json:"cert_file" doc:"The same as a file, in the place of cert: an absolute path."`
	CA       string      `json:"ca" doc:"The PEM certificates that the API's server is verified with. Default: the system's."`
	BaseURL  string      `json:"base_url" doc:"The address of the API, for its client (attribute base_url). The certificate is then shown to its origin only."`
}

// Factory makes providers of the kind pkcs11.
var Factory = core.NewFactory(
	core.Info{Kind: "pkcs11", Summary: "A client certificate whose key lives in a PKCS #11 token."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) {
		id, err := hex.DecodeString(cfg.KeyID)
		return &provider{cfg, id}, err
	},
)

// Validate reports what the types of the settings do not say.
func (c *Config) Validate(core.Environment) error {
	var faults []error
	add := func(bad bool, setting, problem string) {
		if bad {
			faults = append(faults, core.Faultf(setting, "%s", problem))
		}
	}
	add(!filepath.IsAbs(c.Module), "module", "want an absolute path")
	add(c.Key == "" && c.KeyID == "", "key", "missing: give key or key_id")
	_, err := hex.DecodeString(c.KeyID)
	add(err != nil, "key_id", "want hexadecimal digits")
	add(c.Cert != "" && c.CertFile != "", "cert_file", "give cert or cert_file, not both")
	add(c.CertFile != "" && !filepath.IsAbs(c.CertFile), "cert_file", "want an absolute path")
	if c.Cert != "" {
		if _, err := parse([]byte(c.Cert)); err != nil {
			add(true, "cert", err.Error())
		}
	}
	add(c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)), "ca", "want PEM certificates")
	u, err := url.Parse(c.BaseURL)
	add(
		c.BaseURL != "" &&
			(err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != ""),
		"base_url",
		"want the address of the API, such as https://api.example.com/v1",
	)
	return errors.Join(faults...)
}

// provider is one key in one token. It holds no session with the token.
type provider struct {
	Config
	id []byte // KeyID
}

// String names the key alone.
func (p *provider) String() string { return "the key " + p.name() }

// name is what errors call the key.
func (p *provider) name() string {
	if p.Key == "" {
		return p.KeyID
	}
	return p.Key
}

// Authenticate presents the certificate, once a signature has shown that the
// key belongs to it. No key is in the credential.
func (p *provider) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	return beside(ctx, p.authenticate)
}

// Sign implements [core.TLSSigner].
func (p *provider) SignDigest(ctx context.Context, req core.SignatureRequest) ([]byte, error) {
	return beside(ctx, func() ([]byte, error) {
		s, err := p.open()
		if err != nil {
			return nil, err
		}
		defer s.close()
		return s.sign(req)
	})
}

func (p *provider) authenticate() (core.Credential, error) {
	s, err := p.open()
	if err != nil {
		return core.Credential{}, err
	}
	defer s.close()
	chain, err := p.chain(s)
	if err != nil {
		return core.Credential{}, err
	}
	leaf := chain[0]
	if now := time.Now(); now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return core.Credential{}, core.Errorf(
			core.CodeBadConfig,
			"the certificate is valid from %s to %s only",
			leaf.NotBefore.Format(time.RFC3339),
			leaf.NotAfter.Format(time.RFC3339),
		)
	}
	var nonce [32]byte
	_, _ = rand.Read(nonce[:])
	sum := sha256.Sum256(nonce[:])
	signature, err := s.sign(core.SignatureRequest{Digest: sum[:], Hash: crypto.SHA256})
	if err != nil {
		return core.Credential{}, err
	}
	if !verifies(leaf.PublicKey, sum[:], signature) {
		return core.Credential{}, core.Errorf(
			core.CodeBadConfig,
			"the key %q of the token %q is not that of the certificate",
			p.name(),
			p.Token,
		)
	}
	cred := core.Credential{
		Attach:  core.Attachment{Cert: core.NewSecret(text(chain)), Roots: p.CA},
		Expiry:  leaf.NotAfter,
		Subject: leaf.Subject.CommonName,
	}
	if p.BaseURL != "" {
		u, _ := url.Parse(p.BaseURL) // Validate has
		cred.Origins = []string{u.Scheme + "://" + u.Host}
		cred.Attributes = map[string]string{"base_url": p.BaseURL}
	}
	return cred, nil
}

// beside works beside the caller, as a token may take its time and cannot be
// interrupted.
func beside[T any](ctx context.Context, work func() (T, error)) (T, error) {
	type outcome struct {
		result T
		err    error
	}
	var none T
	if ctx.Err() != nil {
		return none, core.Errorf(core.CodeUnavailable, "the token was not asked: %w", context.Cause(ctx))
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := work()
		done <- outcome{result, err}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
		return none, core.Errorf(
			core.CodeUnavailable,
			"the token did not answer in time: %w",
			context.Cause(ctx),
		)
	}
}
