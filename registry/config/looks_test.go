package config_test

import (
	"context"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/registry/config"
)

// looks is a context that counts what the program allocates between two looks at it, as a measure
// of the work that does not depend on how busy the machine is.
type looks struct {
	context.Context
	count       int
	last, worst uint64
	where       string // the second look of the worst two
}

func (l *looks) Err() error {
	now := allocated()
	if l.count++; l.count > 1 && now-l.last > l.worst {
		l.worst, l.where = now-l.last, string(debug.Stack())
	}
	l.last = allocated()
	return l.Context.Err()
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestLooksAtTheContext proves that a load and a check of a large configuration look at their
// context all the time, so that they stop soon after it has ended: between two looks they make at
// most 8,000 objects, which takes a few milliseconds.
func TestLooksAtTheContext(t *testing.T) {
	const sessions = 5_000
	for _, name := range []string{
		"YAML", "YAML in one line", "minified JSON", "pretty JSON", "TOML headers", "TOML dotted keys",
		"references", "inputs", "sections", "sessions with sections", "sections with inputs",
	} {
		c := growing[name]
		opts := options(t, c.file, c.text(sessions), "K=v")
		settle(t, opts.Files[0])
		for what, do := range map[string]func(context.Context, config.Options){
			"load":  func(ctx context.Context, opts config.Options) { _, _ = config.Load(ctx, opts) },
			"check": func(ctx context.Context, opts config.Options) { _ = config.Check(ctx, opts) },
		} {
			t.Run(fmt.Sprint(what, " ", name), func(t *testing.T) {
				ctx := &looks{Context: t.Context()}
				do(ctx, opts) // some find faults
				_ = ctx.Err()
				require.Greater(t, ctx.count, 100)
				require.Less(t, ctx.worst, uint64(8_000), ctx.where[:min(len(ctx.where), 3000)])
			})
		}
	}
}
