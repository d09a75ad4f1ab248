// Encrypted PKCS #8 (RFC 5958 §3) with PBES2 (RFC 8018 §6.2).
//
// Read on in keys.go.

package certs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/scrypt"
)

// maxIterations limits the work that a file can demand for the keys that are derived from a
// password: as many iterations of PBKDF2, or blocks of scrypt (N·r·p), take less than a second.
// OpenSSL writes 2,048 iterations, and OWASP recommends up to 1,400,000.
const (
	maxIterations   = 1_500_000
	maxScryptBlocks = 1 << 20 // of 128 bytes, which are in memory
)

const convertEncrypted = "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in client.key " +
	"-out client8.key, with OpenSSL 3 perhaps also -provider legacy -provider default"

// errWrongPassword is the error of a key that a password does not decrypt.
var errWrongPassword = errors.New("the password does not open the private key")

var errTooSlow = fmt.Errorf("demands more than %d iterations for its password; %s", maxIterations,
	convertEncrypted)

// encryptedKey is EncryptedPrivateKeyInfo.
type encryptedKey struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct{ KDF, Cipher pkix.AlgorithmIdentifier }

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int                      `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier `asn1:"optional"`
}

type scryptParams struct {
	Salt      []byte
	N, R, P   int
	KeyLength int `asn1:"optional"`
}

const (
	oidPBES2  = "1.2.840.113549.1.5.13"
	oidPBKDF2 = "1.2.840.113549.1.5.12"
	oidScrypt = "1.3.6.1.4.1.11591.4.11"
)

// hashes are the pseudo-random functions of PBKDF2, HMAC with these; "" is the default.
var hashes = map[string]func() hash.Hash{
	"": sha1.New, "1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.8": sha256.New224,
	"1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.10": sha512.New384,
	"1.2.840.113549.2.11": sha512.New, "1.2.840.113549.2.12": sha512.New512_224,
	"1.2.840.113549.2.13": sha512.New512_256,
}

// ciphers are the ciphers in CBC mode.
var ciphers = map[string]struct {
	keyLength int
	open      func(key []byte) (cipher.Block, error)
}{
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
}

var (
	errUnsupported = errors.New("the private key is encrypted in a way that is not supported; " +
		convertEncrypted)
	errDamagedKey = errors.New("the encrypted private key is damaged")
)

// decryptPKCS8 decrypts a private key. The error is errWrongPassword if the password may be at
// fault.
func decryptPKCS8(der, password []byte) ([]byte, error) {
	var k encryptedKey
	if !unmarshal(der, &k) {
		return nil, errDamagedKey
	}
	if k.Algorithm.Algorithm.String() != oidPBES2 {
		return nil, errUnsupported
	}
	var p pbes2Params
	if !unmarshal(k.Algorithm.Parameters.FullBytes, &p) {
		return nil, errDamagedKey
	}
	algorithm, ok := ciphers[p.Cipher.Algorithm.String()]
	if !ok {
		return nil, errUnsupported
	}
	derived, err := deriveKey(p.KDF, password, algorithm.keyLength)
	if err != nil {
		return nil, err
	}
	block, err := algorithm.open(derived)
	if err != nil {
		return nil, errDamagedKey
	}
	var iv []byte
	if !unmarshal(p.Cipher.Parameters.FullBytes, &iv) || len(iv) != block.BlockSize() ||
		len(k.Data) == 0 || len(k.Data)%block.BlockSize() != 0 {
		return nil, errDamagedKey
	}
	plain := make([]byte, len(k.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, k.Data)
	return unpad(plain, block.BlockSize())
}

// unpad removes the padding of CBC (RFC 8018 §6.1.1).
func unpad(plain []byte, blockSize int) ([]byte, error) {
	n := int(plain[len(plain)-1])
	if n < 1 || n > blockSize {
		return nil, errWrongPassword
	}
	for _, b := range plain[len(plain)-n:] {
		if int(b) != n {
			return nil, errWrongPassword
		}
	}
	return plain[:len(plain)-n], nil
}

// deriveKey derives the key of a cipher from a password.
func deriveKey(kdf pkix.AlgorithmIdentifier, password []byte, length int) ([]byte, error) {
	switch parameters := kdf.Parameters.FullBytes; kdf.Algorithm.String() {
	case oidPBKDF2:
		return derivePBKDF2(parameters, password, length)
	case oidScrypt:
		return deriveScrypt(parameters, password, length)
	}
	return nil, errUnsupported
}

func derivePBKDF2(parameters, password []byte, length int) ([]byte, error) {
	var p pbkdf2Params
	if !unmarshal(parameters, &p) || p.Iterations < 1 {
		return nil, errDamagedKey
	}
	hash := hashes[p.PRF.Algorithm.String()]
	switch {
	case hash == nil || p.KeyLength != 0 && p.KeyLength != length:
		return nil, errUnsupported
	case p.Iterations > maxIterations:
		return nil, errTooSlow
	}
	return pbkdf2.Key(hash, string(password), p.Salt, p.Iterations, length)
}

func deriveScrypt(parameters, password []byte, length int) ([]byte, error) {
	var p scryptParams
	if !unmarshal(parameters, &p) || min(p.N, p.R, p.P) < 1 {
		return nil, errDamagedKey
	}
	if p.R > maxScryptBlocks || p.P > maxScryptBlocks/p.R || p.N > maxScryptBlocks/(p.R*p.P) {
		return nil, errTooSlow
	}
	derived, err := scrypt.Key(password, p.Salt, p.N, p.R, p.P, length)
	if err != nil { // N is not a power of two
		return nil, errDamagedKey
	}
	return derived, nil
}

// unmarshal parses DER that ends where the value ends.
func unmarshal(der []byte, value any) bool {
	rest, err := asn1.Unmarshal(der, value)
	return err == nil && len(rest) == 0
}
