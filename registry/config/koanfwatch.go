// Read on in resolverwatch.go.

package config

import (
	"context"
	"log/slog"
	"reflect"
	"slices"
	"time"
)

// longestPause bounds the time between two readings of a source that fails, and
// of one whose Watch reported an error.
const longestPause = time.Minute

// watchable is a koanf Provider that tells of changes. The Providers of koanf
// that cannot do so return an error.
type watchable interface {
	Watch(callback func(event any, err error)) error
}

// unwatchable is a Provider whose Watch can be ended.
type unwatchable interface{ Unwatch() error }

// sourceWatch watches one source for one [Config.Watch].
type sourceWatch struct {
	source  *KoanfSource
	events  chan error // nil: a change; at most one is kept
	polled  bool       // its Watch reported an error, so that it is read regularly
	due     time.Time  // when it is read without an event; zero: it is not
	pause   time.Duration
	before  map[string]any // the last reading, if it differs from the load
	pending bool           // before is set
	log     *slog.Logger   // nil: none
}

// watch starts the Provider's Watch unless it runs, and returns the watch with a
// function that ends it.
func (s *KoanfSource) watch(log *slog.Logger) (*sourceWatch, func()) {
	w := &sourceWatch{source: s, events: make(chan error, 1), log: log}
	provider, ok := s.Provider.(watchable)
	if !ok {
		return w, func() {}
	}
	w.due = time.Now() // it may have changed since the load
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, w.events)
	if !s.watching {
		s.watching = true
		go s.startWatch(provider)
	}
	return w, func() { s.unwatch(w) }
}

// startWatch calls the Provider's Watch, which may return at once or never.
func (s *KoanfSource) startWatch(provider watchable) {
	defer func() {
		if p := recover(); p != nil {
			s.setUnwatched()
		}
	}()
	if err := provider.Watch(func(_ any, err error) { s.notify(err) }); err != nil {
		s.setUnwatched()
	}
}

func (s *KoanfSource) setUnwatched() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching = false
}

// notify tells all watches of a change or an error.
func (s *KoanfSource) notify(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, events := range s.watchers {
		if err != nil { // it replaces a change that is kept
			select {
			case <-events:
			default:
			}
		}
		select {
		case events <- err:
		default:
		}
	}
}

// unwatch ends a watch, and the Provider's Watch with the last one if it can end.
func (s *KoanfSource) unwatch(w *sourceWatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = slices.DeleteFunc(s.watchers, func(c chan error) bool { return c == w.events })
	provider, ok := s.Provider.(unwatchable)
	if len(s.watchers) > 0 || !ok || !s.watching {
		return
	}
	s.watching = false
	go func() {
		defer func() { _ = recover() }()
		_ = provider.Unwatch()
	}()
}

// changed reports whether the source holds something else than it did in the
// load, twice in a row.
func (w *sourceWatch) changed(
	ctx context.Context, loaded sourceReading, interval time.Duration,
) bool {
	if !w.isDue(ctx, loaded) {
		return false
	}
	w.due = time.Time{}
	now := w.source.read(ctx)
	if now.err != nil {
		w.failed(ctx, loaded, now.err, interval)
		return false
	}
	w.pause = 0
	if w.polled {
		w.due = time.Now().Add(longestPause)
	}
	if loaded.err == nil && reflect.DeepEqual(now.values, loaded.values) {
		w.before, w.pending = nil, false
		return false
	}
	if w.pending && reflect.DeepEqual(now.values, w.before) {
		w.before, w.pending = nil, false
		return true
	}
	w.before, w.pending = now.values, true
	w.due = time.Now()
	return false
}

// isDue reports whether the source has to be read.
func (w *sourceWatch) isDue(ctx context.Context, loaded sourceReading) bool {
	due := w.source.Koanf != nil || w.due.IsZero() && loaded.err != nil ||
		!w.due.IsZero() && !time.Now().Before(w.due)
	select {
	case err := <-w.events:
		due = true
		if err != nil && !w.polled {
			w.polled = true
			w.warn(ctx, "a source of the configuration cannot be watched; it is read every minute",
				withoutSecrets(err))
		}
	default:
	}
	return due
}

// failed plans the next reading after one that failed.
func (w *sourceWatch) failed(
	ctx context.Context, loaded sourceReading, err error, interval time.Duration,
) {
	if w.pause == 0 && loaded.err == nil && ctx.Err() == nil {
		w.warn(ctx, "a source of the configuration cannot be read; the sessions stay as they were", err)
	}
	w.pause = min(max(2*w.pause, interval), max(longestPause, interval))
	w.due = time.Now().Add(w.pause)
}

func (w *sourceWatch) warn(ctx context.Context, text string, err error) {
	if w.log != nil {
		w.log.WarnContext(ctx, text, "source", w.source.Name, "error", err)
	}
}
