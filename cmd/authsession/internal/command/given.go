package command

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// given remembers which token a process was given, so that its second call can be
// told from the first. It is a file in the user's cache; only a hash of the token is
// in it. If it cannot be read or written, every call counts as the first one.
type given struct {
	path   string // empty: there is nothing to go by
	record givenRecord
}

type givenRecord struct {
	Process string `json:"process"` // the process and when it started
	Token   string `json:"token"`   // a SHA-256 hash
}

// givenTo returns what the process that runs this one was given of a session for
// a cluster.
func (a *app) givenTo(session, cluster string) *given {
	process := parentProcess()
	cache, err := os.UserCacheDir()
	if err != nil || process == "" {
		return &given{}
	}
	files, err := a.absolute()
	if err != nil {
		return &given{}
	}
	id := strings.Join(append(files, session, cluster, process), "\x00")
	name := sha256.Sum256([]byte(id))
	g := &given{path: filepath.Join(cache, "authsession", "kubectl", hex.EncodeToString(name[:]))}
	text, err := os.ReadFile(g.path)
	if err != nil || json.Unmarshal(text, &g.record) != nil || g.record.Process != process {
		g.record = givenRecord{Process: process}
	}
	return g
}

func hashOf(token core.Secret) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return hex.EncodeToString(sum[:])
}

// holds reports whether the process was given this token before.
func (g *given) holds(token core.Secret) bool {
	return g.path != "" && g.record.Token == hashOf(token)
}

// save remembers that the process was given a token, and forgets what processes of
// an earlier day were given.
func (g *given) save(token core.Secret) {
	if g.path == "" {
		return
	}
	g.record.Token = hashOf(token)
	text, err := json.Marshal(g.record)
	dir := filepath.Dir(g.path)
	if err != nil || os.MkdirAll(dir, 0o700) != nil {
		return
	}
	forgetBefore(dir, time.Now().Add(-24*time.Hour))
	temporary, err := os.CreateTemp(dir, "new-") // for its owner alone
	if err != nil {
		return
	}
	_, err = temporary.Write(text)
	if e := temporary.Close(); err == nil && e == nil {
		err = os.Rename(temporary.Name(), g.path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
}

// forgetBefore removes the files of a folder that are older than a time.
func forgetBefore(dir string, t time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().Before(t) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// parentProcess names the process that runs this one, so that no later process has
// the same name; "" if the system does not say when it started.
func parentProcess() string {
	pid := os.Getppid()
	started := startOf(pid)
	if started == "" {
		return ""
	}
	return strconv.Itoa(pid) + " " + started
}
