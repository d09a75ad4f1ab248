package config_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/registry/config"
)

// growing are inputs of a size, and the name of their file.
var growing = map[string]struct {
	file    string
	text    func(n int) string
	environ func(n int) []string
}{
	"YAML": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%d: {provider: apikey, settings: {key: k}}\n")
	}, nil},
	"YAML in one line": {"a.yaml", func(n int) string {
		return "sessions: {" + each(n, "s%d: {provider: apikey, settings: {key: k}}, ") + "}\n"
	}, nil},
	"minified JSON": {"a.json", func(n int) string { return jsonSessions(n, "") }, nil},
	"pretty JSON":   {"a.json", func(n int) string { return jsonSessions(n, "  ") }, nil},
	"TOML headers": {"a.toml", func(n int) string {
		return each(n, "[sessions.s%d]\nprovider = 'apikey'\nsettings.key = 'k'\n")
	}, nil},
	"TOML dotted keys": {"a.toml", func(n int) string {
		return each(n, "sessions.s%[1]d.provider = 'apikey'\nsessions.s%[1]d.settings.key = 'k'\n")
	}, nil},
	"TOML parts of one key": {"a.toml", func(n int) string {
		return "sessions" + strings.Repeat(".a", 20*n) + " = 1\n"
	}, nil},
	"TOML inline": {"a.toml", func(n int) string {
		return "sessions = {" + each(n, "s%d.provider = 'apikey', ") + "x.provider = 'apikey'}\n"
	}, nil},
	"references": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%d: {provider: apikey, settings: {key: \"${env:K}\"}}\n")
	}, nil},
	"many references": {"a.yaml", func(n int) string {
		return "sessions: {a: {provider: apikey, settings: {key: \"" + strings.Repeat("${env:K}", n) + "\"}}}"
	}, nil},
	"inputs": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%[1]d: {provider: apikey, inputs: {x: s0}, settings: {key: k}}\n")
	}, nil},
	"unknown inputs": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%[1]d: {provider: apikey, inputs: {x: t%[1]d}, settings: {key: k}}\n")
	}, nil},
	"a long circle": {"a.yaml", func(n int) string {
		return "sessions:\n  s0: {provider: apikey, inputs: {x: s1}, settings: {key: k}}\n" +
			each(n, "  t%[1]d: {provider: apikey, inputs: {x: t%[1]d}, settings: {key: k}}\n")
	}, nil},
	"sections": {"a.yaml", func(n int) string {
		return "sessions:\n  a:\n    provider: apikey\n    settings: {key: k}\n    environments:\n" +
			each(n, "      e%d: {settings: {key: x}}\n")
	}, nil},
	"sessions with sections": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%[1]d: {provider: apikey, settings: {key: k}, "+
			"environments: {qa: {lazy: true}, e%[1]d: {early: 5s}}}\n")
	}, nil},
	"sections with inputs": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%d: {provider: apikey, settings: {key: k}}\n") +
			"  t:\n    provider: apikey\n    settings: {key: k}\n    inputs: {x: s0}\n    environments:\n" +
			each(n, "      e%[1]d: {inputs: {x: s%[1]d}}\n")
	}, nil},
	"sections with unknown inputs": {"a.yaml", func(n int) string {
		return "sessions:\n  t:\n    provider: apikey\n    settings: {key: k}\n    environments:\n" +
			each(n, "      e%[1]d: {inputs: {x: s%[1]d}}\n")
	}, nil},
	"sessions with sections and inputs": {"a.yaml", func(n int) string {
		return "sessions:\n  s: {provider: apikey, settings: {key: k}}\n" +
			each(n, "  t%[1]d: {provider: apikey, settings: {key: k}, inputs: {x: s}, "+
				"environments: {e%[1]d: {inputs: {x: s, y: s}}}}\n")
	}, nil},
	"many inputs": {"a.yaml", func(n int) string {
		return "sessions:\n  s: {provider: apikey, settings: {key: k}}\n  t:\n    provider: apikey\n" +
			"    settings: {key: k}\n    inputs:\n" + each(n, "      x%d: s\n")
	}, nil},
	"a chain of inputs": {"a.yaml", func(n int) string {
		return "sessions:\n  s: {provider: apikey, settings: {key: k}, inputs: {x: s0}}\n" +
			each(n, "  t%d: {provider: apikey, settings: {key: k}, inputs: {x: s}}\n") +
			each(n, "  s%d: {provider: apikey, settings: {key: k}}\n")
	}, nil},
	"faults in sections": {"a.yaml", func(n int) string {
		return "sessions:\n  a:\n    provider: apikey\n    settings: {key: k}\n    environments:\n" +
			each(n, "      e%d: {settings: {kye: x}}\n")
	}, nil},
	"faults": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%d: {provider: apikey, settings: {kye: k}}\n")
	}, nil},
	"unknown keys": {"a.yaml", func(n int) string {
		return "sessions:\n  a:\n    provider: apikey\n    settings:\n" + each(n, "      k%d: x\n")
	}, nil},
	"unknown environments": {"a.yaml", func(n int) string {
		return "sessions:\n" +
			each(n, "  s%[1]d: {provider: apikey, environment: e%[1]d, settings: {key: k}}\n")
	}, nil},
	"references without an end": {"a.yaml", func(n int) string {
		return "sessions: {a: {provider: apikey, settings: {key: \"" + strings.Repeat("${", 10*n) + "\"}}}"
	}, nil},
	"brackets": {"a.yaml", func(n int) string { return strings.Repeat("[", 10*n) }, nil},
	"JSON brackets": {"a.json", func(n int) string {
		return `{"sessions":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}"
	}, nil},
	"variables": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%d: {provider: apikey, settings: {key: k}}\n")
	}, func(n int) []string {
		return strings.Fields(each(n, "AUTHSESSION_SESSIONS__S%d__SETTINGS__KEY=x "))
	}},
	"wrong variables": {"a.yaml", func(n int) string {
		return "sessions:\n" + each(n, "  s%d: {provider: apikey, settings: {key: k}}\n")
	}, func(n int) []string {
		return strings.Fields(each(n, "AUTHSESSION_SESSIONS__T%d__SETTINGS__KEY=x "))
	}},
}

func each(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func jsonSessions(n int, indent string) string {
	sessions := map[string]any{}
	for i := range n {
		sessions[fmt.Sprint("s", i)] = map[string]any{
			"provider": "apikey", "settings": map[string]any{"key": "k"},
		}
	}
	text, _ := json.MarshalIndent(map[string]any{"sessions": sessions}, "", indent)
	if indent == "" {
		text, _ = json.Marshal(map[string]any{"sessions": sessions})
	}
	return string(text)
}

// TestGrowth proves that reading and checking takes work that is linear in the size: from one size
// to twice that, what is allocated grows by at most 2.5. (Time is logged: the machine may be busy.)
func TestGrowth(t *testing.T) {
	const base = 600
	for name, c := range growing {
		t.Run(name, func(t *testing.T) {
			var bytes []uint64
			var times []time.Duration
			for n := base; n <= 8*base; n *= 2 {
				opts := options(t, c.file, c.text(n), "K=v")
				if c.environ != nil {
					opts.Environ = append(opts.Environ, c.environ(n)...)
				}
				settle(t, opts.Files[0])
				best, allocated := time.Hour, uint64(0)
				for range 2 {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					began := time.Now()
					_ = config.Check(context.Background(), opts)
					best = min(best, time.Since(began))
					runtime.ReadMemStats(&after)
					allocated = after.TotalAlloc - before.TotalAlloc
				}
				bytes, times = append(bytes, allocated), append(times, best)
			}
			t.Log(bytes, times)
			for i := range bytes[1:] {
				require.LessOrEqual(t, float64(bytes[i+1]), 2.5*float64(bytes[i])+100_000, "%v", bytes)
			}
		})
	}
}

// TestReadersStopWithTheirContext proves that no reader goes on for long after its context ended.
func TestReadersStopWithTheirContext(t *testing.T) {
	for _, name := range []string{"YAML", "minified JSON", "TOML headers", "faults", "unknown inputs"} {
		t.Run(name, func(t *testing.T) {
			c := growing[name]
			opts := options(t, c.file, c.text(20_000))
			settle(t, opts.Files[0])
			late := time.Hour
			for range 5 { // 100 ms, on a machine that is not busy
				ctx, cancel := context.WithCancel(t.Context())
				var ended time.Time
				timer := time.AfterFunc(100*time.Millisecond, func() { ended = time.Now(); cancel() })
				err := config.Check(ctx, opts)
				timer.Stop()
				if ctx.Err() == nil {
					return // it was faster
				}
				require.ErrorIs(t, err, context.Canceled)
				if late = min(late, time.Since(ended)); late < time.Second {
					return
				}
			}
			require.Less(t, late, time.Second)
		})
	}
}
