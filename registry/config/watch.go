package config

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/authsession/authsession/core"
)

// watched is a file as it was at the last load.
type watched struct {
	limit int64
	digest
}

const defaultInterval = 2 * time.Second

// Watch reloads when a file changes, also one that a ${file:…} reference
// names, until ctx ends or the configuration is closed; then it returns. Run
// it on a goroutine of its own:
//
//	go cfg.Watch(ctx)
//
// It compares the contents of the files every Options.Interval, so that it
// follows files that are replaced or reached through links. A change counts
// once two looks in a row agree, so that a file that is being written is left
// alone. A faulty change is reported once, to Options.OnReload and
// Options.Logger, and the sessions stay as they are.
func (c *Config) Watch(ctx context.Context) {
	interval := c.opts.Interval
	if interval <= 0 {
		interval = defaultInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var before map[string]watched
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		loaded := *c.seen.Load()
		now := look(loaded)
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
		if ctx.Err() != nil || errors.Is(err, core.Closed) {
			return
		}
		c.report(ctx, err)
	}
}

// look reads the files again.
func look(files map[string]watched) map[string]watched {
	out := make(map[string]watched, len(files))
	for name, w := range files {
		out[name] = watched{w.limit, sum(readFile(name, w.limit))}
	}
	return out
}

func (c *Config) report(ctx context.Context, err error) {
	if log := c.opts.Logger; log != nil {
		if err != nil {
			log.WarnContext(ctx, "the configuration has faults; the sessions stay as they were", "error", err)
		} else {
			log.InfoContext(ctx, "the configuration was loaded again", "environment", c.Environment(), "sessions", len(c.reg.Names()))
		}
	}
	if c.opts.OnReload != nil {
		c.opts.OnReload(err)
	}
}
