package command

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
)

// defaultMinimum is how long what is handed over has to be valid.
const defaultMinimum = time.Minute

func (a *app) tokenCommand() *cobra.Command {
	var header bool
	minimum := defaultMinimum
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Print the token of a session",
		Long: `token prints the bearer token or the API key of a session and a line break. If what is
stored is not valid for long enough, it is renewed; nobody is asked to sign in.

With --header it prints the headers of a request, a line for each, as curl -H wants
them. A credential that is more than headers (a certificate, a cookie, a signature or
a DPoP proof for each request) is refused: "authsession request" sends with it.`,
		Example: `  authsession token reports
  curl -H "$(authsession token reports --header)" https://reports.example.com/v1/today
  authsession token reports --min-valid 10m`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			n := need{minimum: minimum, strict: cmd.Flags().Changed("min-valid")}
			return a.token(cmd.Context(), args[0], n, header)
		},
	}
	cmd.Flags().BoolVar(&header, "header", false, "print the headers, as Name: value")
	cmd.Flags().DurationVar(&minimum, "min-valid", minimum,
		"how long the token has to be valid; without the flag, a session whose tokens live shorter "+
			"gives those")
	return cmd
}

// tokenJSON is a token with what belongs to it. Fields are only added.
type tokenJSON struct {
	Version int               `json:"schema_version"`
	Session string            `json:"session"`
	Token   string            `json:"token,omitempty"`
	Headers map[string]string `json:"headers"`
	Expires *time.Time        `json:"expires_at,omitempty"`
}

func (a *app) token(ctx context.Context, name string, n need, header bool) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	s, err := findSession(cfg, name)
	if err != nil {
		return err
	}
	c, err := a.obtain(ctx, s, n)
	if err != nil {
		return err
	}
	defer handedOver(ctx, cfg, s, c)
	if err := headersOnly(name, c); err != nil {
		return err
	}
	token, err := bearer(name, c)
	if err != nil && !header {
		return err
	}
	if a.json() {
		return writeJSON(a.stdout, newTokenJSON(name, token, c))
	}
	if !header {
		_, err := fmt.Fprintln(a.stdout, token.Reveal())
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Attach.Header)) {
		if _, err := fmt.Fprintf(a.stdout, "%s: %s\n", name, c.Attach.Header[name].Reveal()); err != nil {
			return err
		}
	}
	return nil
}

func newTokenJSON(name string, token core.Secret, c core.Credential) tokenJSON {
	out := tokenJSON{Version: 1, Session: name, Token: token.Reveal(), Headers: map[string]string{}}
	for header, value := range c.Attach.Header {
		out.Headers[header] = value.Reveal()
	}
	if !c.Expiry.IsZero() {
		expires := c.Expiry.UTC()
		out.Expires = &expires
	}
	return out
}
