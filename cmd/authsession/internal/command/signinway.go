package command

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

const (
	signInKey       = "settings.sign_in"
	defaultSignIn   = 10 * time.Minute // without sign_in_timeout
	needsOAuthGrant = "use a session of the provider oauth2 whose grant is authorization_code or " +
		"device_code"
)

// overlay is a source of the configuration: what flags of the command set.
type overlay map[string]any

// Read implements [koanf.Provider].
func (o overlay) Read() (map[string]any, error) { return o, nil }

// ReadBytes implements [koanf.Provider].
func (overlay) ReadBytes() ([]byte, error) { return nil, errors.ErrUnsupported }

// loadToSignIn returns a configuration in which a person signs in to the sessions in another
// way: that of the setting sign_in, as the flags --browser and --device choose it. Without a
// way it is cfg. What is stored belongs to the same session in either way. A session that has
// no such way is an error of usage.
func (a *app) loadToSignIn(
	ctx context.Context, cfg *config.Config, names []string, way string,
) (*config.Config, error) {
	if way == "" {
		return cfg, nil
	}
	sessions := overlay{}
	for _, name := range names {
		session, err := signInOverlay(cfg, name, way)
		if err != nil {
			return nil, err
		}
		sessions[name] = session
	}
	opts, err := a.options()
	if err != nil {
		return nil, err
	}
	opts.Sources = append(opts.Sources, &config.KoanfSource{
		Name: "--" + way, Provider: overlay{"sessions": map[string]any(sessions)},
	})
	chosen, err := config.Load(ctx, opts)
	for _, name := range names {
		if err == nil {
			_, err = chosen.Session(name)
		}
	}
	var faults *config.Error
	if errors.As(err, &faults) { // there was none before
		var problems []string
		for _, f := range faults.Faults {
			problems = append(problems, strings.TrimPrefix(f.Key, "sessions.")+": "+f.Problem)
		}
		return nil, wrong("nobody can sign in with --%s: %s; %s", way, strings.Join(problems, "; "),
			needsOAuthGrant)
	}
	return chosen, err
}

// signInOverlay returns the keys of a session that set sign_in: where it is set already, in the
// section of an environment, or for all of them.
func signInOverlay(cfg *config.Config, name, way string) (map[string]any, error) {
	if _, err := findSession(cfg, name); err != nil {
		return nil, err
	}
	set, err := cfg.Source(name, signInKey)
	if err != nil {
		return nil, wrong("session %q has no choice of how a person signs in (--%s): %s",
			name, way, needsOAuthGrant)
	}
	settings := map[string]any{"settings": map[string]any{"sign_in": way}}
	key, inEnvironment := strings.CutPrefix(set.Key, "sessions."+name+".environments.")
	if !inEnvironment {
		return settings, nil
	}
	environment := strings.TrimSuffix(key, "."+signInKey)
	return map[string]any{"environments": map[string]any{environment: settings}}, nil
}

// signInTimeout returns how long a person has to sign in, as the configuration says.
func signInTimeout(cfg *config.Config, name string) time.Duration {
	set, _ := cfg.Source(name, "sign_in_timeout")
	if limit, err := time.ParseDuration(set.Value); err == nil && limit > 0 {
		return limit
	}
	return defaultSignIn
}

// withNextWay returns err with the command that may help after a sign-in that nobody finished:
// not the one that has just failed, but the same with --device if the session has that, else with
// --print-url. A person who was asked and denied may have meant the other button.
func (a *app) withNextWay(
	err error, cfg *config.Config, name string, how loginOptions, asked bool,
) error {
	if asked && core.CodeOf(err) == core.CodeDenied {
		return then(err, "login", name)
	}
	if core.CodeOf(err) != core.CodeInteractive || a.flags.noInput {
		return err
	}
	grant, _ := cfg.Source(name, "settings.grant")
	issuer, _ := cfg.Source(name, "settings.issuer")
	device, _ := cfg.Source(name, "settings.device_authorization_url")
	switch byBrowser := grant.Value == "authorization_code" && !how.printURL; {
	case byBrowser && how.way() == "" && (!issuer.Default || !device.Default):
		return then(err, "login", name, "--device")
	case byBrowser && !how.device:
		return then(err, "login", name, "--print-url")
	}
	return &failure{err: err, next: []string{}}
}
