// Package mtls is the provider for APIs that require a client certificate in the TLS handshake (RFC
// 8446 §4.4.2). The certificate is in files, in the settings or in PKCS #12.
//
//	provider: mtls
//	settings: {cert_file: client.pem, key_file: client.key, ca_file: api-ca.pem}
//
// The provider reads the files again every few seconds while the session is in use. New connections
// use a certificate that has been replaced; requests that are running finish on their connections.
// While only one of certificate and key has been replaced, the provider uses the old pair. A
// certificate that has expired is an error.
package mtls

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/faults"
)

// Config is the settings: certificate and key in PEM, each as a file or as text, or both in PKCS
// #12.
type Config struct {
	CertFile string `json:"cert_file" identity:"true" doc:"PEM file with the certificate, issuers, and perhaps the key."`

	Cert core.Secret `json:"cert" doc:"The same as text, in place of cert_file."`

	KeyFile string `json:"key_file" doc:"PEM file with the key. Default: cert_file."`

	Key core.Secret `json:"key" doc:"The same as text, in place of key_file."`

	KeyPassword core.Secret `json:"key_password" doc:"The password of an encrypted key in PEM."`

	CAFile string `json:"ca_file" doc:"PEM file with the roots for the API's server. Default: the system's."`

	CA core.Secret `json:"ca" doc:"The same as text, in place of ca_file."`

	P12File string `json:"p12_file" identity:"true" doc:"PKCS #12 file (.p12, .pfx), in place of cert and key."`

	P12         core.Secret `json:"p12" doc:"The same in base64, in place of p12_file."`
	P12Password core.Secret `json:"p12_password" doc:"The password of the PKCS #12. Default: empty."`

	Interval time.Duration `json:"interval" default:"10s" doc:"How often the files are read, at least 1s."`

	BaseURL string `json:"base_url" identity:"true" doc:"The API's address, whose origin alone gets the certificate."`

	Subject string `json:"subject" doc:"The owner, for logs. Default: the SPIFFE id, or the common name."`
}

// Factory makes providers of kind "mtls".
var Factory = core.NewFactory(
	core.Info{
		Kind:    "mtls",
		Summary: "A client certificate, from files that may rotate, from text or from PKCS #12.",
	},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.CodeBadConfig]. An
// Interval of zero means ten seconds. The provider is safe for concurrent use and reads its
// files at each Authenticate.
//
// A fault of a file is [core.CodeBadConfig] the first time. After a certificate was loaded
// it is [core.CodeUnavailable], as files are replaced one by one; only a certificate that
// has expired or is not yet valid stays CodeBadConfig.
func New(cfg Config) (core.Provider, error) {
	if cfg.Interval == 0 {
		cfg.Interval = 10 * time.Second
	}
	if err := faults.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	return &provider{cfg, cfg.certs()}, nil
}

// Validate reports, as core faults, what is wrong with the settings. The environment does not
// matter.
func (c *Config) Validate(core.Environment) error {
	faults := []error{c.certs().Check("")}
	add := func(setting string, err error) {
		if err != nil {
			faults = append(faults, core.Faultf(setting, "%v", err))
		}
	}
	if !c.certs().HasClient() {
		add("cert_file", errors.New("missing: give cert_file, cert, p12_file or p12"))
	}
	if c.Interval < time.Second {
		add("interval", errors.New("want at least 1s"))
	}
	add("base_url", baseurl.Check(c.BaseURL))
	return errors.Join(faults...)
}

func (c *Config) certs() certs.Config {
	return certs.Config{
		CertFile: c.CertFile, Cert: c.Cert, KeyFile: c.KeyFile, Key: c.Key, KeyPassword: c.KeyPassword,
		CAFile: c.CAFile, CA: c.CA, P12File: c.P12File, P12: c.P12, P12Password: c.P12Password,
	}
}

type provider struct {
	cfg   Config
	certs certs.Config
}

// Authenticate returns the certificate as it is now.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if err := faults.ContextEnded(ctx); err != nil {
		return core.Credential{}, err
	}
	b, err := p.certs.Load(ctx, req.Reason != core.ReasonInitial)
	if err != nil {
		return core.Credential{}, err
	}
	cred := core.Credential{
		Attach:  core.Attachment{Cert: b.Cert, Roots: b.Roots},
		Expiry:  b.Leaf.NotAfter,
		Subject: p.cfg.Subject,
	}
	if p.certs.HasFiles() {
		cred.RenewAfter = time.Now().Add(p.cfg.Interval)
	}
	if cred.Subject == "" {
		cred.Subject = subject(b.Leaf)
	}
	baseurl.Apply(&cred, p.cfg.BaseURL)
	return cred, nil
}

// maxSubject is how many characters of a name in a certificate become the subject.
const maxSubject = 200

// subject returns the name of a certificate's owner: the SPIFFE id (SPIFFE X509-SVID §2), the
// common name, or the first DNS name. What cannot be seen of it is left out.
func subject(leaf *x509.Certificate) string { return core.Printable(ownerOf(leaf), maxSubject) }

func ownerOf(leaf *x509.Certificate) string {
	for _, u := range leaf.URIs {
		if u.Scheme == "spiffe" {
			return u.String()
		}
	}
	if leaf.Subject.CommonName == "" && len(leaf.DNSNames) > 0 {
		return leaf.DNSNames[0]
	}
	return leaf.Subject.CommonName
}
