package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// assignment is one --as: a variable, and what it has.
type assignment struct {
	variable string
	what     string // "token", "header", "url" or "file"
	session  string // empty: the only one
}

// parseAssignment reads one --as.
func parseAssignment(text string) (h assignment, err error) {
	form, rest, _ := strings.Cut(text, ":")
	switch form {
	case "env":
		var what string
		if h.variable, what, _ = strings.Cut(rest, "="); what == "" {
			return h, wrong("--as %q: want env:VAR=token, env:VAR=header or env:VAR=url", text)
		}
		h.what, h.session, _ = strings.Cut(what, ":")
	case "file":
		h.variable, h.session, _ = strings.Cut(rest, ":")
		h.what = "file"
	default:
		return h, wrong("--as %q: want env:… or file:…", text)
	}
	if form == "env" && !slices.Contains([]string{"token", "header", "url"}, h.what) {
		return h, wrong("--as %q: want token, header or url, not %q", text, h.what)
	}
	if h.variable == "" || strings.ContainsAny(h.variable, "=\x00 ") {
		return h, wrong("--as %q: it names no variable", text)
	}
	return h, nil
}

// value returns what the variable of an assignment has.
func (h assignment) value(
	cfg *config.Config, names []string, credentials map[string]core.Credential, cleanup *tidy,
) (string, error) {
	name := h.session
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	c, ok := credentials[name]
	switch {
	case name == "":
		return "", wrong("--as for %s: there are several sessions, so add :NAME", h.variable)
	case !ok:
		return "", wrong("--as for %s: %q is not among the names%s", h.variable, name,
			core.DidYouMean(name, names))
	case h.what == "url":
		return address(cfg, name)
	}
	if h.what == "header" {
		return oneHeader(name, c)
	}
	token, err := bearer(name, c)
	if err != nil || h.what == "token" {
		return token.Reveal(), err
	}
	return tokenFile(token, cleanup)
}

// address returns the address of the API of a session.
func address(cfg *config.Config, name string) (string, error) {
	s, err := findSession(cfg, name)
	if err != nil {
		return "", err
	}
	st := s.Status()
	if base := st.Attributes["base_url"]; base != "" {
		return base, nil
	}
	if len(st.Origins) == 1 {
		return st.Origins[0], nil
	}
	return "", then(core.Errorf(core.CodeBadConfig,
		"session %q has no base_url, and not one origin but %d",
		name, len(st.Origins)), "config", "explain", name)
}

func oneHeader(name string, c core.Credential) (string, error) {
	if err := headersOnly(name, c); err != nil {
		return "", err
	}
	if len(c.Attach.Header) != 1 {
		return "", notBearer(name, "has "+headerNames(c))
	}
	for header, value := range c.Attach.Header {
		return fmt.Sprintf("%s: %s", header, value.Reveal()), nil
	}
	return "", nil
}

// tokenFile writes a token to a file of its own, for this user alone.
func tokenFile(token core.Secret, cleanup *tidy) (string, error) {
	dir, err := os.MkdirTemp("", "authsession-exec-")
	if err != nil {
		return "", err
	}
	cleanup.add(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "token")
	return path, os.WriteFile(path, []byte(token.Reveal()), 0o600)
}
