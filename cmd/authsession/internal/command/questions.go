package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
)

// questions asks the person, if there is one.
type questions struct {
	app *app
	ui  *core.UI
	ask bool
}

// answer returns given or, if that is empty, what the person says.
func (q questions) answer(ctx context.Context, given, prompt, byDefault string) (string, error) {
	if given != "" || !q.ask {
		return firstOf(given, byDefault), nil
	}
	if byDefault != "" {
		prompt += " [" + byDefault + "]"
	}
	secret, err := q.ui.Ask(ctx, prompt, false)
	if err != nil {
		return "", err
	}
	return firstOf(strings.TrimSpace(secret.Reveal()), byDefault), nil
}

// valid is answer for what has to be right: the person is told what is wrong, and asked
// again. What is given is wrong for good.
func (q questions) valid(
	ctx context.Context, given, prompt, byDefault string, check func(string) error,
) (string, error) {
	for {
		value, err := q.answer(ctx, given, prompt, byDefault)
		if err != nil {
			return "", err
		}
		problem := check(value)
		if problem == nil || given != "" || !q.ask {
			return value, problem
		}
		q.tell(problem)
	}
}

// tell shows what is wrong with an answer.
func (q questions) tell(problem error) {
	for _, line := range printableLines(message(problem)) {
		fmt.Fprintln(q.app.stderr, line)
	}
}

// draft asks for what every session has.
func (q questions) draft(ctx context.Context, o initOptions) (*draft, error) {
	factories := providers.Builtin()
	if q.ask && o.kind == "" {
		if err := q.app.listKinds(factories); err != nil {
			return nil, err
		}
	}
	var f core.Factory
	_, err := q.valid(ctx, o.kind, "Kind of the provider", "", func(kind string) (err error) {
		if kind == "" {
			return &failure{kind: usage, next: []string{"kinds"},
				err: errors.New("--provider: want the kind of the provider")}
		}
		f, err = factoryOf(factories, kind)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := &draft{factory: f, origins: o.origins, values: map[string]string{}}
	d.name, err = q.valid(ctx, o.name, "Name of the session", f.Info().Kind,
		func(name string) error { return checkSession(ctx, name, nil) })
	if err != nil {
		return nil, err
	}
	if d.store, err = q.chosen(ctx, o.store, []string{"file", "keyring", "none"},
		"--store"); err != nil {
		return nil, err
	}
	if err := q.place(ctx, o, d); err != nil {
		return nil, err
	}
	for _, text := range o.set {
		if err := d.set(text); err != nil {
			return nil, err
		}
	}
	return d, q.choices(ctx, d)
}

// place asks for the environment and the origins.
func (q questions) place(ctx context.Context, o initOptions, d *draft) (err error) {
	if known := d.factory.Info().Environments; len(known) > 0 {
		names := make([]string, len(known))
		for i, e := range known {
			names[i] = string(e)
		}
		d.environment, err = q.valid(ctx, o.environment, "Environment: "+strings.Join(names, ", "),
			names[0], func(given string) error {
				_, err := q.chosen(ctx, given, names, "--environment")
				return err
			})
		return err // such a provider knows its origins, too
	}
	if len(d.origins) == 0 && q.ask {
		_, err := q.valid(ctx, "", "Where the credential may go, such as https://api.example.com", "",
			func(text string) error {
				d.origins = strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' })
				return checkSession(ctx, d.name, d.origins)
			})
		return err
	}
	return checkSession(ctx, d.name, d.origins)
}

func (q questions) chosen(_ context.Context, given string, known []string, flag string) (string,
	error) {
	if !slices.Contains(known, given) {
		return "", wrong("%s: want one of %s%s", flag, strings.Join(known, ", "), core.DidYouMean(given,
			known))
	}
	return given, nil
}

// choices asks which way of the provider is wanted: settings with few values that
// say whose credential it is.
func (q questions) choices(ctx context.Context, d *draft) error {
	for _, s := range d.factory.Settings() {
		if len(s.Enum) == 0 || !s.Identity || d.values[s.Name] != "" {
			continue
		}
		value, err := q.valid(ctx, "", s.Doc+" One of "+strings.Join(s.Enum, ", "), s.Default,
			func(value string) error {
				if value == "" {
					return nil
				}
				_, err := q.chosen(ctx, value, s.Enum, s.Name)
				return err
			})
		if err != nil {
			return err
		}
		if value != s.Default {
			d.values[s.Name] = value
		}
	}
	return nil
}

// complete asks for settings until the configuration is accepted, and returns it.
func (q questions) complete(ctx context.Context, d *draft) (string, error) {
	asked := map[string]bool{}
	for {
		text, err := d.text()
		if err != nil {
			return "", err
		}
		err = checkText(ctx, text)
		if err == nil {
			return text, nil
		}
		name, problem := d.missing(err, asked)
		asked[name] = true
		s, _ := d.setting(name)
		secret := name != "" && s.Secret
		if !secret && (!q.ask || name == "" && problem == "") {
			return "", &failure{err: err, next: []string{"kinds", d.factory.Info().Kind}}
		}
		if err := q.fill(ctx, d, name, problem); err != nil {
			return "", err
		}
	}
}

// fill gives a setting a value: a reference if it is secret, otherwise what the
// person says.
func (q questions) fill(ctx context.Context, d *draft, name, problem string) error {
	s, _ := d.setting(name)
	switch {
	case name == "":
		return q.anySetting(ctx, d, problem)
	case s.Secret:
		d.refer(name, s)
		return nil
	}
	_, err := q.valid(ctx, "", name+": "+problem+". "+s.Doc, "", func(value string) error {
		d.values[name] = value
		return d.faultOf(ctx, name)
	})
	return err
}

// anySetting asks for one of several settings that would do.
func (q questions) anySetting(ctx context.Context, d *draft, problem string) error {
	_, err := q.valid(ctx, "", problem+". One setting, as KEY=VALUE; of a secret one, KEY alone", "",
		func(text string) error {
			if s, ok := d.setting(text); ok && s.Secret {
				d.refer(text, s)
				return nil
			}
			return d.set(text)
		})
	return err
}

// checkSession reports a name or origins that no session can have.
func checkSession(ctx context.Context, name string, origins []string) error {
	f, err := factoryOf(providers.Builtin(), "bearer")
	if err != nil {
		return err
	}
	d := draft{factory: f, name: name, origins: origins, store: "none",
		values: map[string]string{"token": "t"}}
	text, err := d.text()
	if err != nil {
		return err
	}
	return then(checkText(ctx, text), "help", "init")
}

// faultOf returns what is wrong with the value of a setting, or nil.
func (d *draft) faultOf(ctx context.Context, name string) error {
	text, err := d.text()
	if err != nil {
		return err
	}
	var faults *config.Error
	if err := checkText(ctx, text); !errors.As(err, &faults) {
		return err
	}
	for _, f := range faults.Faults {
		if strings.HasSuffix(f.Key, ".settings."+name) {
			return errors.New(name + ": " + f.Problem)
		}
	}
	return nil
}
