// Package etcdstore is a store of credentials in etcd, for programs on several machines
// that use the same session. It is the example of the guide "Stores of your own": copy
// it and change it. It imports etcd's client, which is why it is in the module of the
// tests.
package etcdstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/authsession/authsession/core"
)

// Config is the settings of the kind etcd.
type Config struct {
	Prefix string      `json:"prefix" default:"authsession/" doc:"What all keys begin with."`
	Key    core.Secret `json:"key" required:"true" doc:"32 bytes in base64, which encrypt the values."`
}

// Validate reports a key that is not 32 bytes in base64.
func (c *Config) Validate() error {
	if _, err := aeadOf(c.Key); err != nil {
		return core.Faultf("key", "want 32 bytes in base64, such as of: openssl rand -base64 32")
	}
	return nil
}

// Factory returns the kind etcd for config.Options.Stores. Its stores use client, which
// the program closes after the sessions.
func Factory(client *clientv3.Client) core.StoreFactory {
	return core.NewStoreFactory(
		core.StoreInfo{Kind: "etcd", Summary: "encrypted values in etcd"},
		func(_ context.Context, cfg Config) (core.Store, error) { return New(client, cfg) })
}

// New returns a store whose values are encrypted with cfg.Key (AES-GCM) before client
// sends them. It is safe for concurrent use.
func New(client *clientv3.Client, cfg Config) (core.Store, error) {
	aead, err := aeadOf(cfg.Key)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "the key of the store: %w", err)
	}
	return &etcdStore{client: client, prefix: cfg.Prefix, aead: aead}, nil
}

func aeadOf(secret core.Secret) (cipher.AEAD, error) {
	key, err := base64.StdEncoding.DecodeString(secret.Reveal())
	if err != nil || len(key) != 32 {
		return nil, errors.New("want 32 bytes in base64")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

type etcdStore struct {
	client *clientv3.Client
	prefix string
	aead   cipher.AEAD
}

// Load implements [core.Store]. A value that does not decrypt was changed, or is of
// another key: it is kept under "damaged/", where a person can look at it.
func (s *etcdStore) Load(ctx context.Context, key string) (core.Secret, error) {
	answer, err := s.client.Get(ctx, s.valueKey(key))
	if err != nil {
		return core.Secret{}, storeError("load", err)
	}
	if len(answer.Kvs) == 0 {
		return core.Secret{}, nil
	}
	kv := answer.Kvs[0]
	value, err := s.aead.Open(nil, nil, kv.Value, []byte(key))
	if err == nil {
		return core.NewSecret(string(value)), nil
	}
	isSame := clientv3.Compare(clientv3.ModRevision(s.valueKey(key)), "=", kv.ModRevision)
	_, err = s.client.Txn(ctx).If(isSame).Then(
		clientv3.OpPut(s.prefix+"damaged/"+key, string(kv.Value)),
		clientv3.OpDelete(s.valueKey(key)),
	).Commit()
	if err != nil {
		return core.Secret{}, storeError("move a damaged value away", err)
	}
	return core.Secret{}, core.Errorf(core.CodeUnavailable,
		"etcd: %w: it was changed, or is of another key", core.ErrDamaged)
}

// Save implements [core.Store].
func (s *etcdStore) Save(ctx context.Context, key string, value core.Secret) error {
	sealed := s.aead.Seal(nil, nil, []byte(value.Reveal()), []byte(key))
	_, err := s.client.Put(ctx, s.valueKey(key), string(sealed))
	return storeError("save", err)
}

// Delete implements [core.Store].
func (s *etcdStore) Delete(ctx context.Context, key string) error {
	_, err := s.client.Delete(ctx, s.valueKey(key))
	return storeError("delete", err)
}

const (
	lockLife    = 10          // seconds after which the lock of a dead process is free
	unlockLimit = time.Second // an unlock that takes longer is left to the end of the lease
)

// Lock implements [core.Store]. The lock belongs to a lease: etcd frees it if the
// process ends without an unlock.
func (s *etcdStore) Lock(ctx context.Context, key string) (unlock func(), err error) {
	lease, err := s.client.Grant(ctx, lockLife)
	if err != nil {
		return nil, storeError("lock", err)
	}
	// The lease outlasts ctx, which bounds only the waiting.
	session, err := concurrency.NewSession(s.client, concurrency.WithLease(lease.ID),
		concurrency.WithContext(context.WithoutCancel(ctx)))
	if err != nil {
		return nil, storeError("lock", err)
	}
	end := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockLimit)
		defer cancel()
		session.Orphan() // renew the lease no more
		_, _ = s.client.Revoke(ctx, lease.ID)
	})
	if err := concurrency.NewMutex(session, s.prefix+"lock/"+key).Lock(ctx); err != nil {
		end()
		return nil, storeError("lock", err)
	}
	return end, nil
}

func (s *etcdStore) valueKey(key string) string { return s.prefix + "value/" + key }

// storeError gives an error of etcd the code that the session acts on.
func storeError(action string, err error) error {
	var refused rpctypes.EtcdError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rpctypes.ErrPermissionDenied), errors.Is(err, rpctypes.ErrAuthFailed),
		errors.Is(err, rpctypes.ErrUserEmpty):
		return core.Errorf(core.CodeBadConfig, "etcd: %s: %w", action, err)
	case errors.As(err, &refused):
		return core.Errorf(core.CodeUnavailable, "etcd: %s: %s", action, refused.Error())
	}
	return core.Errorf(core.CodeUnavailable, "etcd: %s: %w", action, err)
}
