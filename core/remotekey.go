// Read on in prepare.go.

package core

import (
	"context"
	"crypto"
	"crypto/rsa"
	"io"
	"sync/atomic"
	"time"
)

// remoteKey is a private key that stays with its provider.
type remoteKey struct {
	signer  TLSSigner
	public  crypto.PublicKey
	cred    atomic.Pointer[Credential] // the latest with this certificate
	timeout time.Duration
}

// Public implements [crypto.Signer].
func (k *remoteKey) Public() crypto.PublicKey { return k.public }

// Sign implements [crypto.Signer].
func (k *remoteKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	req := SignatureRequest{Credential: *k.cred.Load(), Digest: digest, Hash: opts.HashFunc()}
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		req.PSSSalt = pss.SaltLength
		if req.PSSSalt == rsa.PSSSaltLengthEqualsHash || req.PSSSalt == rsa.PSSSaltLengthAuto {
			req.PSSSalt = opts.HashFunc().Size()
		}
	}
	var signature []byte
	err := callWithin(context.Background(), k.timeout, func(ctx context.Context) (err error) {
		signature, err = k.signer.SignDigest(ctx, req)
		return err
	})
	if err != nil {
		return nil, annotateError(err, "", "", "sign")
	}
	return signature, nil
}
