package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
)

func (a *app) setupGitCommand() *cobra.Command {
	var o setupOptions
	cmd := a.setupSub("git NAME", "Make git use a session for the hosts of its origins",
		`setup git prints what a git configuration needs to run "authsession helper git" for the
session's origins, and for no other host. The empty helper before it keeps git from
storing the token with helpers that are configured for all hosts. With --write it has
git put that into the user's configuration.`,
		"  authsession setup git forge\n  authsession setup git forge --write", &o, a.setupGit)
	cmd.Flags().StringVar(&o.user, "user", "", "user `name` for a token, if git names none")
	cmd.Flags().BoolVar(&o.bearer, "bearer", false,
		"give a token in the scheme Bearer (git 2.46 and later)")
	return cmd
}

func (a *app) setupGit(ctx context.Context, name string, words []string, o setupOptions) error {
	words = append(words, "helper", "git", name)
	if o.user != "" {
		words = append(words, "--user", o.user)
	}
	if o.bearer {
		words = append(words, "--bearer")
	}
	helper := "!" + strings.Join(quoted(words), " ")
	origins, err := a.gitOrigins(ctx, name)
	if err != nil {
		return err
	}
	for _, o2 := range origins {
		if !o.write {
			_, err = fmt.Fprintf(a.stdout, "[credential %q]\n\thelper =\n\thelper = %q\n", o2, helper)
		} else {
			err = a.writeGit(ctx, "credential."+o2+".helper", helper)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gitOrigins returns the origins of a session.
func (a *app) gitOrigins(ctx context.Context, name string) ([]string, error) {
	cfg, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	s, err := findSession(cfg, name)
	if err != nil {
		return nil, err
	}
	_, err = s.Restore(ctx)
	if origins := s.Status().Origins; len(origins) > 0 {
		return origins, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, then(core.Errorf(core.CodeBadConfig,
		"session %q names no origins, so that git would send "+
			"its token to any host: add them", name), "config", "explain", name, "origins")
}

// writeGit makes git's configuration have an empty helper and this one, and no other.
func (a *app) writeGit(ctx context.Context, key, helper string) error {
	before, err := gitConfig(ctx, "--get-all", key)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		before, err = "", nil // there is none
	}
	if err != nil {
		return err
	}
	old, now := strings.Split(strings.TrimSuffix(before, "\n"), "\n"), []string{"", helper}
	if slices.Equal(old, now) {
		_, err := fmt.Fprintf(a.stdout, "%s: nothing to change\n", key)
		return err
	}
	if _, err := gitConfig(ctx, "--replace-all", key, ""); err != nil {
		return err
	}
	if _, err := gitConfig(ctx, "--add", key, helper); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s:\n%s", key, difference(before, "\n"+helper+"\n"))
	return err
}

// gitConfig runs git config for the user's file.
func gitConfig(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"config", "--global"}, args...)...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git config: %w: %s", err, printable(strings.TrimSpace(problem.String())))
	}
	return string(out), nil
}
