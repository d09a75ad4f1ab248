// Read on in keyring.go.

package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/authsession/authsession/core"
)

// A file begins with a head that has the same form in every version:
//
//	 0   8  "authsess"
//	 8   1  the version, 1
//	 9  16  the id of the key
//	25   4  the CRC-32 of the bytes before it, big endian
//
// The head distinguishes a file of another key or of a newer version from a damaged
// one. In version 1 the rest is the value, encrypted with AES-256-GCM: a random nonce
// of 12 bytes, the ciphertext, and a tag of 16 bytes. The additional authenticated
// data are the head and the name of the credential, so that the file of one
// credential cannot replace the file of another.
const (
	magic   = "authsess"
	version = 1
	idSize  = 16
	head    = len(magic) + 1 + idSize + 4
	maxFile = head + 12 + maxValue + 16
)

// sealer encrypts with one key. It is immutable.
type sealer struct {
	id   [idSize]byte
	aead cipher.AEAD
}

const keySize = 32

// newSealer derives two independent values from a key: the key of the cipher, and
// the id.
func newSealer(key []byte) (*sealer, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("want a key of %d bytes, found %d", keySize, len(key))
	}
	derive := func(info string, size int) []byte {
		out, err := hkdf.Expand(sha256.New, key, "authsession store "+info, size)
		if err != nil {
			panic(err) // only if size is not valid
		}
		return out
	}
	block, err := aes.NewCipher(derive("encryption", 32))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{id: [idSize]byte(derive("id", idSize)), aead: aead}, nil
}

// seal returns the file of a value.
func (s *sealer) seal(name string, value core.Secret) []byte {
	out := make([]byte, 0, head+s.aead.Overhead()+len(value.Reveal()))
	out = append(out, magic...)
	out = append(out, version)
	out = append(out, s.id[:]...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out))
	return s.aead.Seal(out, nil, []byte(value.Reveal()), additionalData(out[:head], name))
}

// additionalData returns the data that the encryption authenticates besides the value.
func additionalData(head []byte, name string) []byte { return append(bytes.Clone(head), name...) }

// open returns the value of a file. If checkHead accepts the file and it has the id
// of this key, an error of open means that the file is damaged.
func (s *sealer) open(name string, file []byte) (core.Secret, error) {
	if err := checkHead(file); err != nil {
		return core.Secret{}, err
	}
	value, err := s.aead.Open(nil, nil, file[head:], additionalData(file[:head], name))
	if err != nil {
		return core.Secret{}, fmt.Errorf("%w: it was changed, or is another's", core.ErrDamaged)
	}
	return core.NewSecret(string(value)), nil
}

// checkHead checks the head of a file. The error wraps [core.ErrDamaged], or is
// [core.CodeBadConfig] for an unknown version.
func checkHead(file []byte) error {
	switch {
	case len(file) < head || string(file[:len(magic)]) != magic:
		return fmt.Errorf("%w: it is no file of a store, or was cut short", core.ErrDamaged)
	case binary.BigEndian.Uint32(file[head-4:head]) != crc32.ChecksumIEEE(file[:head-4]):
		return fmt.Errorf("%w: its first bytes were changed", core.ErrDamaged)
	case file[len(magic)] != version:
		return core.Errorf(core.CodeBadConfig, "it is of version %d, and this program knows "+
			"version %d: update the program, or delete the file", file[len(magic)], version)
	}
	return nil
}

// keyIDOf returns the id of the key of a file that checkHead has accepted.
func keyIDOf(file []byte) [idSize]byte { return [idSize]byte(file[len(magic)+1:]) }
