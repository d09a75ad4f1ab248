// Read on in watch.go.

package config

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// resolverWatch looks again at the references of the last load.
type resolverWatch struct {
	loaded *map[ownReference]ownValue // of the load that is watched
	due    map[ownReference]time.Time
	pauses map[ownReference]time.Duration // before what fails is tried again
	log    *slog.Logger                   // nil: none
}

// changed reports whether a Resolver finds another value than the load did. It
// asks only for references whose time has come, all of them at the same time.
func (w *resolverWatch) changed(
	ctx context.Context, resolvers map[string]Resolver, loaded *map[ownReference]ownValue,
	interval time.Duration,
) bool {
	if w.loaded != loaded {
		w.loaded, w.due = loaded, map[ownReference]time.Time{}
		w.pauses = map[ownReference]time.Duration{}
		for reference, value := range *loaded {
			w.plan(reference, value, interval)
		}
	}
	var mu sync.Mutex // guards found
	found := map[ownReference]ownValue{}
	var wait sync.WaitGroup
	for reference, due := range w.due {
		if !time.Now().Before(due) {
			wait.Go(func() {
				value := resolve(ctx, resolvers[reference.scheme], reference.name)
				mu.Lock()
				defer mu.Unlock()
				found[reference] = value
			})
		}
	}
	wait.Wait()
	changed := false
	for reference, value := range found {
		if value.err != nil && w.pauses[reference] == 0 && w.log != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "a reference cannot be resolved again; the sessions stay as they were",
				"scheme", reference.scheme, "error", value.err)
		}
		w.plan(reference, value, interval)
		before := (*loaded)[reference]
		if value.err == nil && (before.err != nil || value.Value.Reveal() != before.Value.Reveal()) {
			changed = true
		}
	}
	return changed
}

// plan notes when to look again: when the Resolver says, or after a pause that
// doubles if it failed.
func (w *resolverWatch) plan(reference ownReference, value ownValue, interval time.Duration) {
	delete(w.due, reference)
	if value.err != nil {
		pause := min(max(2*w.pauses[reference], interval), max(longestPause, interval))
		w.pauses[reference], w.due[reference] = pause, time.Now().Add(pause)
		return
	}
	delete(w.pauses, reference)
	if value.LookAgain > 0 {
		w.due[reference] = time.Now().Add(max(value.LookAgain, interval))
	}
}
