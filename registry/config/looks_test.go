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

// looks is a context that counts what the program allocates between two looks at it, as a measure of
// the work that does not depend on how busy the machine is.
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
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestLooksAtTheContext proves that a load and a check of a large configuration look at their context
// all the time, so that they stop soon after it has ended: between two looks they do no more
// than a hundredth of the work, and allocate no more than 1 MiB, which takes a few milliseconds.
func TestLooksAtTheContext(t *testing.T) {
	const sessions = 10_000
	for _, name := range []string{
		"YAML", "YAML in one line", "minified JSON", "pretty JSON", "TOML headers", "TOML dotted keys",
		"references", "inputs", "sections", "sessions with sections",
	} {
		c := growing[name]
		opts := options(t, c.file, c.text(sessions), "K=v")
		settle(t, opts.Files[0])
		load := func(ctx context.Context, opts config.Options) error {
			_, err := config.Load(ctx, opts)
			return err
		}
		for what, do := range map[string]func(context.Context, config.Options) error{
			"load": load, "check": config.Check,
		} {
			t.Run(fmt.Sprint(what, " ", name), func(t *testing.T) {
				ctx := &looks{Context: t.Context()}
				require.NoError(t, do(ctx, opts))
				ctx.Err()
				t.Log(ctx.count, ctx.worst)
				require.Greater(t, ctx.count, 100)
				require.Less(t, ctx.worst, uint64(1<<20), ctx.where)
			})
		}
	}
}
