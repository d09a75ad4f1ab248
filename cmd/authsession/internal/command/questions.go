package command

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
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

// draft asks for what every session has.
func (q questions) draft(ctx context.Context, o initOptions) (*draft, error) {
	factories := providers.Builtin()
	if q.ask && o.kind == "" {
		if err := q.app.listKinds(factories); err != nil {
			return nil, err
		}
	}
	kind, err := q.answer(ctx, o.kind, "Kind of the provider", "")
	if err != nil {
		return nil, err
	}
	if kind == "" {
		return nil, &failure{kind: usage, next: []string{"kinds"},
			err: errors.New("--provider: want the kind of the provider")}
	}
	f, err := factoryOf(factories, kind)
	if err != nil {
		return nil, err
	}
	d := &draft{factory: f, origins: o.origins, values: map[string]string{}}
	if d.name, err = q.answer(ctx, o.name, "Name of the session", kind); err != nil {
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
		given, err := q.answer(ctx, o.environment, "Environment: "+strings.Join(names, ", "), names[0])
		if err != nil {
			return err
		}
		if d.environment, err = q.chosen(ctx, given, names, "--environment"); err != nil {
			return err
		}
		return nil // such a provider knows its origins, too
	}
	if len(d.origins) == 0 && q.ask {
		text, err := q.answer(ctx, "", "Where the credential may go, such as https://api.example.com", "")
		if err != nil {
			return err
		}
		d.origins = strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' })
	}
	return nil
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
		value, err := q.answer(ctx, "", s.Doc+" One of "+strings.Join(s.Enum, ", "), s.Default)
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
	value, err := q.answer(ctx, "", name+": "+problem+". "+s.Doc, "")
	d.values[name] = value
	return err
}

// anySetting asks for one of several settings that would do.
func (q questions) anySetting(ctx context.Context, d *draft, problem string) error {
	text, err := q.answer(ctx, "", problem+". One setting, as KEY=VALUE; of a secret one, KEY alone",
		"")
	if err != nil {
		return err
	}
	if s, ok := d.setting(text); ok && s.Secret {
		d.refer(text, s)
		return nil
	}
	return d.set(text)
}
