package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
)

func (a *app) helperGitCommand() *cobra.Command {
	var user string
	var bearerScheme bool
	cmd := &cobra.Command{
		Use:   "git NAME get|store|erase",
		Short: "Answer git as a credential helper",
		Long: `helper git answers git as gitcredentials(7) says, for hosts of the session's origins
alone; for others it has no answer, and git asks the next helper. A session of the kind
basic gives its user name and password, one with a bearer token the token as a password.
What it answers is valid for a minute at least.

"erase", which git says after a refusal, marks the token as refused: the next one is
new. "store" does nothing. Nobody is asked to sign in: "authsession login" does that.`,
		Example: `  authsession setup git forge --write
  printf 'protocol=https\nhost=git.example.com\n\n' | authsession helper git forge get`,
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(
			cmd *cobra.Command, given []string, prefix string,
		) ([]string, cobra.ShellCompDirective) {
			if len(given) == 1 {
				return []string{"get", "store", "erase"}, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeOne(cmd, given, prefix)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.helpGit(cmd.Context(), args[0], args[1], gitOptions{user, bearerScheme})
		},
	}
	cmd.Flags().StringVar(&user, "user", "oauth2", "user `name` for a token, if git names none")
	cmd.Flags().BoolVar(&bearerScheme, "bearer", false,
		"give a token in the scheme Bearer, to a git that can (2.46 and later)")
	return cmd
}

type gitOptions struct {
	user   string
	bearer bool
}

// gitRequest is what git asks for.
type gitRequest struct {
	protocol, host string
	username       string
	password       string
	authtype       bool // git understands the schemes of RFC 9110
}

// longestGit bounds what git may say, in bytes. A line of git has 64 KiB at most.
const longestGit = 1 << 20

// parseGit reads what git writes to a credential helper.
func parseGit(r io.Reader) (gitRequest, error) {
	var out gitRequest
	lines := bufio.NewScanner(io.LimitReader(r, longestGit))
	lines.Buffer(nil, 64<<10)
	lines.Split(scanGitLines)
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			break
		}
		key, value, ok := strings.Cut(line, "=")
		switch {
		case !ok || key == "":
			return gitRequest{}, wrong("git wrote a line that is not key=value")
		case strings.ContainsAny(value, "\x00\r"):
			return gitRequest{}, wrong("git wrote a value with a control character for %q", printable(key))
		}
		switch key {
		case "protocol":
			out.protocol = value
		case "host":
			out.host = value
		case "username":
			out.username = value
		case "password":
			out.password = value
		case "capability[]":
			out.authtype = out.authtype || value == "authtype"
		}
	}
	if err := lines.Err(); err != nil {
		return gitRequest{}, wrong("git wrote what cannot be read: %v", err)
	}
	return out, nil
}

// scanGitLines is a [bufio.SplitFunc] for lines that end in a line feed alone: bufio.ScanLines also
// takes away a carriage return, which is part of a value that nobody may have written.
func scanGitLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// url returns the address of the host, or an error for a host that is more than
// that.
func (r gitRequest) url() (*url.URL, error) {
	u, err := url.Parse(r.protocol + "://" + r.host + "/")
	if err != nil || u.Host == "" || u.Host != r.host || u.Path != "/" || u.User != nil {
		return nil, wrong("git named no host that can be used")
	}
	return u, nil
}

func (a *app) helpGit(ctx context.Context, name, action string, o gitOptions) error {
	if action != "get" && action != "erase" {
		// gitcredentials(7): "if it does not support the requested operation, it should ignore it".
		_, err := io.Copy(io.Discard, io.LimitReader(a.stdin, longestGit))
		return err
	}
	h, err := a.helped(ctx, name)
	if err != nil {
		return err
	}
	r, err := parseGit(a.stdin)
	if err != nil {
		return err
	}
	u, err := r.url()
	if err != nil {
		return err
	}
	if action == "erase" {
		if known, err := h.coversStored(ctx, u); !known || r.password == "" {
			return err
		}
		return h.reject(ctx, core.NewSecret(r.password))
	}
	return h.answerGit(ctx, r, u, o)
}

// covers reports whether a session may send its credential to a URL.
func covers(s *core.Session, u *url.URL) bool {
	_, err := core.NewOriginIndex(slices.Values([]*core.Session{s})).Find(u)
	return err == nil
}

// coversStored is covers, also for origins that only what is stored names.
func (h *helped) coversStored(ctx context.Context, u *url.URL) (bool, error) {
	if covers(h.session, u) {
		return true, nil
	}
	ready, err := h.session.Restore(ctx)
	return err == nil && ready && covers(h.session, u), err
}

// answerGit writes the answer to "get", if there is one.
func (h *helped) answerGit(ctx context.Context, r gitRequest, u *url.URL, o gitOptions) error {
	if known, err := h.coversStored(ctx, u); !known {
		return err // another helper may have an answer
	}
	c, err := h.obtain(ctx, need{minimum: defaultMinimum})
	if err != nil {
		return err
	}
	defer h.close(ctx, c)
	if !covers(h.session, u) {
		return nil
	}
	lines, err := gitAnswer(h.session.Name(), r, o, c)
	if err != nil {
		return err
	}
	if lines == nil {
		h.app.sayOtherUser(h.session.Name())
		return nil
	}
	_, err = io.WriteString(h.app.stdout, strings.Join(lines, "\n")+"\n")
	return err
}

// sayOtherUser tells the person why git gets no answer.
func (a *app) sayOtherUser(name string) {
	if !a.flags.quiet && !a.json() {
		fmt.Fprintf(a.stderr, "authsession: no answer, as git asks for another user name than that of "+
			"session %q\n", printable(name))
	}
}

// gitAnswer returns the lines of the answer.
func gitAnswer(name string, r gitRequest, o gitOptions, c core.Credential) ([]string, error) {
	if err := headersOnly(name, c); err != nil {
		return nil, err
	}
	lines, err := gitLines(name, r, o, c)
	if err != nil || lines == nil {
		return nil, err
	}
	if !c.Expiry.IsZero() {
		lines = append(lines, fmt.Sprintf("password_expiry_utc=%d", c.Expiry.Unix()))
	}
	if slices.ContainsFunc(lines, func(l string) bool { return strings.ContainsAny(l, "\n\r\x00") }) {
		return nil, errors.New("the credential has a line break in it")
	}
	return lines, nil
}

// gitLines returns the lines of the answer that say who it is; nil: somebody else is
// wanted.
func gitLines(name string, r gitRequest, o gitOptions, c core.Credential) ([]string, error) {
	if user, password, ok := c.UserPassword(); ok {
		if r.username != "" && r.username != user.Reveal() {
			return nil, nil
		}
		return []string{"username=" + user.Reveal(), "password=" + password.Reveal()}, nil
	}
	token, err := bearer(name, c)
	switch {
	case err != nil:
		return nil, err
	case o.bearer && r.authtype:
		return []string{
			"capability[]=authtype", "authtype=Bearer", "credential=" + token.Reveal(), "ephemeral=1",
		}, nil
	}
	return []string{"username=" + firstOf(r.username, o.user), "password=" + token.Reveal()}, nil
}
