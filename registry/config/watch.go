// Read on in check.go.

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
// names, until ctx ends or the configuration is closed; then it returns. Run
// it on a goroutine of its own:
//
//	go cfg.Watch(ctx)
//
// It reads the files every Options.Interval and compares what they hold, so that
// it follows files that are replaced or reached through links. A change counts
// once two readings in a row agree, so that a file that is being written is left
// alone. A faulty change is reported once, to Options.OnReload and
// Options.Logger, and the sessions stay as they are.
func (c *Config) Watch(ctx context.Context) {
	interval := c.setup.opts.Interval
	if interval <= 0 {
		interval = defaultInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var before watchedFiles // the last reading, if it differs from the load
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		loaded := *c.read.Load()
		now := loaded.again(ctx)
		if maps.Equal(now, loaded) {
			before = nil
			continue
		}
		if !maps.Equal(now, before) {
			before = now
			continue
		}
		before = nil
		err := c.Reload(ctx)
		if ctx.Err() != nil || errors.Is(err, core.CodeClosed) {
			return
		}
		c.report(ctx, err)
	}
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
