// Read on in seal.go.

package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync/atomic"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/fileaccess"
)

// keySource is the place of the key that encrypts files.
type keySource interface {
	// sealer returns a sealer with the key. With create, it creates a missing key;
	// otherwise a missing key is an error. If the key in memory does not have this
	// id, sealer reads the key again. The zero id stands for any key.
	sealer(ctx context.Context, id [idSize]byte, create bool) (*sealer, error)
	fmt.Stringer // describes the place, for errors
}

// keyFile is a key in a file.
type keyFile struct{ path string }

func (k *keyFile) String() string { return fmt.Sprintf("the key file %q", k.path) }

func (k *keyFile) sealer(ctx context.Context, _ [idSize]byte, create bool) (*sealer, error) {
	s, err := k.read()
	if s != nil || err != nil {
		return s, err
	}
	if !create {
		return nil, core.Errorf(core.CodeBadConfig,
			"%s is missing: bring it back, or delete what was encrypted with it", k)
	}
	dir := filepath.Dir(k.path)
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	file, err := lockFile(ctx, dir, k.path+".lock")
	if err != nil {
		return nil, err
	}
	defer file.unlock()
	if s, err := k.read(); s != nil || err != nil { // another process has created it
		return s, err
	}
	key := newKey()
	if err := writeFile(k.path+".tmp", key); err != nil {
		return nil, fileError(dir, err)
	}
	if err := replaceFile(dir, k.path+".tmp", k.path); err != nil {
		return nil, fileError(dir, err)
	}
	return newSealer(key)
}

// read returns nil if the file does not exist. The file may be a link, because
// Kubernetes mounts secrets as links.
func (k *keyFile) read() (*sealer, error) {
	key, info, err := readFile(filepath.Dir(k.path), k.path, maxKeyFile, openFlags&^noFollow)
	switch {
	case err != nil:
		return nil, err
	case key == nil:
		return nil, nil
	}
	if err := k.checkAccess(info); err != nil {
		return nil, err
	}
	s, err := newSealer(key)
	switch {
	case err != nil:
		return nil, core.Errorf(core.CodeBadConfig, "%s: %w: a key is %d random bytes, and no text; "+
			"without the file, one is made", k, err, keySize)
	case bytes.Count(key, []byte{0}) == keySize:
		return nil, core.Errorf(core.CodeBadConfig, "%s holds nothing but zeros, as after a crash: "+
			"bring the key back, or delete it and what was encrypted with it", k)
	}
	return s, nil
}

// maxKeyFile is how many bytes a key file may have so that the error names their number.
const maxKeyFile = 64 << 10

// checkAccess checks that the file belongs to this user or to root, and that others
// cannot read it.
func (k *keyFile) checkAccess(info fs.FileInfo) error {
	another := fileaccess.OfAnother(info)
	switch {
	case another != "":
		return core.Errorf(core.CodeBadConfig,
			"%s %s: use a key of this user's, or change the owner (chown)", k, another)
	case !fileaccess.OthersMayRead(info):
		return nil
	}
	mode := "chmod 600"
	if fileaccess.OfRoot(info) {
		mode = "it is root's: at most 0640 or 0440, with a group of this process"
	}
	return core.Errorf(core.CodeBadConfig, "others may read %s, whose mode is %04o: make a new one, "+
		"as this one may be known, or take that from them (%s)", k, info.Mode().Perm(), mode)
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails
	return key
}

// keyringKey is a key in the system's keyring. It is kept in memory after it was read.
type keyringKey struct {
	service *keyringService
	known   atomic.Pointer[sealer]
}

// keyName is the name of the key's entry in the keyring.
const keyName = "key of stored files"

func (k *keyringKey) String() string {
	return fmt.Sprintf("the keyring's service %q", k.service.name)
}

func (k *keyringKey) sealer(ctx context.Context, id [idSize]byte, create bool) (*sealer, error) {
	if s := k.known.Load(); s != nil && (id == [idSize]byte{} || id == s.id) {
		return s, nil
	}
	s, err := k.read(ctx)
	if s != nil || err != nil {
		return s, err
	}
	if !create {
		return nil, core.Errorf(core.CodeBadConfig, "%s holds no key for stored files any more: "+
			"bring it back, or delete what was encrypted with it", k)
	}
	unlock, err := k.service.lock(ctx, keyName)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if s, err := k.read(ctx); s != nil || err != nil { // another process has created it
		return s, err
	}
	if err := k.service.set(ctx, keyName, base64.StdEncoding.EncodeToString(newKey())); err != nil {
		return nil, err
	}
	if s, err = k.read(ctx); s == nil && err == nil {
		err = core.Errorf(core.CodeUnavailable, "%s did not keep the key for stored files", k)
	}
	return s, err
}

func (k *keyringKey) read(ctx context.Context) (*sealer, error) {
	text, found, err := k.service.get(ctx, keyName)
	if !found || err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig,
			"%s holds something else than a key for stored files", k)
	}
	s, err := newSealer(key)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "%s: %w", k, err)
	}
	k.known.Store(s)
	return s, nil
}
