// Package store keeps credentials beyond the process: in encrypted files, in
// the system's keyring, or, for tests, in memory.
//
//	s := core.New("drive", provider, &core.Options{
//		Store: store.File(store.FileOptions{}),
//	})
//
// A session with a store takes its credential from there, also when the
// program is started again, and shares it with other processes of the same
// user: of all of them one renews, and the others take what it saved. All
// stores here are [core.Store] values. Programs may bring their own; package
// storetest checks them.
//
// It is not a general store of secrets: it holds one small value for each
// session, which only sessions read.
//
// Read on in file.go; factory.go makes the stores for configurations.
package store

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"

	"github.com/authsession/authsession/core"
)

// app names the folder and the keyring service that are ours by default.
const appName = "authsession"

// maxValue is how large a value may be, in bytes. A file that is larger than
// one with such a value was not written here.
const maxValue = 1 << 20

// nameOf makes a name for files and keyrings of a key, which may hold anything:
// what is readable of it, and a hash that tells it from all others.
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

// defaultDir is where files are kept: in the user's folder for settings, which
// outlives a clean-up of caches.
func defaultDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", core.Errorf(core.BadConfig, "this user has no folder for settings (%w): name the store's folder", err)
	}
	return filepath.Join(dir, appName, "credentials"), nil
}

// lockDir is where the locks of what is no file are kept.
func lockDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", core.Errorf(core.BadConfig, "this user has no folder for caches (%w), and the keyring's locks need one", err)
	}
	return filepath.Join(dir, appName, "locks"), nil
}
