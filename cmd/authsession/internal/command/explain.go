package command

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/registry/config"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME [KEY]",
		Short: "Print the keys of a session in effect, and where each comes from",
		Long: `explain prints the keys of a session with their values in effect, where each comes
from (file, line and column, a variable, or the default), and what it is for.
Secrets, and what a variable or a reference takes part in, are shown as REDACTED.

KEY is one key, such as origins or settings.client_id, or the beginning of some,
such as settings.`,
		Example: `  authsession config explain reports
  authsession config explain reports settings.client_id
  authsession -e qa config explain reports origins`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := ""
			if len(args) == 2 {
				key = args[1]
			}
			return a.explain(cmd.Context(), args[0], key)
		},
	}
}

// sourceJSON is a key in effect. Fields are only added.
type sourceJSON struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	From     string `json:"from"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Variable string `json:"variable,omitempty"`
	Default  bool   `json:"default"`
	Doc      string `json:"doc,omitempty"`
}

func (a *app) explain(ctx context.Context, name, key string) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	defer cfg.Close(ctx) //nolint:errcheck // nothing was obtained
	sources, err := cfg.Sources(name)
	if err != nil {
		_, err = findSession(cfg, name)
		return err
	}
	if sources, err = choose(cfg, name, key, sources); err != nil {
		return thenOf(name, err, "config", "explain", name)
	}
	if a.json() {
		out := make([]sourceJSON, len(sources))
		for i, s := range sources {
			out[i] = sourceJSON{
				s.Key, s.Value, s.String(), s.File, s.Line, s.Column, s.Variable, s.Default, s.Doc,
			}
		}
		return writeJSON(a.stdout, struct {
			Version int          `json:"schema_version"`
			Session string       `json:"session"`
			Keys    []sourceJSON `json:"keys"`
		}{1, name, out})
	}
	l := list{head: []string{"KEY", "VALUE", "FROM", "WHAT"}}
	for _, s := range sources {
		l.add(shortKey(s.Key, name), s.Value, s.String(), s.Doc)
	}
	return a.printList(l)
}

// shortKey returns a key without the path of its session.
func shortKey(key, session string) string {
	return strings.TrimPrefix(key, "sessions."+session+".")
}

// choose returns the sources of a key and of those that it is the beginning of.
func choose(cfg *config.Config, name, key string, all []config.Source) ([]config.Source, error) {
	if key == "" {
		return all, nil
	}
	var out []config.Source
	for _, s := range all {
		// A value of an environment has the path of its section.
		short := shortKey(s.Key, name)
		if _, rest, ok := strings.Cut(short, "environments."); ok && rest != "" {
			_, short, _ = strings.Cut(rest, ".")
		}
		if short == key || strings.HasPrefix(short, strings.TrimSuffix(key, ".")+".") {
			out = append(out, s)
		}
	}
	if out != nil {
		return out, nil
	}
	one, err := cfg.Source(name, key)
	return []config.Source{one}, err
}
