package providertest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"reflect"

	"github.com/authsession/authsession/core"
)

// This file checks the optional interfaces. The proxy of a provider in another process
// implements all of them, so that an error which wraps errors.ErrUnsupported also means
// that the ability is absent.

func isUnsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// authorizes reports whether the attachments of p's credentials depend on the
// request. The check ability/authorize looks at other errors of Authorize.
func (r *run) authorizes(p core.Provider, cred core.Credential) bool {
	authorizer, ok := p.(core.Authorizer)
	if !ok {
		return false
	}
	_, err := r.call(r.ctx, func(ctx context.Context) error {
		_, err := authorizer.Authorize(ctx, cred,
			withBody(core.Outgoing{Method: http.MethodGet, URL: "https://api.example.com/",
				Header: http.Header{}}, cred.Body, nil))
		return err
	})
	return !isUnsupported(err)
}

func revoke(r *run) {
	st, p, cred, ok := r.obtain()
	if !ok {
		return
	}
	revoker, ok := p.(core.Revoker)
	if !ok {
		r.skipped = "the provider is not a core.Revoker"
		return
	}
	back, _ := copyCredential(cred)
	before := toPlain(back)
	_, err := r.call(r.ctx, func(ctx context.Context) error { return revoker.Revoke(ctx, back) })
	if isUnsupported(err) {
		r.skipped = "Revoke is not supported"
		return
	}
	if err != nil {
		r.errorf("Revoke with a good server: %w", err)
	}
	if !reflect.DeepEqual(before, toPlain(back)) {
		r.errorf("Revoke has written to the credential")
	}
	_, err = r.call(r.ctx, func(ctx context.Context) error {
		return revoker.Revoke(ctx, core.Credential{})
	})
	if errors.Is(err, errStuck) {
		r.errorf("Revoke of the zero credential did not return")
	}
	if r.Good == nil || r.Endpoint != "" {
		return // the server stays good at the path of the revocation
	}
	st.misbehave(r.hangs()["that does not answer"])
	ctx, cancel := context.WithTimeout(r.ctx, shortTimeout)
	defer cancel()
	late, err := r.call(ctx, func(ctx context.Context) error { return revoker.Revoke(ctx, back) })
	if errors.Is(err, errStuck) || late > maxDelay {
		r.errorf("Revoke was not back %v after the end of its context", maxDelay)
	}
}

func authorize(r *run) {
	_, p, cred, ok := r.obtain()
	if !ok {
		return
	}
	authorizer, ok := p.(core.Authorizer)
	if !ok {
		r.skipped = "the provider is not a core.Authorizer"
		return
	}
	back, _ := copyCredential(cred)
	for _, out := range []core.Outgoing{
		withBody(core.Outgoing{Method: http.MethodGet, URL: "https://api.example.com/v1/items?q=a%20b",
			Header: http.Header{"Accept": {"*/*"}}}, back.Body, nil),
		withBody(core.Outgoing{Method: http.MethodPost, URL: "https://api.example.com/v1/items",
			Header: http.Header{}}, back.Body, []byte("{}")),
	} {
		before := out.Header.Clone()
		var a core.Attachment
		_, err := r.call(r.ctx, func(ctx context.Context) (err error) {
			a, err = authorizer.Authorize(ctx, back, out)
			return err
		})
		switch {
		case isUnsupported(err):
			r.skipped = "Authorize is not supported"
			return
		case err != nil:
			r.errorf("Authorize for %s: %w", out.Method, err)
			return
		case isEmpty(a) && len(a.RememberHeaders) == 0:
			r.errorf("Authorize for %s attaches nothing", out.Method)
		case !maps.EqualFunc(before, out.Header,
			func(a, b []string) bool { return reflect.DeepEqual(a, b) }):
			r.errorf("Authorize has written to Outgoing.Header")
		}
		r.checkAttachment("the authorized request's ", a)
	}
}

func sign(r *run) {
	_, p, cred, ok := r.obtain()
	if !ok {
		return
	}
	signer, ok := p.(core.TLSSigner)
	if !ok {
		r.skipped = "the provider is not a core.TLSSigner"
		return
	}
	back, _ := copyCredential(cred)
	digest := sha256.Sum256([]byte("providertest"))
	req := core.SignatureRequest{Credential: back, Digest: digest[:], Hash: crypto.SHA256}
	public, hasKey := certificate(back)
	if _, ok := public.(ed25519.PublicKey); ok {
		req.Hash, req.Digest = 0, []byte("providertest")
	}
	var signature []byte
	_, err := r.call(r.ctx, func(ctx context.Context) (err error) {
		signature, err = signer.SignDigest(ctx, req)
		return err
	})
	switch {
	case isUnsupported(err):
		r.skipped = "SignDigest is not supported"
	case public == nil || hasKey:
		r.skipped = "the credential has no certificate without a key, so no session asks for signatures"
	case err != nil:
		r.errorf("SignDigest: %w", err)
	case !verifies(public, req, signature):
		r.errorf("the signature does not fit the certificate's public key")
	}
}

// certificate returns the leaf's public key and whether the private one is there.
func certificate(c core.Credential) (public crypto.PublicKey, hasKey bool) {
	rest := []byte(c.Attach.Cert.Reveal())
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			hasKey = true
		} else if leaf, err := x509.ParseCertificate(block.Bytes); err == nil && public == nil {
			public = leaf.PublicKey
		}
	}
	return public, hasKey
}

func verifies(public crypto.PublicKey, req core.SignatureRequest, signature []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, req.Digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, req.Hash, req.Digest, signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, req.Digest, signature)
	}
	return false
}
