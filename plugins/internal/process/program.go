// Read on in descriptor_unix.go.

package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// Program names a program on this machine that is a plugin. plugins.Binary
// documents the fields.
type Program struct {
	Name   string
	Path   string
	SHA256 string
	Args   []string
	Env    []string
}

// IsName reports whether text can name a plugin or one of its kinds: at most 100
// letters, digits, "-", "_" and ".", of which the first is a letter or a digit.
func IsName(text string) bool {
	const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return text != "" && len(text) <= 100 && strings.IndexByte(alphanumeric, text[0]) >= 0 &&
		strings.Trim(text, alphanumeric+"._-") == ""
}

// Check reports what is wrong with p itself, without a look at the file.
func (p Program) Check() error {
	bad := func(format string, args ...any) error {
		return p.errorf(core.CodeBadConfig, ": %w", fmt.Errorf(format, args...))
	}
	if !IsName(p.Name) {
		return bad(`the name must be letters, digits, "-", "_" and "."`)
	}
	if !filepath.IsAbs(p.Path) {
		return bad("the path %q is not absolute", p.Path)
	}
	if n := len(p.SHA256); n != sha256.Size*2 {
		return bad("the sha256 has %d characters, want 64: what sha256sum prints for the file", n)
	}
	if _, err := hex.DecodeString(p.SHA256); err != nil {
		return bad("the sha256 is not hexadecimal")
	}
	for _, name := range p.Env {
		if !mayPassOn(name) {
			name, _, _ = strings.Cut(name, "=") // its value may be secret
			return bad("the variable %q cannot be passed on: "+
				"want names of variables, without values", name)
		}
	}
	if slices.ContainsFunc(p.Args, func(arg string) bool { return strings.Contains(arg, "\x00") }) {
		return bad("an argument contains a NUL")
	}
	return nil
}

// mayPassOn reports whether a plugin may get the variable of that name. Those of
// the handshake are made for each process.
func mayPassOn(name string) bool {
	return name != "" && !strings.ContainsAny(name, "=\x00") &&
		!strings.HasPrefix(name, "PLUGIN_") && name != CookieKey
}

// Key is the same for programs that one process can serve. The name is not part
// of it.
func (p Program) Key() string {
	return fmt.Sprintf("%q %s %q %q", p.Path, strings.ToLower(p.SHA256), p.Args, p.Env)
}

func (p Program) clone() Program {
	p.Args, p.Env = slices.Clone(p.Args), slices.Clone(p.Env)
	return p
}

// errorf returns an error that begins with the plugin's name. A format begins
// with ": " or " ".
func (p Program) errorf(code core.Code, format string, args ...any) error {
	return core.Errorf(code, "plugin %q"+format, append([]any{p.Name}, args...)...)
}

// fileError returns an error about the file.
func (p Program) fileError(format string, args ...any) error {
	return p.errorf(core.CodeBadConfig, ": %s: %w", p.Path, fmt.Errorf(format, args...))
}

func (p Program) hostClosed() error {
	return p.errorf(core.CodeClosed, ": the host of plugins is closed")
}

// errKilled is in the errors of starts of a process that somebody else has killed.
var errKilled = errors.New("it was killed before it was ready")

func (p Program) killedError() error {
	return p.errorf(core.CodeUnavailable, ": %w", errKilled)
}

func (p Program) notReady(within time.Duration) error {
	return p.errorf(core.CodeUnavailable, ": it was not ready within %v", within)
}

func (p Program) callerLeft(ctx context.Context) error {
	return p.errorf(core.CodeUnavailable, ": the caller did not wait: %w", context.Cause(ctx))
}
