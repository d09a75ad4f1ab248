// Read on in variants.go.

package config

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/authsession/authsession/core"
)

const defaultInterval = 2 * time.Second

// Watch reloads when a file changes, also one that a ${file:…} reference
// names, or a source, until ctx ends or the configuration is closed; then it
// returns. Run it on a goroutine of its own:
//
//	go cfg.Watch(ctx)
//
// It reads the files every Options.Interval and compares what they hold, so that
// it follows files that are replaced or reached through links. A change counts
// once two readings in a row agree, so that a file that is being written is left
// alone. A faulty change is reported once, to Options.OnReload and
// Options.Logger, and the sessions stay as they are.
//
// A source is read after its Provider's Watch has told of a change, and an
// existing Koanf as often as the files. Other sources are read only with the
// next reload. A source that cannot be read is tried again, after a pause that
// doubles up to a minute. So is a reference of Options.Resolvers, which Watch
// resolves again when its time has come. The Provider's Watch runs until the Provider ends it, or
// until Watch returns if there is a method Unwatch.
func (c *Config) Watch(ctx context.Context) {
	interval := c.setup.opts.Interval
	if interval <= 0 {
		interval = defaultInterval
	}
	w := c.newWatcher(interval)
	defer w.end()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !w.changed(ctx) {
			continue
		}
		err := c.Reload(ctx)
		if ctx.Err() != nil || errors.Is(err, core.CodeClosed) {
			return
		}
		c.report(ctx, err)
	}
}

// watcher finds out whether what a load has read has changed.
type watcher struct {
	config    *Config
	interval  time.Duration
	files     watchedFiles // the last reading, if it differs from the load
	sources   []*sourceWatch
	ends      []func()
	resolvers resolverWatch
}

func (c *Config) newWatcher(interval time.Duration) *watcher {
	w := &watcher{config: c, interval: interval}
	w.resolvers.log = c.setup.opts.Logger
	for _, s := range c.setup.opts.Sources {
		source, end := s.watch(c.setup.opts.Logger)
		w.sources = append(w.sources, source)
		w.ends = append(w.ends, end)
	}
	return w
}

// end ends the watches of the sources.
func (w *watcher) end() {
	for _, end := range w.ends {
		end()
	}
}

// changed reports whether something has changed, and two readings in a row agree
// on it.
func (w *watcher) changed(ctx context.Context) bool {
	changed := w.filesChanged(ctx)
	for i, s := range w.sources {
		if s.changed(ctx, (*w.config.sources.Load())[i], w.interval) {
			changed = true
		}
	}
	opts := &w.config.setup.opts
	references := w.config.references.Load()
	return w.resolvers.changed(ctx, opts.Resolvers, references, w.interval) || changed
}

func (w *watcher) filesChanged(ctx context.Context) bool {
	loaded := *w.config.read.Load()
	now := loaded.again(ctx)
	if maps.Equal(now, loaded) {
		w.files = nil
		return false
	}
	if !maps.Equal(now, w.files) {
		w.files = now
		return false
	}
	w.files = nil
	return true
}

// report reports the outcome of a reload.
func (c *Config) report(ctx context.Context, err error) {
	if log := c.setup.opts.Logger; log != nil {
		if err != nil {
			log.WarnContext(ctx, "the configuration has faults; the sessions stay as they were",
				"error", err)
		} else {
			log.InfoContext(ctx, "the configuration was loaded again",
				"environment", c.Environment(), "sessions", len(c.reg.Names()))
		}
	}
	if c.setup.opts.OnReload != nil {
		c.setup.opts.OnReload(err)
	}
}
