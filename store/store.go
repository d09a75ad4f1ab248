// Package store keeps credentials beyond the end of the process: in encrypted files,
// in the system's keyring, or, for tests, in memory.
//
//	s := core.New("drive", provider, &core.Options{
//		Store: store.File(store.FileOptions{}),
//	})
//
// A session with a store reads its credential from the store when the program is
// started again, and shares it with other processes of the same user: one of them
// renews the credential, and the others read what it saved. All stores of this
// package implement [core.Store]. A program can implement another store; package
// storetest checks it.
//
// A store is for sessions only: it has one small value for each of them. It is not a
// general store of secrets.
//
// Read on in file.go. A list of stores is in first.go, and the stores for configuration
// files are in factory.go and firstfactory.go.
package store

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"github.com/authsession/authsession/core"
)

// The kinds of stores.
const (
	kindFile    = "file"
	kindKeyring = "keyring"
	kindMemory  = "memory"
	kindFirst   = "first"
)

// appName is the default name of the folder and of the keyring's service.
const appName = "authsession"

// maxValue is the largest size of a value, in bytes. A file that is larger than
// maxFile was not written by this package.
const maxValue = 1 << 20

// safeName returns a name for a file or a keyring's entry. It consists of the
// readable part of key, which may have any characters, and a hash that makes the
// name unique.
func safeName(key string) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, key[:min(len(key), 48)])
	sum := sha256.Sum256([]byte(key))
	return readable + "-" + hex.EncodeToString(sum[:16])
}

// defaultDir returns the default folder of the files. It is in the user's folder for
// settings, because caches may be deleted at any time.
func defaultDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", core.Errorf(core.CodeBadConfig,
			"this user has no folder for settings (%w): name the store's folder", err)
	}
	return filepath.Join(dir, appName, "credentials"), nil
}

// lockDir returns the folder of the lock files of keyring entries.
func lockDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", core.Errorf(core.CodeBadConfig,
			"this user has no folder for caches (%w), and the keyring's locks need one", err)
	}
	return filepath.Join(dir, appName, "locks"), nil
}
