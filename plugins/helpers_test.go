//go:build unix

package plugins

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/plugins/internal/process"
)

// TestMain makes the test binary its own plugin, so that nothing has to be
// built and both ends run under the race detector.
func TestMain(m *testing.M) {
	if os.Getenv(process.CookieKey) != "" || len(os.Args) > 1 &&
		strings.HasPrefix(os.Args[1], "bad-") {
		pluginMain()
		return
	}
	if how := os.Getenv("AUTHSESSION_TEST_HOST"); how != "" {
		hostMain(how)
		return
	}
	goleak.VerifyTestMain(m)
}

// startedPrefix begins the names of the files with which plugins note that they were started.
const startedPrefix = "started-"

// noteStart leaves a file beside the folder of the plugin's socket, where a test has asked for that.
func noteStart() {
	dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	if strings.HasPrefix(filepath.Base(filepath.Dir(dir)), "host") {
		name := filepath.Join(filepath.Dir(dir), startedPrefix+filepath.Base(dir))
		_ = os.WriteFile(name, nil, 0o600)
	}
}

// pluginMain is what the test binary does as a plugin. Its first argument
// chooses among those that misbehave.
func pluginMain() {
	noteStart()
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	if strings.HasPrefix(mode, "bad-answers-") {
		serveHostile()
		return
	}
	if misbehave, ok := misbehaviour[mode]; ok {
		misbehave()
		return
	}
	if mode == "author" {
		Serve(authorFactory)
		return
	}
	if mode == "person" {
		Serve(personFactory)
		return
	}
	Serve(ticketFactory, testFactory)
}

// ticketConfig is the provider of core/providertest, over here.
type ticketConfig struct {
	URL   string        `json:"url" required:"true" doc:"Where tickets are issued."`
	Key   core.Secret   `json:"key" required:"true" doc:"The key that the ticket office knows."`
	Class string        `json:"class" default:"second" enum:"first,second" doc:"Of the seat."`
	Grace time.Duration `json:"grace" default:"1s" doc:"Nothing."`
	Seats []struct {
		Row int `json:"row" required:"true" doc:"The row."`
	} `json:"seats" doc:"Nothing either."`
}

func (c *ticketConfig) Validate(core.Environment) error {
	if strings.HasPrefix(c.URL, "gopher:") {
		return core.Faultf("url", "want https")
	}
	return nil
}

var ticketFactory = core.NewFactory(
	core.Info{Kind: "ticket", Summary: "Tickets of the ticket office."},
	func(_ context.Context, _ core.Environment, cfg ticketConfig) (core.Provider, error) {
		if strings.Contains(cfg.URL, "unopenable") {
			return nil, core.Errorf(core.CodeDenied, "the office is %q", "closed")
		}
		return &cfg, nil
	})

// Authenticate buys a ticket.
func (c *ticketConfig) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL,
		strings.NewReader(c.Key.Reveal()))
	if err != nil {
		return core.Credential{}, core.Errorf(core.CodeBadConfig, "url is not a URL")
	}
	resp, err := providerhttp.NewClient(nil).Do(req)
	if err != nil {
		return core.Credential{}, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return core.Credential{}, err
	}
	if err := providerhttp.AnswerError(resp, body, c.Key); err != nil {
		return core.Credential{}, err
	}
	var answer struct {
		Ticket  string
		Seconds int
	}
	if json.Unmarshal(body, &answer) != nil || answer.Ticket == "" ||
		strings.ContainsAny(answer.Ticket, "\r\n\x00\x7f") {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the answer has no ticket")
	}
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{
			"Authorization": core.NewSecret("Ticket " + answer.Ticket)}},
		Expiry: time.Now().Add(time.Duration(answer.Seconds) * time.Second),
	}, nil
}

var self = sync.OnceValues(func() (string, string) {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return path, sum(data)
})

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// testBinary is the test binary as a plugin.
func testBinary(mode ...string) Binary {
	path, hash := self()
	return Binary{Name: "tester", Path: path, SHA256: hash, Args: mode,
		Kinds: []string{"test", "ticket"}}
}

// logBuffer collects a host's log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newHost makes a host that is closed with the test, and its log.
func newHost(t *testing.T) (*Host, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := &Host{Logger: logger, StartTimeout: 30 * time.Second}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, h.Close(ctx))
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return h, log
}

func factoryOf(t *testing.T, h *Host, b Binary, kind string) core.Factory {
	t.Helper()
	factories, err := h.Factories(b)
	require.NoError(t, err)
	for _, f := range factories {
		if f.Info().Kind == kind {
			return f
		}
	}
	require.Fail(t, "no kind "+kind)
	return core.Factory{}
}

func openTest(t *testing.T, h *Host, b Binary, settings map[string]any) core.Provider {
	t.Helper()
	p, err := factoryOf(t, h, b, "test").Open(t.Context(), "", settings)
	require.NoError(t, err)
	return p
}

func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 5*time.Millisecond, what)
}

func header(c core.Credential, name string) string { return c.Attach.Header[name].Reveal() }

func token(text string) core.Credential {
	return core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{"Authorization": core.NewSecret(text)}}}
}
