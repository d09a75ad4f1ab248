//go:build acceptance

package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/authsession/authsession/test/servers"
)

// crowd is processes that share one stored session.
type crowd struct {
	dir, file string
	api       *servers.API
	store     core.Store

	answers, asked atomic.Int64

	mu     sync.Mutex
	faults []string // guarded by mu
}

// newCrowd signs ada in, once, and keeps that in a store of the test's.
// tokenURL is where tokens are asked for.
func newCrowd(t *testing.T, p *servers.OIDCProvider, tokenURL string) *crowd {
	t.Helper()
	c := &crowd{dir: t.TempDir(), api: servers.StartPlainAPI(t, p.Check())}
	c.file = filepath.Join(c.dir, "authsession.yaml")
	key := filepath.Join(c.dir, "key")
	c.store = store.File(store.FileOptions{Dir: filepath.Join(c.dir, "store"), KeyFile: key})
	text := fmt.Sprintf(`
store: {kind: file, path: %q, key_file: %q}
sessions:
  person:
    provider: oauth2
    origins: [%q]
    settings:
      grant: authorization_code
      authorization_url: %q
      token_url: %q
      client_id: app
      scopes: [offline_access]
      authorization_params: {prompt: consent}
`, filepath.Join(c.dir, "store"), key, c.api.URL, p.Issuer+"/auth", tokenURL)
	require.NoError(t, os.WriteFile(c.file, []byte(text), 0o600))
	c.signIn(t, text)
	return c
}

// signIn is a process that a person sits at.
func (c *crowd) signIn(t *testing.T, text string) {
	t.Helper()
	ui, asked := person(t, nil)
	cfg := setup{ui: ui, storeKey: storeKey}.load(t, text)
	s := initialised(t, cfg, "person")
	says(t, s, c.api.URL, "ada")
	require.EqualValues(t, 1, asked.Load())
	require.NoError(t, s.Close(t.Context()))
}

// start starts one process.
func (c *crowd) start(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{worker + "=" + c.file, "API=" + c.api.URL, "HOME=" + c.dir, "GORACE=atexit_sleep_ms=0"}
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			switch line := lines.Text(); line {
			case "ok":
				c.answers.Add(1)
			case "asked":
				c.asked.Add(1)
			default:
				c.mu.Lock()
				c.faults = append(c.faults, line)
				c.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		select {
		case <-read:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-read
		}
		_ = cmd.Wait()
	})
	return cmd
}

func (c *crowd) wrong() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}

// answered waits until one more call was answered.
func (c *crowd) answered(t *testing.T) {
	t.Helper()
	before := c.answers.Load()
	soon(t, func() bool { return c.answers.Load() > before })
}

// Ten processes share one sign-in whose refresh token is exchanged at each
// renewal, at a server that ends everything when one comes twice. They are
// killed at random, but not between asking for a token and saving it: what such
// a moment costs is TestKilledWhileRenewing's. The test keeps them out of that
// moment by taking the store's lock before it kills. With the variable
// AUTHSESSION_TEST_MINUTE it takes a minute, otherwise 12 s.
func TestTenProcesses(t *testing.T) {
	t.Parallel()
	const lifetime = 4 * time.Second
	length := 12 * time.Second
	if os.Getenv("AUTHSESSION_TEST_MINUTE") != "" {
		length = time.Minute
	}
	p := servers.StartOIDC(
		t,
		servers.OIDCOptions{Lifetime: lifetime, Clients: []map[string]any{servers.OIDCClient("app", "none", nil)}},
	)
	c := newCrowd(t, p, p.TokenURL())
	began := time.Now()
	all := make([]*exec.Cmd, 10)
	for i := range all {
		all[i] = c.start(t)
	}
	c.answered(t)
	require.Empty(t, c.wrong())
	kills := 0
	for time.Since(began) < length {
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		unlock, err := c.store.Lock(t.Context(), storeKey)
		require.NoError(t, err)
		i := rand.IntN(len(all))
		require.NoError(t, all[i].Process.Kill())
		unlock()
		all[i] = c.start(t)
		kills++
	}
	c.answered(t)
	took, counts, tokens := time.Since(began), p.Counts(t), len(c.api.Tokens())
	t.Logf(
		"%d calls answered, %d kills, %d tokens asked for and %d used in %.1f s",
		c.answers.Load(),
		kills,
		counts.Requests,
		tokens,
		took.Seconds(),
	)

	require.Empty(t, c.wrong())
	require.Zero(t, c.asked.Load(), "somebody was to sign in again")
	require.Equal(t, 1, counts.SignIns)
	require.Zero(t, counts.Reused, "a refresh token came twice")
	require.Zero(t, counts.Refused)
	require.Equal(t, counts.Requests, counts.Granted)
	require.LessOrEqual(t, counts.Requests-tokens, 1, "tokens were asked for that nobody used")
	// A tenth of its life before its end a token is exchanged, and not earlier.
	require.LessOrEqual(t, counts.Requests, 2+int(took/(lifetime*9/10-500*time.Millisecond)))
	require.GreaterOrEqual(t, counts.Requests, int(took/lifetime))
}

// gate stands before a token endpoint and meets each request.
type gate struct {
	URL  string
	meet atomic.Pointer[func(pass func())]
}

func startGate(t *testing.T, p *servers.OIDCProvider) *gate {
	t.Helper()
	to, err := url.Parse(p.Issuer)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	g := &gate{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		meet := g.meet.Swap(nil)
		if meet == nil {
			proxy.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		(*meet)(func() { // the provider hears it; the client never gets the answer
			answer, err := http.Post(p.TokenURL(), r.Header.Get("Content-Type"), bytes.NewReader(body))
			if err == nil {
				_ = answer.Body.Close()
			}
		})
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(s.Close)
	g.URL = s.URL + "/token"
	return g
}

// A process is killed while it holds the store's lock. Its lock is free, and the
// store is whole. If the server had exchanged the refresh token by then, the
// person signs in again, once: nothing else can tell a crash from a theft.
func TestKilledWhileRenewing(t *testing.T) {
	t.Parallel()
	for name, heard := range map[string]bool{"the server has not heard it": false, "the server has answered": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := servers.StartOIDC(
				t,
				servers.OIDCOptions{
					Lifetime: 2 * time.Second,
					Clients:  []map[string]any{servers.OIDCClient("app", "none", nil)},
				},
			)
			g := startGate(t, p)
			c := newCrowd(t, p, g.URL)
			killed := make(chan struct{})
			victim := make(chan *exec.Cmd, 1)
			meet := func(pass func()) {
				if heard {
					pass()
				}
				_ = (<-victim).Process.Kill()
				close(killed)
			}
			g.meet.Store(&meet)
			victim <- c.start(t)
			select {
			case <-killed:
			case <-time.After(20 * time.Second):
				t.Fatalf("nobody renews: %q", c.wrong())
			}
			require.Empty(t, c.wrong())

			text, err := os.ReadFile(c.file)
			require.NoError(t, err)
			ui, asked := person(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			s := session(t, setup{ui: ui, storeKey: storeKey}.load(t, string(text)), "person")
			require.NoError(t, s.Init(ctx))
			says(t, s, c.api.URL, "ada")
			counts := p.Counts(t)
			if heard {
				require.EqualValues(t, 1, asked.Load())
				require.Equal(t, 1, counts.Reused)
				require.Equal(t, 2, counts.SignIns)
			} else {
				require.Zero(t, asked.Load())
				require.Zero(t, counts.Refused)
				require.Equal(t, 1, counts.SignIns)
			}

			c.start(t) // and all goes on
			c.answered(t)
			require.Empty(t, c.wrong())
			require.Zero(t, c.asked.Load())
			damaged, err := filepath.Glob(filepath.Join(c.dir, "store", "*.damaged"))
			require.NoError(t, err)
			require.Empty(t, damaged)
		})
	}
}
