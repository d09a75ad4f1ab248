// Warnings about roots that cannot be read.
//
// Read on in load.go.

package certs

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"

	"github.com/authsession/authsession/core"
)

// maxWarned is how many different warnings are remembered, so that each is logged once although
// files are read every few seconds. Others are not logged.
const maxWarned = 1000

var warned = struct {
	sync.Mutex // guards seen
	seen       map[[sha256.Size]byte]bool
}{seen: map[[sha256.Size]byte]bool{}}

// Warn logs, once in this process, which roots cannot be read and are not used. Load does so, too;
// a provider that loads b when it is opened calls Warn with the context of a call (see
// [core.ProviderLogger]).
func (b Bundle) Warn(ctx context.Context) {
	log := core.ProviderLogger(ctx)
	if len(b.skipped) == 0 || !log.Enabled(ctx, slog.LevelWarn) {
		return
	}
	for _, why := range b.skipped {
		if isNewWarning(string(b.rootsFrom) + "\x00" + why) {
			log.WarnContext(ctx, "a root certificate is skipped",
				slog.String("from", string(b.rootsFrom)), slog.String("reason", why))
		}
	}
}

func isNewWarning(text string) bool {
	warned.Lock()
	defer warned.Unlock()
	id := sha256.Sum256([]byte(text))
	if warned.seen[id] || len(warned.seen) >= maxWarned {
		return false
	}
	warned.seen[id] = true
	return true
}
