//go:build unix

package plugins

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
)

// What is wrong with the entry itself is found before anything is looked at.
func TestBadEntry(t *testing.T) {
	h, _ := newHost(t)
	good := strings.Repeat("0", 64)
	for want, b := range map[string]Binary{
		"the name must be":            {Name: "a b", Path: "/x", SHA256: good},
		"is not absolute":             {Name: "x", Path: "bin/x", SHA256: good},
		`the path "" is not absolute`: {Name: "x", SHA256: good},
		"has 0 characters, want 64":   {Name: "x", Path: "/x"},
		"has 63 characters, want 64":  {Name: "x", Path: "/x", SHA256: good[1:]},
		"not hexadecimal":             {Name: "x", Path: "/x", SHA256: strings.Repeat("g", 64)},
		`the variable "A" cannot be passed`: {Name: "x", Path: "/x", SHA256: good,
			Env: []string{"A=secret"}},
		`the variable "PLUGIN_CLIENT_`: {Name: "x", Path: "/x", SHA256: good,
			Env: []string{"PLUGIN_CLIENT_CERT"}},
		`the variable "AUTHSESSION_PLUG`: {Name: "x", Path: "/x", SHA256: good,
			Env: []string{process.CookieKey}},
		"contains a NUL": {Name: "x", Path: "/x", SHA256: good,
			Args: []string{"\x00"}},
		`the kind "a" is empty, repeated`: {Name: "x", Path: "/x", SHA256: good,
			Kinds: []string{"a", "a"}},
	} {
		_, err := h.Factories(b)
		require.ErrorIs(t, err, core.CodeBadConfig, want)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "plugin ")
		_, err = h.Describe(t.Context(), b)
		require.ErrorIs(t, err, core.CodeBadConfig)
	}
}

// Each file that is not a plugin is an error that names it and says what
// to do, and nothing is executed that was not checked.
func TestBadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	mark := filepath.Join(dir, "executed")
	script := "#!/bin/sh\ntouch " + mark + "\n"
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) +
		"\x02\x00\xff\x00" + strings.Repeat("\x00", 100)

	for name, c := range map[string]struct {
		path, sum, want string
	}{
		"missing":   {filepath.Join(dir, "nowhere"), "", "there is no such file"},
		"directory": {dir, "", "it is a directory"},
		"device":    {"/dev/null", "", "not a regular file"},
		"empty":     {write("empty", "", 0o700), sum(nil), "size of 0 bytes"},
		"not executable": {write("plain", script, 0o600), sum([]byte(script)),
			"not executable (chmod u+x)"},
		"wrong sum": {write("other", script, 0o700), sum([]byte("x")),
			"the file's sha256 is " + sum([]byte(script))},
		"architecture": {write("elf", elf, 0o700), sum([]byte(elf)), "no program for"},
		"text":         {write("text", "hello", 0o700), sum([]byte("hello")), "no program for"},
		"interpreter": {write("odd", "#!/nowhere/sh\n", 0o700), sum([]byte("#!/nowhere/sh\n")),
			"the interpreter or loader"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newHost(t)
			b := Binary{Name: "broken", Path: c.path, SHA256: c.sum}
			if b.SHA256 == "" {
				b.SHA256 = sum(nil)
			}
			_, err := h.Describe(t.Context(), b)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, `plugin "broken"`)
			require.ErrorContains(t, err, c.want)
			require.NoFileExists(t, mark)
		})
	}
}

// TestHowAProgramEnded proves that the error of a program that ends without a handshake says how it
// ended, and that of one that still runs does not.
func TestHowAProgramEnded(t *testing.T) {
	const ended = "without the handshake of a plugin; the log has what it said; it ended with "
	for script, want := range map[string]string{
		"exit 0": ended + "exit status 0", "exit 3": ended + "exit status 3",
		"no-such-program": ended + "exit status 127", "kill -SEGV $$": ended + "the signal segmentation fault",
		"exec 1>&-; exit 4":                     ended + "exit status 4",
		"echo hello; exit 5":                    "something else before the handshake",
		"exec 1>&-; exec sleep 60":              "without the handshake of a plugin; the log has what it said",
		"echo '1|1|unix|/run/docker.sock|grpc'": "it must support AutoMTLS",
	} {
		text := "#!/bin/sh\n" + script + "\n"
		path := filepath.Join(t.TempDir(), "program")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
		h, _ := newHost(t)
		_, err := h.Describe(t.Context(), Binary{Name: "broken", Path: path, SHA256: sum([]byte(text))})
		require.ErrorIs(t, err, core.CodeBadConfig, script)
		require.ErrorContains(t, err, want, script)
		require.Equal(t, strings.Contains(want, ended), strings.Contains(err.Error(), "it ended with"),
			"%s: %v", script, err)
		require.NotContains(t, err.Error(), "killed")
	}
}

// Programs that are no plugins, or not the right ones. The neighbour, a
// healthy plugin of the same host, goes on.
func TestBadProgram(t *testing.T) {
	h, _ := newHost(t)
	h.StartTimeout = 5 * time.Second
	good := openTest(t, h, testBinary(), nil)
	for mode, c := range map[string]struct {
		code core.Code
		want string
	}{
		"bad-exit":    {core.CodeBadConfig, "without the handshake of a plugin"},
		"bad-noise":   {core.CodeBadConfig, "printed something else before the handshake"},
		"bad-line":    {core.CodeBadConfig, "printed something else before the handshake"},
		"bad-version": {core.CodeBadConfig, "speaks version 7 of the protocol and this program speaks 1"},
		"bad-core":    {core.CodeBadConfig, "does not speak gRPC in the way of go-plugin"},
		"bad-netrpc":  {core.CodeBadConfig, "does not speak gRPC in the way of go-plugin"},
		"bad-tls":     {core.CodeBadConfig, "must support AutoMTLS"},
		"bad-socket":  {core.CodeBadConfig, "the plugin listens elsewhere"},
		"bad-kinds":   {core.CodeBadConfig, `serves no kind "test"; it serves: ticket`},
	} {
		t.Run(mode, func(t *testing.T) {
			b := testBinary(mode)
			b.Name, b.Kinds = mode, []string{"test"}
			_, err := h.Describe(t.Context(), b)
			require.ErrorIs(t, err, c.code)
			require.ErrorContains(t, err, `plugin "`+mode+`"`)
			require.ErrorContains(t, err, c.want)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err = factoryOf(t, h, b, "test").Open(ctx, "", nil)
			require.ErrorIs(t, err, c.code)
			authenticate(t, good)
		})
	}
}

// Answers that must not reach a session.
func TestBadAnswer(t *testing.T) {
	h, _ := newHost(t)
	for do, want := range map[string]string{
		"far":   "whose expiry is absurd",
		"huge":  "the credential is larger than 4 MiB",
		"latin": "the credential is not UTF-8 text",
	} {
		_, err := openTest(t, h, testBinary(), map[string]any{"do": do}).Authenticate(t.Context(),
			core.Request{})
		code := core.CodeBadConfig
		if do == "far" {
			code = core.CodeUnavailable
		}
		require.ErrorIs(t, err, code, do)
		require.ErrorContains(t, err, want)
	}
	for do, want := range map[string]string{
		"newline": "has characters that may not be sent",
		"large":   "larger than 128 KiB",
		"subject": "subject has characters that cannot be seen",
	} {
		s := core.New("x", openTest(t, h, testBinary(), map[string]any{"do": do, "key": "k"}), nil)
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig, do)
		require.ErrorContains(t, err, want)
	}
	_, err := openTest(t, h, testBinary(), map[string]any{"do": "control"}).Authenticate(t.Context(),
		core.Request{})
	require.EqualError(t, err, "unavailable: a[31mb; c")
	_, err = factoryOf(t, h, testBinary(), "test").Open(t.Context(), "",
		map[string]any{"do": "open-panic"})
	require.ErrorContains(t, err, "panicked (string)")
	_, err = factoryOf(t, h, testBinary(), "test").Open(t.Context(), "",
		map[string]any{"name": "\xff"})
	require.ErrorIs(t, err, core.CodeBadConfig)
	_, err = factoryOf(t, h, testBinary(), "test").Open(t.Context(), "",
		map[string]any{"name": strings.Repeat("x", 5<<20)})
	require.ErrorIs(t, err, core.CodeBadConfig)
}
