package exec_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/exec"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

func TestConformance(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	providertest.Run(t, providertest.Fixture{
		Factory: exec.Factory,
		Settings: func(s providertest.Server) map[string]any {
			return object{"command": self,
				"env": object{roleVar: "print", textVar: s.Secret, raceVar: raceText}}
		},
	})
}

func TestCheck(t *testing.T) {
	with := func(more object) object {
		out := object{"command": "get-token"}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for _, c := range []struct {
		name     string
		settings object
		want     string
	}{
		{"no command", object{}, "command: missing"},
		{"empty command", object{"command": ""}, "command: is empty"},
		{"relative command", object{"command": "./get-token"},
			"command: want an absolute path, or a name"},
		{"command in the home", object{"command": "~/bin/tok"},
			"there is no shell that replaces ~ and variables, and splits arguments"},
		{"command with a variable", object{"command": "$HOME/bin/tok"}, "there is no shell that replaces"},
		{"command line", object{"command": "bin/tok --json"}, "there is no shell that replaces"},
		{"pipe", object{"command": "curl -s http://x | jq .token"}, "there is no shell that replaces"},
		{"NUL in the command", object{"command": "a\x00b"}, "command: has a NUL"},
		{"NUL in an argument", with(object{"args": []any{"a", "b\x00"}}), "args.1: has a NUL"},
		{"args as one text", with(object{"args": "a b"}), "args: want a list of strings"},
		{"variable without name", with(object{"env": object{"A=B": "x"}}),
			"env: is not the name of a variable"},
		{"NUL in a variable", with(object{"env": object{"A": "hunter2\x00"}}), "env.A: has a NUL"},
		{"pass_env", with(object{"pass_env": []any{"A", ""}}), "pass_env.1: is not the name"},
		{"dir", with(object{"dir": "a\x00"}), "dir: has a NUL"},
		{"output", with(object{"output": "exec"}),
			"output: want one of auto, execcredential, aws, token"},
		{"header", with(object{"header": "Host"}), "header: the header Host is not for credentials"},
		{"prefix", with(object{"prefix": "a\n"}), "prefix: has a control character"},
		{"prefix as template", with(object{"prefix": "{token}"}), "prefix: has a { in it: use headers"},
		{"headers and header", with(object{"header": "X", "headers": object{"Y": "{token}"}}),
			"headers: give either headers or header and prefix"},
		{"headers, bad name", with(object{"headers": object{"X Y": "{token}"}}),
			"headers.X Y: is not the name of a header"},
		{"headers, one twice", with(object{"headers": object{"X-Key": "{token}", "x-key": "a{token}"}}),
			"headers.x-key: is there twice, in other letters"},
		{"headers, no field", with(object{"headers": object{"X": "static"}}),
			"headers.X: names no field, as {token} does"},
		{"headers, unknown field", with(object{"headers": object{"X": "{tokn}"}}),
			`headers.X: there is no such field, did you mean "token"?`},
		{"headers, field of another output",
			with(object{"output": "token", "headers": object{"X": "{AccessKeyId}"}}),
			"headers.X: there is no such field; known: {token}"},
		{"headers, open brace", with(object{"headers": object{"X": "{token"}}),
			"headers.X: a { is not closed"},
		{"headers, line break", with(object{"headers": object{"X": "a\n{token}"}}),
			"headers.X: has a control character"},
		{"aws without headers", with(object{"output": "aws"}),
			"headers: missing: an AWS document has no token"},
		{"lifetime", with(object{"lifetime": "soon"}), "lifetime: want a duration"},
		{"base URL", with(object{"base_url": "x"}), "base_url: want the address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := exec.Factory.Check("", c.settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := exec.New(exec.Config{})
	require.EqualError(t, err, "bad config: command: is empty")
}

func TestNoShell(t *testing.T) {
	cfg := command(t, "args", "")
	cfg.Args = []string{"a b", "$HOME", "; exit 1", "*", ""}
	require.Equal(t, strings.Join(cfg.Args, "\n"), decoded(t, cfg))
}

func TestEnvironment(t *testing.T) {
	t.Setenv("AUTHSESSION_CANARY", "hunter2")
	t.Setenv("AUTHSESSION_PASSED", "passed")
	cfg := command(t, "env", "")
	env := decoded(t, cfg)
	require.Contains(t, env, "PATH=")
	require.NotContains(t, env, "hunter2")
	require.NotContains(t, env, "AUTHSESSION_PASSED")
	require.Contains(
		t,
		env,
		`KUBERNETES_EXEC_INFO={"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}`,
	)

	cfg.PassEnv, cfg.Output = []string{"AUTHSESSION_PASSED", "AUTHSESSION_NOT_SET"}, exec.Token
	env = decoded(t, cfg)
	require.Contains(t, env, "AUTHSESSION_PASSED=passed")
	require.NotContains(t, env, "AUTHSESSION_NOT_SET")
	require.NotContains(t, env, "KUBERNETES_EXEC_INFO")
}

// TestDepth: a command can see how many exec providers run it, whatever env and pass_env say.
func TestDepth(t *testing.T) {
	for outer, want := range map[string]string{
		"": "1", "1": "2", "9": "10", "-3": "1", "many": "1", "99999999999999999999": "1",
	} {
		t.Setenv("AUTHSESSION_DEPTH", outer)
		cfg := command(t, "env", "")
		cfg.PassEnv = []string{"AUTHSESSION_DEPTH"}
		cfg.Env["AUTHSESSION_DEPTH"] = core.NewSecret("0")
		require.Regexp(t, "(?m)^AUTHSESSION_DEPTH="+want+"$", decoded(t, cfg))
	}
}

func TestSurroundings(t *testing.T) {
	c, err := run(t, command(t, "stdin", ""))
	require.ErrorContains(t, err, "cannot hold", "the text has a space: %v", c)
	cfg := command(t, "dir", "")
	cfg.Dir = t.TempDir()
	want, err := filepath.EvalSymlinks(cfg.Dir)
	require.NoError(t, err)
	got, err := filepath.EvalSymlinks(decoded(t, cfg))
	require.NoError(t, err)
	require.Equal(t, want, got)
	cfg.Dir = filepath.Join(cfg.Dir, "none")
	_, err = run(t, cfg)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "cannot be started")
	var coded *core.Error
	require.ErrorAs(t, err, &coded)
	require.True(t, coded.Local)
}

func TestLookUp(t *testing.T) {
	cfg := command(t, "print", "a-token")
	self := cfg.Command
	cfg.Command = filepath.Base(self)
	t.Setenv("PATH", filepath.Dir(self))
	p, err := exec.New(cfg)
	require.NoError(t, err)
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	t.Setenv("PATH", "")
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err, "it is looked up once")

	_, err = run(t, cfg)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "is not found")
	t.Chdir(filepath.Dir(self))
	t.Setenv("PATH", ".")
	_, err = run(t, cfg)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "is in the current folder only")
}

func TestNotAProgram(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("not a program"), mode))
		return path
	}
	for name, c := range map[string]struct{ path, want string }{
		"missing":        {filepath.Join(dir, "none"), "is not found"},
		"not executable": {write("plain", 0o600), "may not be executed"},
		"no program":     {write("text", 0o700), "cannot be started"},
		"directory":      {dir, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" {
				c.want = "" // what is executable is told by the name there
			}
			_, err := run(t, exec.Config{Command: c.path})
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			var coded *core.Error
			require.ErrorAs(t, err, &coded)
			require.True(t, coded.Local)
		})
	}
}

func TestStatus(t *testing.T) {
	for status, code := range map[string]core.Code{
		"1": core.CodeUnavailable, "2": core.CodeUnavailable, "75": core.CodeUnavailable,
		"64": core.CodeBadConfig, "78": core.CodeBadConfig, "77": core.CodeDenied,
		"80": core.CodeInteractive,
	} {
		t.Run(status, func(t *testing.T) {
			_, err := run(t, command(t, "exit", status))
			require.Equal(t, code, core.CodeOf(err))
			require.ErrorContains(t, err,
				"ended with status "+status+"; what it wrote to its standard error is not shown")
			require.NotContains(t, err.Error(), "hunter2")
			var coded *core.Error
			require.ErrorAs(t, err, &coded)
			require.False(t, coded.Local, "what the program did before is not known")
		})
	}
}

func TestFlood(t *testing.T) {
	_, err := run(t, command(t, "flood", ""))
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, "prints more than 1024 KiB")
	require.NotContains(t, err.Error(), "hunter2")
}

// A session runs the command again after a refusal.
func TestSession(t *testing.T) {
	var seen []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("X-Token"))
		if len(seen) == 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	self, err := os.Executable()
	require.NoError(t, err)
	p, err := exec.Factory.Open(t.Context(), "", object{
		"command": self, "env": object{roleVar: "print", textVar: "a-token\n", raceVar: raceText},
		"header": "X-Token", "lifetime": "1h", "subject": "desk", "base_url": api.URL,
	})
	require.NoError(t, err)
	s := core.New("prices", p, nil)
	require.NoError(t, s.Init(t.Context()))
	defer s.Close(context.Background())
	resp, err := s.Client().Get(api.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, []string{"a-token", "a-token"}, seen)
	require.Equal(t, "desk", s.Status().Subject)
	require.WithinDuration(t, time.Now().Add(time.Hour), s.Status().Expiry, time.Minute)
}

// TestInteractive checks that only a command that may ask is an interactive provider, and which
// failures may be due to the missing terminal.
func TestInteractive(t *testing.T) {
	p, err := exec.New(command(t, "print", "a-token"))
	require.NoError(t, err)
	_, ok := p.(core.InteractiveProvider)
	require.False(t, ok)
	for status, code := range map[string]core.Code{
		"1": core.CodeInteractive, "2": core.CodeInteractive, "80": core.CodeInteractive,
		"75": core.CodeUnavailable, "64": core.CodeBadConfig, "77": core.CodeDenied,
		"0": core.CodeInteractive,
	} {
		cfg := command(t, "exit", status)
		cfg.Interactive = true
		_, err := run(t, cfg)
		require.Equal(t, code, core.CodeOf(err), status)
		require.NotContains(t, err.Error(), "set interactive: true")
	}
	for _, role := range []string{"die", "flood"} {
		cfg := command(t, role, "")
		cfg.Interactive = true
		_, err := run(t, cfg)
		require.Equal(t, core.CodeUnavailable, core.CodeOf(err), role)
	}
	for text, code := range map[string]core.Code{
		"cannot ask: No such device or address":                            core.CodeInteractive,
		"open /dev/tty: no such device or address":                         core.CodeInteractive,
		"fatal: could not read Username for 'https://x': No such device":   core.CodeInteractive,
		"stty: 'standard input': Inappropriate ioctl for device":           core.CodeInteractive,
		"EOFError: EOF when reading a line":                                core.CodeInteractive,
		"Error: Cannot perform an interactive login from a non TTY device": core.CodeInteractive,
		"dial tcp 127.0.0.1:443: connection refused: unexpected EOF":       core.CodeUnavailable,
	} {
		_, err := run(t, command(t, "complain", text))
		require.Equal(t, code, core.CodeOf(err), text)
		require.Equal(t, code == core.CodeInteractive,
			strings.Contains(err.Error(), "set interactive: true"), text)
	}
}
