package exec_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/exec"
)

// screen is a buffer that the session's events, which may come later, and the test use.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// logged runs a session of cfg and returns its log and its error.
func logged(t *testing.T, cfg exec.Config) (string, error) {
	t.Helper()
	p, err := exec.New(cfg)
	require.NoError(t, err)
	var log screen
	s := core.New("prices", p, &core.Options{
		Kind: "exec", Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	err = s.Init(t.Context())
	_ = s.Close(t.Context())
	var lines []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `msg="command wrote`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, ""), err
}

// TestStderr checks that a command's standard error is discarded unless the settings want it, and
// that it is bounded, cleaned and compared with the secrets that the provider knows.
func TestStderr(t *testing.T) {
	const said = "\x1b[31merror:\x1b[0m no route\u200b to host\r\nsee the log\n"
	cfg := command(t, "complain", said)
	log, err := logged(t, cfg)
	require.Empty(t, log)
	require.ErrorContains(t, err, "ended with status 1; what it wrote to its standard error is not "+
		"shown, set stderr to log or run it by hand to see it")
	require.NotContains(t, err.Error(), "route")

	// The text is also in env, whose values are secrets: a role that has it elsewhere is needed.
	cfg = command(t, "complain", "")
	delete(cfg.Env, textVar)
	t.Setenv(textVar, said)
	cfg.PassEnv, cfg.Stderr = []string{textVar}, exec.StderrLog
	log, err = logged(t, cfg)
	require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
	require.ErrorContains(t, err,
		"ended with status 1; it says: error: no route to host / see the log")
	require.Equal(t, 2, strings.Count(log, "level=WARN"), log)
	require.Contains(t, log, `msg="command wrote to its standard error" session=prices provider=exec`)
	require.Contains(t, log, `line="error: no route to host"`)

	cfg.Env[roleVar] = core.NewSecret("warn")
	log, err = logged(t, cfg)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(log, "level=INFO"), log)
}

func TestStderrSecrets(t *testing.T) {
	cfg := command(t, "complain", "")
	delete(cfg.Env, textVar)
	cfg.PassEnv, cfg.Stderr = []string{textVar}, exec.StderrLog
	cfg.Env["PASSWORD"] = core.NewSecret("hunter2-hunter2")
	cfg.Input = core.NewSecret("protocol=https\nhost=git.example.com\npassword=swordfish\n")
	for _, text := range []string{
		"the password hunter2-hunter2 is wrong", "hunter2-\x1b[1mhunter2", "aHVudGVyMi1odW50ZXIy",
		"HUNTER2-HUNTER2", "hunter2%2Dhunter2", "it printed partial-0123456789", "is it swordfish?",
		"hunter2-\u200bhunter2",
	} {
		t.Setenv(textVar, "line one\n"+text+"\nno route to git.example.com\n")
		log, err := logged(t, cfg)
		all := log + err.Error()
		for _, part := range []string{"unter2", "UNTER2", "aHVudGVy", "0123456789", "swordfish"} {
			require.NotContains(t, all, part, text)
		}
		require.Contains(t, log, `line="line one"`)
		require.Contains(t, log, `line="(a line that repeats a secret)"`)
		require.ErrorContains(t, err,
			"it says: (a line that repeats a secret) / no route to git.example.com", text)
	}
}

func TestStderrFlood(t *testing.T) {
	cfg := command(t, "complain", "")
	delete(cfg.Env, textVar)
	cfg.PassEnv, cfg.Stderr = []string{textVar}, exec.StderrLog
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "line %d %s\r", i, strings.Repeat("é", 40))
	}
	t.Setenv(textVar, text.String()+strings.Repeat("long", 10<<10))
	log, err := logged(t, cfg)
	require.Less(t, len(err.Error()), 1000)
	require.Equal(t, 65, strings.Count(log, "\n"))
	require.Contains(t, log, "line 31 ")
	require.NotContains(t, log, "line 32 ")
	require.Contains(t, log, "line 499 ")
	require.Contains(t, log, "omitted_lines=437")
	for line := range strings.Lines(log) {
		require.Less(t, len(line), 1000)
	}
}

// TestInput checks that a command gets the text of the settings, and needs not read it.
func TestInput(t *testing.T) {
	const text = "protocol=https\nhost=git.example.com\n\n"
	cfg := command(t, "input", text)
	cfg.Input = core.NewSecret(text)
	c, err := run(t, cfg)
	require.NoError(t, err)
	require.Equal(t, "a-token", bearer(t, c))

	cfg = command(t, "print", "a-token")
	cfg.Input = core.NewSecret(strings.Repeat("x", 1<<20))
	_, err = run(t, cfg)
	require.NoError(t, err)
}

// TestSecretInTwoLines checks that a secret is found also if a command divides it.
func TestSecretInTwoLines(t *testing.T) {
	cfg := command(t, "complain", "")
	delete(cfg.Env, textVar)
	cfg.PassEnv, cfg.Stderr = []string{textVar}, exec.StderrLog
	cfg.Env["PASSWORD"] = core.NewSecret("swordfishswift")
	t.Setenv(textVar, "it was swordfi\nshswift\n")
	log, err := logged(t, cfg)
	require.NotContains(t, log+err.Error(), "swordfi")
	require.NotContains(t, log+err.Error(), "shswift")
}

// TestDockerHelperWithoutCredential checks that the one text which docker helpers print is told.
func TestDockerHelperWithoutCredential(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the program is a script")
	}
	cfg := exec.Config{Command: "/bin/sh",
		Args: []string{"-c", "echo credentials not found in native keychain; exit 1"}}
	_, err := run(t, cfg)
	require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
	require.ErrorContains(t, err, "ended with status 1; it has no credential for what input names")
}
