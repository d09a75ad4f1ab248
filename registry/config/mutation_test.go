package config_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// The values of the fixtures, which no error may quote.
var fixtureValues = []string{
	"application-of-pool", "secret-of-the-pool", "read_positions", "key-of-prices", "X-Prices-Key",
	"https://pool.example.org", "secret-in-a-list", "audience-of-the-pool", "secret with spaces",
}

// fixtures are good files with the same sessions in each format.
var fixtures = map[string]string{
	"a.yaml": `# sessions of the pool
environment: qa
default: pool
sessions:
  pool:
    provider: oauth2
    origins: [https://pool.example.org]
    timeout: 5s
    settings:
      client_id: application-of-pool
      client_secret: "secret-of-the-pool"
      scopes: [read_positions, 'secret-in-a-list']
      extra: {audience: audience-of-the-pool, other: "secret with spaces"}
    environments:
      qa:
        early: 30s
      prod: {settings: {client_id: application-of-pool}}
  prices:
    provider: apikey
    lazy: true
    settings: {header: X-Prices-Key, key: "key-of-prices"}
  more:
    provider: apikey
    settings:
      header: X-Prices-Key
      key: |
        key-of-prices
`,
	"a.json": `{
  "environment": "qa",
  "default": "pool",
  "sessions": {
    "pool": {
      "provider": "oauth2",
      "origins": ["https://pool.example.org"],
      "timeout": "5s",
      "settings": {
        "client_id": "application-of-pool",
        "client_secret": "secret-of-the-pool",
        "scopes": [
          "read_positions",
          "secret-in-a-list"
        ],
        "extra": {"audience": "audience-of-the-pool", "other": "secret with spaces"}
      },
      "environments": {
        "qa": {"early": "30s"},
        "prod": {"settings": {"client_id": "application-of-pool"}}
      }
    },
    "prices": {
      "provider": "apikey",
      "lazy": true,
      "settings": {"header": "X-Prices-Key", "key": "key-of-prices"}
    }
  }
}
`,
	"a.toml": `# sessions of the pool
environment = "qa"
default = "pool"

[sessions.pool]
provider = "oauth2"
origins = ["https://pool.example.org"]
timeout = "5s"

[sessions.pool.settings]
client_id = "application-of-pool"
client_secret = 'secret-of-the-pool'
scopes = [
  "read_positions",
  "secret-in-a-list",
]
extra = {audience = "audience-of-the-pool", other = "secret with spaces"}

[sessions.pool.environments]
qa.early = "30s"
prod.settings.client_id = "application-of-pool"

[sessions.prices]
provider = "apikey"
lazy = true
settings = {header = "X-Prices-Key", key = "key-of-prices"}
`,
}

func TestFixturesAreGood(t *testing.T) {
	for name, text := range fixtures {
		load(t, options(t, name, text))
	}
}

// mutate changes a text at random, by bytes and by lines.
func mutate(r *rand.Rand, text string) string {
	for range 1 + r.IntN(3) {
		at := r.IntN(len(text) + 1)
		end := min(len(text), at+r.IntN(6))
		const bytes = "{}[]\"':,-#&*!|>%@`$\\= \t\n\x00\xff\u00e9a0"
		switch r.IntN(5) {
		case 0:
			text = text[:at] + text[end:]
		case 1:
			i := r.IntN(len(bytes))
			text = text[:at] + bytes[i:i+1] + text[at:]
		case 2:
			i := r.IntN(len(bytes))
			text = text[:at] + bytes[i:i+1] + text[end:]
		case 3:
			text = text[:at] + text[at:end] + text[at:end] + text[end:]
		case 4:
			lines := strings.SplitAfter(text, "\n")
			i, j := r.IntN(len(lines)), r.IntN(len(lines))
			lines[i], lines[j] = lines[j], lines[i]
			text = strings.Join(lines, "")
		}
	}
	return text
}

// TestMutatedFiles proves that no damage to a file makes a panic, a long wait, or an error that
// quotes a value of the file.
func TestMutatedFiles(t *testing.T) {
	for name, text := range fixtures {
		t.Run(name, func(t *testing.T) {
			opts := options(t, name, "")
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 1000 {
				changed := mutate(r, text)
				write(t, filepath.Dir(opts.Files[0]), name, changed)
				settle(t, opts.Files[0])
				began := time.Now()
				errs := []error{loadAndClose(opts)}
				if i%4 == 0 {
					errs = append(errs, config.Check(context.Background(), opts))
				}
				for _, err := range errs {
					if err == nil {
						continue
					}
					require.ErrorIs(t, err, core.CodeBadConfig)
					for _, value := range fixtureValues {
						require.NotContains(t, err.Error(), value, "mutation %d:\n%s", i, changed)
					}
				}
				require.Less(t, time.Since(began), 20*time.Second, "mutation %d", i)
			}
		})
	}
}

func loadAndClose(opts config.Options) error {
	cfg, err := config.Load(context.Background(), opts)
	if err == nil {
		err = cfg.Close(context.Background())
	}
	return err
}

// damage makes one syntax fault, and returns its line, from 1.
func damage(r *rand.Rand, name, text string) (string, int) {
	marks := map[string]string{"a.yaml": `{}[]"':`, "a.json": `{}[]":,`, "a.toml": `{}[]"'=`}[name]
	for {
		at := r.IntN(len(text))
		line := 1 + strings.Count(text[:at], "\n")
		begin := strings.LastIndexByte(text[:at], '\n') + 1
		switch r.IntN(4) {
		case 0: // a mark is missing
			if strings.IndexByte(marks, text[at]) >= 0 {
				return text[:at] + text[at+1:], line
			}
		case 1: // a mark is there once more
			if strings.IndexByte(marks, text[at]) >= 0 {
				return text[:at] + text[at:at+1] + text[at:], line
			}
		case 2: // the line is indented wrongly
			return text[:begin] + " " + text[begin:], line
		case 3:
			if strings.HasPrefix(text[begin:], "  ") {
				return text[:begin] + text[begin+1:], line
			}
		}
	}
}

// TestPlaceOfSyntaxFaults proves that a fault of the syntax is reported within one line of where it
// is, with its column.
func TestPlaceOfSyntaxFaults(t *testing.T) {
	for name, text := range fixtures {
		t.Run(name, func(t *testing.T) {
			opts := options(t, name, "")
			r := rand.New(rand.NewPCG(3, 4))
			found := 0
			for range 500 {
				changed, line := damage(r, name, text)
				write(t, filepath.Dir(opts.Files[0]), name, changed)
				settle(t, opts.Files[0])
				var e *config.Error
				err := config.Check(context.Background(), opts)
				if err == nil || !strings.Contains(err.Error(), ": not ") {
					continue
				}
				require.ErrorAs(t, err, &e)
				found++
				f := e.Faults[0]
				require.NotZero(t, f.Column)
				require.InDelta(t, line, f.Line, 1, "%v\n%s", f, changed)
			}
			require.Greater(t, found, 50)
		})
	}
}
