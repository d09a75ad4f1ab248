package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

func (a *app) helperCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "helper",
		Short: "Answer kubectl, AWS tools and git, which run authsession for credentials",
		Long: `helper answers other programs in their own protocols. "authsession setup" prints the
configuration that makes them run it.`,
		Example: "  authsession setup kubectl cluster",
		Args:    cobra.NoArgs,
		RunE:    needsCommand,
	}
	cmd.AddCommand(a.helperKubectlCommand(), a.helperAWSCommand(), a.helperGitCommand())
	return cmd
}

// helped is a session that a helper answers for.
type helped struct {
	app     *app
	cfg     *config.Config
	session *core.Session
	// ask says that a person may be asked.
	ask bool
}

func (a *app) helped(ctx context.Context, name string) (*helped, error) {
	cfg, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	s, err := findSession(cfg, name)
	return &helped{app: a, cfg: cfg, session: s}, err
}

// obtain returns a credential for the program that runs the helper.
func (h *helped) obtain(ctx context.Context, n need) (core.Credential, error) {
	c, err := h.app.obtain(ctx, h.session, n)
	if h.ask && errors.Is(err, core.CodeInteractive) {
		if _, err := h.app.signIn(ctx, h.session, loginOptions{},
			signInTimeout(h.cfg, h.session.Name())); err != nil {
			return core.Credential{}, err
		}
		c, err = h.app.obtain(ctx, h.session, n)
	}
	return c, err
}

// close ends the session whose credential was handed over.
func (h *helped) close(ctx context.Context, c core.Credential) {
	handedOver(ctx, h.cfg, h.session, c)
}

// reject marks what is stored as refused, if it is secret.
func (h *helped) reject(ctx context.Context, secret core.Secret) error {
	if !keeps(h.cfg, h.session.Name()) {
		return nil // nothing is stored: the next process authenticates anew
	}
	_, err := h.session.RejectStored(ctx, secret)
	return err
}
