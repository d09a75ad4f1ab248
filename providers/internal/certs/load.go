// How the files and texts of a Config are loaded. This is the last file.

package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/pemfile"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/authsession/authsession/providers/internal/files"
)

// A certificate and a key that do not match are read again: another process may have replaced one
// file after the other while they were read.
const (
	maxReads  = 3
	readPause = 50 * time.Millisecond
)

// Load reads what c names, with the limits of files.Read.
//
// The error is [core.CodeBadConfig] if something is missing, unreadable, encrypted, expired
// or not yet valid, or if certificate and key do not match. It names the file and does not
// contain its content. With rotating, the files were loaded before and another process
// replaces them: then a fault of a file is [core.CodeUnavailable], as the other process may
// be between two writes; only a certificate that is expired or not yet valid stays
// CodeBadConfig. Errors about files and certificates are [core.Error.Local].
//
// Load waits at most some 100 ms, for a certificate and a key in files to match, and stops waiting
// when ctx ends. It is safe for concurrent use.
func (c Config) Load(ctx context.Context, rotating bool) (Bundle, error) {
	b, err := c.load(ctx)
	for n := 1; n < maxReads && errors.Is(err, errMismatch) && c.HasFiles(); n++ {
		select {
		case <-ctx.Done():
			return Bundle{}, core.LocalErrorf(core.CodeUnavailable, "%w; %w", core.Cause(err),
				context.Cause(ctx))
		case <-time.After(readPause):
		}
		b, err = c.load(ctx)
	}
	var outOfTime *validityError
	if err != nil && rotating && c.HasFiles() && !errors.As(err, &outOfTime) {
		return Bundle{}, files.Unavailable(err)
	}
	return b, err
}

func (c Config) load(ctx context.Context) (b Bundle, err error) {
	if err := faults.BadConfig(c.Check("")); err != nil {
		return b, err
	}
	b.renegotiation = c.Renegotiation
	if c.CAFile != "" || !c.CA.IsZero() {
		src, data, err := readPart(ctx, "ca", c.CAFile, c.CA)
		if err != nil {
			return b, err
		}
		roots, err := pemfile.ReadRoots(data)
		if err != nil {
			return Bundle{}, src.wrap(err)
		}
		b.Roots, b.rootsFrom, b.skipped = roots.PEM, src, roots.Skipped
		b.Warn(ctx)
	}
	var pair identity
	switch {
	case c.hasP12():
		pair, err = c.loadP12(ctx)
	case c.hasPEM():
		pair, err = c.loadPEM(ctx)
	default:
		return b, nil
	}
	if err != nil {
		return Bundle{}, err
	}
	if b.Cert, err = pair.encode(); err != nil {
		return Bundle{}, err
	}
	b.Leaf = pair.chain[0]
	return b, nil
}

func (c Config) loadPEM(ctx context.Context) (identity, error) {
	src, data, err := readPart(ctx, "cert", c.CertFile, c.Cert)
	if err != nil {
		return identity{}, err
	}
	cert, err := parsePEM(data)
	if err == nil {
		err = cert.requireCert()
	}
	if err != nil {
		return identity{}, src.wrap(err)
	}
	var k key
	keySrc := src
	if c.KeyFile == "" && c.Key.IsZero() {
		k, err = cert.ownKey(c.keyPassword())
	} else {
		if keySrc, data, err = readPart(ctx, "key", c.KeyFile, c.Key); err != nil {
			return identity{}, err
		}
		k, err = c.keyOf(data)
	}
	if err != nil {
		return identity{}, keySrc.wrap(err)
	}
	now := time.Now()
	chain, err := cert.chain(k, now)
	switch {
	case errors.Is(err, errMismatch):
		return identity{}, core.LocalErrorf(core.CodeBadConfig, "%s and %s: %w", src, keySrc, err)
	case err != nil:
		return identity{}, src.wrap(err)
	}
	return identity{src, chain, k}, src.wrap(checkValidity(chain[0], now))
}

func (c Config) loadP12(ctx context.Context) (identity, error) {
	src := originOf("p12", c.P12File)
	var data []byte
	var err error
	if c.P12File != "" {
		data, err = files.Read(ctx, c.P12File)
	} else {
		data, err = decodeBase64(c.P12)
	}
	if err == nil && c.P12File != "" {
		data, err = binaryPKCS12(data)
		err = src.wrap(err)
	}
	if err != nil {
		return identity{}, err
	}
	private, leaf, issuers, err := decodePKCS12(data, c.P12Password)
	if err != nil {
		return identity{}, src.wrap(err)
	}
	key, err := newKey(private)
	if err != nil {
		return identity{}, src.wrap(err)
	}
	now := time.Now()
	chain, err := orderChain(append([]*x509.Certificate{leaf}, issuers...), key, now)
	if err == nil {
		err = checkValidity(chain[0], now)
	}
	return identity{src, chain, key}, src.wrap(err)
}

// TLSConfig returns a new configuration for a provider's own requests, with what c names. Arguments
// and errors are those of [Config.Load].
func (c Config) TLSConfig(ctx context.Context, rotating bool) (*tls.Config, error) {
	b, err := c.Load(ctx, rotating)
	if err != nil {
		return nil, err
	}
	return b.TLSConfig()
}
