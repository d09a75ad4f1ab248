//go:build unix

package plugins

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
)

// authorConfig is a provider that uses all of the contract between requests and Authorizers. With
// Fault it breaks one promise.
type authorConfig struct {
	URL   string      `json:"url" required:"true" doc:"Where tickets are issued."`
	Key   core.Secret `json:"key" required:"true" doc:"The key that the ticket office knows."`
	Fault string      `json:"fault" doc:"What is wrong."`
}

var authorFactory = core.NewFactory(
	core.Info{Kind: "author", Summary: "Signs requests with a ticket."},
	func(_ context.Context, _ core.Environment, cfg authorConfig) (core.Provider, error) {
		return &cfg, nil
	})

func authorBinary() Binary {
	path, hash := self()
	return Binary{Name: "author", Path: path, SHA256: hash, Args: []string{"author"},
		Kinds: []string{"author"}}
}

// pythonBinary is the same provider in Python, testdata/author.py with the files of the example.
func pythonBinary(t *testing.T) Binary {
	t.Helper()
	if err := exec.Command("/usr/bin/python3", "-c",
		"import cryptography, google.protobuf, grpc").Run(); err != nil {
		t.Skip("needs examples/plugin-python/install.sh")
	}
	dir := filepath.Join(t.TempDir(), "plugin")
	require.NoError(t, os.Mkdir(dir, 0o700))
	const example = "../examples/plugin-python/ticket/"
	for from, to := range map[string]string{
		example + "plugin.py": "plugin.py", example + "provider_pb2.py": "provider_pb2.py",
		example + "__main__.py": "ticket.py", "testdata/author.py": "__main__.py",
	} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, to), text, 0o600))
	}
	out := dir + ".pyz"
	text, err := exec.Command("/usr/bin/python3", "-m", "zipapp", dir,
		"--python", "/usr/bin/python3 -I", "--output", out).CombinedOutput()
	require.NoError(t, err, string(text))
	require.NoError(t, os.Chmod(out, 0o700))
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	return Binary{Name: "author-py", Path: out, SHA256: sum(data), Kinds: []string{"author"}}
}

// authors are the provider of these tests in the program, and as a plugin in Go and in Python.
func authors(t *testing.T, test func(*testing.T, core.Factory)) {
	t.Run("in the program", func(t *testing.T) { test(t, authorFactory) })
	for name, binary := range map[string]func(*testing.T) Binary{
		"as a plugin in Go":     func(*testing.T) Binary { return authorBinary() },
		"as a plugin in Python": pythonBinary,
	} {
		t.Run(name, func(t *testing.T) {
			b := binary(t)
			h, _ := newHost(t)
			_, err := h.Describe(t.Context(), b)
			require.NoError(t, err)
			test(t, factoryOf(t, h, b, "author"))
		})
	}
}

// Authenticate buys a ticket. An input with the word revoked in it is refused.
func (c *authorConfig) Authenticate(ctx context.Context,
	req core.Request) (core.Credential, error) {
	if strings.Contains(header(req.Inputs["subject"], "Authorization"), "revoked") {
		return core.Credential{}, core.InputRefused("subject", core.Errorf(core.CodeDenied, "invalid_grant"))
	}
	cred, err := (&ticketConfig{URL: c.URL, Key: c.Key}).Authenticate(ctx, req)
	if c.Fault == "role" && err != nil {
		return cred, core.InputRefused("subject", err)
	}
	cred.Body = &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}, Raw: 10}
	switch c.Fault {
	case "raw":
		cred.Body.Raw = 10 << 30
	case "hash":
		cred.Body.Digests = append(cred.Body.Digests, 99)
	}
	return cred, err
}

// Authorize says what it was told, once it knows the step of the API.
func (c *authorConfig) Authorize(_ context.Context, _ core.Credential,
	out core.Outgoing) (core.Attachment, error) {
	a := core.Attachment{RememberHeaders: []string{"X-Step"}}
	steps := out.Remembered.Values("X-Step")
	if len(steps) == 0 || c.Fault == "rounds" {
		return a, nil
	}
	sum := out.Digests[crypto.SHA256]
	if c.Fault == "nothing" && out.ContentLength == 0 {
		return a, core.Errorf(core.CodeUnavailable, "there is nothing to sign")
	}
	for _, step := range steps {
		notText := func(r rune) bool { return r <= ' ' || r > '~' }
		if len(step) > 10 || strings.ContainsFunc(step, notText) {
			return a, core.Errorf(core.CodeUnavailable, "the API's step makes no sense")
		}
	}
	text := fmt.Sprintf("Steps %s %d %.8s %d %q", out.Host, out.ContentLength, fmt.Sprintf("%x", sum),
		len(out.Body), steps)
	a.Header = map[string]core.Secret{"Authorization": core.NewSecret(text)}
	return a, nil
}

func authorFixture(f core.Factory, fault string) providertest.Fixture {
	return providertest.Fixture{
		Factory: f,
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"url": s.URL, "key": s.Secret, "fault": fault}
		},
		Good: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"ticket": "row-7-seat-12", "seconds": 60}`)
		}),
		Remembered: http.Header{"X-Step": {"1", "2"}},
	}
}

// A provider in a plugin may begin with a round without a credential, read bodies and refuse
// inputs.
func TestConformanceOfAuthorizer(t *testing.T) {
	authors(t, func(t *testing.T, f core.Factory) {
		for _, r := range providertest.Check(t.Context(), authorFixture(f, "")) {
			require.NoError(t, r.Err, r.Name)
			if strings.HasPrefix(r.Name, "ability/") && r.Name != "ability/revoke" &&
				r.Name != "ability/sign" {
				require.Empty(t, r.Skipped, r.Name)
			}
		}
	})
}

// The kit finds through a plugin what it finds in the program.
func TestBrokenAuthorizers(t *testing.T) {
	all := providertest.Check(t.Context(), providertest.Fixture{})
	authors(t, func(t *testing.T, f core.Factory) {
		for _, row := range []struct{ fault, check, says string }{
			{"raw", "credential/body", "bodies of up to 10737418240 bytes"},
			{"hash", "credential/body", "hash number 99"},
			{"rounds", "ability/rounds", "nothing new"},
			{"nothing", "ability/body", "of a request without a body: "},
			{"role", "inputs/refused", `names the input "subject" as refused`},
		} {
			fixture := authorFixture(f, row.fault)
			fixture.Waive = map[string]string{}
			for _, r := range all {
				if r.Name != row.check && r.Name != "settings/good" {
					fixture.Waive[r.Name] = "another check"
				}
			}
			for _, r := range providertest.Check(t.Context(), fixture) {
				if r.Name == row.check {
					require.ErrorContains(t, r.Err, row.says, row.fault)
				}
			}
		}
	})
}

// What an Authorizer is told, and what a session makes of it, is the same through a plugin.
func TestAuthorizerThroughAPlugin(t *testing.T) { authors(t, testAuthorizer) }

func testAuthorizer(t *testing.T, f core.Factory) {
	var mu sync.Mutex
	var seen []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization")+" "+string(body))
		if r.Header.Get("Authorization") == "" {
			w.Header()["X-Step"] = []string{"1", "2"}
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	office := httptest.NewServer(authorFixture(core.Factory{}, "").Good)
	defer office.Close()
	issued := 0
	login := core.New("login",
		core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			issued++
			return token([]string{"", "T revoked", "T good"}[issued]), nil
		}), nil)
	open := func(fault string) *core.Session {
		p, err := f.Open(t.Context(), "", map[string]any{"url": office.URL, "key": "k", "fault": fault})
		require.NoError(t, err)
		return core.New("api", p, &core.Options{Inputs: map[string]*core.Session{"subject": login}})
	}
	s := open("")
	require.NoError(t, s.Init(t.Context()))
	require.Equal(t, 2, issued, "the refused input was rejected in its session")
	require.EqualValues(t, 1, login.Status().Refusals)
	resp, err := s.Client().Post(api.URL, "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)
	host := strings.TrimPrefix(api.URL, "http://")
	require.Equal(t, []string{" hello", "Steps " + host + ` 5 2cf24dba 5 ["1" "2"] hello`}, seen)
	require.Zero(t, s.Status().Refusals)

	for _, fault := range []string{"raw", "hash"} {
		require.ErrorIs(t, open(fault).Init(t.Context()), core.CodeBadConfig, fault)
	}
	alone, err := f.Open(t.Context(), "", map[string]any{"url": "http://127.0.0.1:1", "key": "k",
		"fault": "role"})
	require.NoError(t, err)
	err = core.New("alone", alone, nil).Init(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	var e *core.Error
	require.True(t, errors.As(err, &e))
	require.ErrorContains(t, err, `its input "subject" was refused, and it has none`)
}
