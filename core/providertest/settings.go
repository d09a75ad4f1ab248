package providertest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/authsession/authsession/core"
)

func factoryInfo(r *run) {
	info := r.factory.Info()
	if info.Kind == "" || strings.ContainsFunc(info.Kind, func(c rune) bool {
		return !(unicode.IsLower(c) && c < 0x80 || unicode.IsDigit(c) || c == '-' || c == '_' || c == '.')
	}) {
		r.errorf("Info.Kind is %q; want lower-case letters, digits, '-', '_' and '.'", info.Kind)
	}
	if strings.TrimSpace(info.Summary) == "" || strings.ContainsAny(info.Summary, "\r\n") {
		r.errorf("Info.Summary is %q; want one line for people", info.Summary)
	}
	for i, env := range info.Environments {
		if env == "" || slices.Contains(info.Environments[:i], env) {
			r.errorf("Info.Environments has an empty or repeated name: %q", info.Environments)
		}
	}
}

func settingsDocumented(r *run) {
	var look func(list []core.Setting, path string)
	look = func(list []core.Setting, path string) {
		for i, s := range list {
			at := path + s.Name
			if s.Name == "" || slices.ContainsFunc(list[:i],
				func(o core.Setting) bool { return o.Name == s.Name }) {
				r.errorf("a setting has an empty or repeated name: %q", at)
			}
			if strings.TrimSpace(s.Doc) == "" {
				r.errorf("the setting %q has no doc", at)
			}
			look(s.Fields, at+".")
		}
	}
	look(r.factory.Settings(), "")
}

// checkRefused checks that settings are refused correctly: with CodeBadConfig, the path
// and no value. It returns the error.
func (r *run) checkRefused(what string, settings map[string]any, paths ...[]string) error {
	err := r.factory.Check(r.Environment, settings)
	r.note(err)
	if err == nil {
		r.errorf("%s is accepted", what)
		return nil
	}
	if code := core.CodeOf(err); code != core.CodeBadConfig {
		r.errorf("%s is reported as %q, want %q: %w", what, code, core.CodeBadConfig, err)
	}
	var faults core.Faults
	if !errors.As(err, &faults) {
		r.errorf("%s is not reported as core.Faults: %w", what, err)
	}
	for _, path := range paths {
		if !slices.ContainsFunc(faults, func(f core.Fault) bool { return slices.Equal(f.Path, path) }) {
			r.errorf("%s: no fault has the path %q: %w", what, strings.Join(path, "."), err)
		}
	}
	if leaked := r.leak(err.Error()); leaked != "" {
		r.errorf("the error about %s shows %s", what, leaked)
	}
	return err
}

// unusedServer is a server for checks that need settings alone.
func (r *run) unusedServer() Server {
	return Server{URL: "http://127.0.0.1:9", TLSURL: "https://127.0.0.1:9", CA: serverCA(),
		Secret: r.canary}
}

func settingsUnknown(r *run) {
	for _, s := range r.factory.Settings() {
		settings := r.settings(r.unusedServer())
		misspelt := s.Name + "x"
		if slices.ContainsFunc(r.factory.Settings(),
			func(o core.Setting) bool { return o.Name == misspelt }) {
			continue
		}
		settings[misspelt] = r.canary
		err := r.checkRefused("the unknown key "+misspelt, settings, []string{misspelt})
		if err != nil && !strings.Contains(err.Error(), s.Name+`"`) {
			r.errorf("the error about the unknown key %q does not name the nearest known key %q: %w",
				misspelt, s.Name, err)
		}
	}
	settings := r.settings(r.unusedServer())
	settings["providertest_unheard_of"] = r.canary
	r.checkRefused("an unknown key", settings, []string{"providertest_unheard_of"})
}

func settingsWrongType(r *run) {
	r.wrongTypes(r.factory.Settings(), nil)
}

func (r *run) wrongTypes(list []core.Setting, path []string) {
	for _, s := range list {
		at := append(slices.Clone(path), s.Name)
		var wrong any = r.canary
		switch s.Type {
		case "any":
			continue
		case "string":
			wrong = []any{r.canary}
		}
		settings := r.settings(r.unusedServer())
		setAt(settings, at, wrong)
		r.checkRefused("a wrong type for "+strings.Join(at, "."), settings, at)
		if s.Type == "object" {
			r.wrongTypes(s.Fields, at)
		}
	}
}

func settingsMissing(r *run) {
	var all [][]string
	empty := r.settings(r.unusedServer())
	for _, s := range r.factory.Settings() {
		if !s.Required {
			continue
		}
		settings := r.settings(r.unusedServer())
		delete(settings, s.Name)
		delete(empty, s.Name)
		all = append(all, []string{s.Name})
		r.checkRefused("the missing setting "+s.Name, settings, []string{s.Name})
	}
	if len(all) > 1 {
		r.checkRefused("several missing settings", empty, all...)
	}
}

func settingsEnum(r *run) {
	for _, s := range r.factory.Settings() {
		if len(s.Enum) > 0 && s.Type == "string" {
			settings := r.settings(r.unusedServer())
			settings[s.Name] = r.canary
			r.checkRefused("a value of "+s.Name+" that is not one of its own", settings, []string{s.Name})
		}
	}
}

func settingsEnvironment(r *run) {
	info := r.factory.Info()
	if len(info.Environments) == 0 {
		r.skipped = "the factory knows no environments of its own"
		return
	}
	wrong := []core.Environment{"", "providertest-nowhere"}
	for _, env := range info.Environments {
		upper := core.Environment(strings.ToUpper(string(env)))
		if !slices.Contains(info.Environments, upper) {
			wrong = append(wrong, upper)
		}
	}
	for _, env := range wrong {
		err := r.factory.Check(env, r.settings(r.unusedServer()))
		r.note(err)
		if err == nil {
			r.errorf("the environment %q is accepted", env)
			continue
		}
		if code := core.CodeOf(err); code != core.CodeBadConfig {
			r.errorf("the environment %q is reported as %q, want %q", env, code, core.CodeBadConfig)
		}
		for _, known := range info.Environments {
			if !strings.Contains(err.Error(), string(known)) {
				r.errorf("the error about the environment %q does not name the known one %q: %w", env, known,
					err)
			}
		}
	}
}

// settingsSecret checks the settings that the fixture put the planted secret into.
func settingsSecret(r *run) {
	found := false
	walkSettings(r.factory.Settings(), r.settings(r.unusedServer()), nil,
		func(path []string, s core.Setting, text string) {
			if strings.Contains(text, r.canary) {
				found = true
				if !s.Secret {
					r.errorf("the setting %q holds the secret and is not a core.Secret", strings.Join(path, "."))
				}
			}
		})
	if !found {
		r.skipped = "the fixture puts Server.Secret into no setting"
	}
}

// settingsPlain gives the settings encoded and decoded as JSON, and with every text as a
// core.Secret, as a reference or a variable does.
func settingsPlain(r *run) {
	for what, settings := range map[string]map[string]any{
		"that went through JSON":                throughJSON(r.settings(r.unusedServer())),
		"with each text given as a core.Secret": asSecrets(r.settings(r.unusedServer())).(map[string]any),
	} {
		if err := r.factory.Check(r.Environment, settings); err != nil {
			r.errorf("the good settings %s are refused: %w", what, err)
		}
	}
}

// settingsUnchanged compares the settings before and after their use.
func settingsUnchanged(r *run) {
	settings := r.settings(r.unusedServer())
	before := clone(settings)
	_ = r.factory.Check(r.Environment, settings)
	_, err := r.call(r.ctx, func(ctx context.Context) error {
		_, err := r.factory.Open(ctx, r.Environment, settings)
		return err
	})
	_ = err // settings/good reports it
	if !reflect.DeepEqual(before, any(settings)) {
		r.errorf("Check or Open has written to the settings that it was given")
	}
}
