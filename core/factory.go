// Read on in storefactory.go.

package core

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Info describes a provider.
type Info struct {
	Kind    string // its name in a config file, such as "oauth2"
	Summary string // one line for people
	// Environments are those that the provider knows by itself; then one of
	// them must be chosen. Empty: any, or none.
	Environments []Environment
	// Facade says that a package has calls to the API of this kind, as gs has: the
	// kind's sessions then have one slot of a [Scope] together. False: each name
	// has its own.
	Facade bool
	// Plugin names the plugin that serves the kind. Empty: it is compiled in.
	Plugin string
	// Version is the plugin's. Empty: it has none, or was not started yet.
	Version string
}

// Factory makes providers of one kind from settings. It is what a provider
// package exports, a registry holds and a plugin serves. A Factory is
// immutable and safe for concurrent use; the zero Factory makes nothing.
type Factory struct {
	id       *byte // the same in all copies, see Same
	info     Info
	settings []Setting
	describe func() (Info, []Setting) // of a proxy, in the place of the two above
	check    func(Environment, map[string]any) error
	open     func(context.Context, Environment, map[string]any) (Provider, error)
}

// NewFactory makes a factory for providers whose settings are the struct type
// C. The tags of its fields describe them:
//
//	ClientID string      `json:"client_id" required:"true" identity:"true" doc:"…"`
//	Secret   core.Secret `json:"client_secret" doc:"…"`
//	Style    string      `json:"style" default:"basic" enum:"basic,post" doc:"…"`
//
// The tag identity marks the settings that say whose credential it is (see
// [Setting]); a provider whose credentials are stored has at least one.
//
// A type C with a method Validate(Environment) error is asked after its fields
// are filled in; it reports through [Fault] (errors.Join several). Validate
// looks at the settings alone: it reads no file and sends nothing.
//
// open makes a provider. It should not send anything either: Authenticate does. NewFactory
// panics if C is not a struct or info has no Kind, which only a programmer can cause.
func NewFactory[C any](
	info Info, open func(ctx context.Context, env Environment, cfg C) (Provider, error),
) Factory {
	t := reflect.TypeFor[C]()
	if info.Kind == "" || t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("core.NewFactory: kind %q with settings of type %v", info.Kind, t))
	}
	info.Environments = slices.Clone(info.Environments)
	decode := func(env Environment, settings map[string]any) (cfg C, err error) {
		faults := decodeSettings(settings, reflect.ValueOf(&cfg).Elem())
		if err := info.CheckEnvironment(env); err != nil {
			return cfg, err
		}
		if v, ok := any(&cfg).(interface{ Validate(Environment) error }); ok && len(faults) == 0 {
			faults = appendFaults(faults, v.Validate(env))
		}
		if len(faults) > 0 {
			return cfg, &Error{Kind: info.Kind, Code: CodeBadConfig, Err: Faults(faults)}
		}
		return cfg, nil
	}
	return Factory{
		id:       new(byte),
		info:     info,
		settings: describeSettings(t),
		check: func(env Environment, settings map[string]any) error {
			_, err := decode(env, settings)
			return err
		},
		open: func(ctx context.Context, env Environment, settings map[string]any) (Provider, error) {
			cfg, err := decode(env, settings)
			if err != nil {
				return nil, err
			}
			p, err := open(ctx, env, cfg)
			if err != nil {
				return nil, annotateError(err, "", info.Kind, "open")
			}
			return p, nil
		},
	}
}

// ProxyFactory makes a factory for a provider that is elsewhere, such as in a plugin
// process. describe returns at once what is known: before the other process was asked,
// that may be the kind alone. check reports the faults that it finds without starting a
// process; open asks the other process. All three must be safe for concurrent use.
func ProxyFactory(
	describe func() (Info, []Setting),
	check func(Environment, map[string]any) error,
	open func(context.Context, Environment, map[string]any) (Provider, error),
) Factory {
	return Factory{id: new(byte), describe: describe, check: check, open: open}
}

// Same reports whether f and g are copies of one factory.
func (f Factory) Same(g Factory) bool { return f.id == g.id }

// Described reports whether the settings are known. They are, except for a proxy whose
// other process was not asked yet.
func (f Factory) Described() bool {
	return f.describe == nil || len(f.Settings()) > 0 || f.Info().Summary != ""
}

// Info returns what the factory makes.
func (f Factory) Info() Info {
	if f.describe != nil {
		info, _ := f.describe()
		return info
	}
	return f.info
}

// Settings describes the settings, in the order of their declaration. Do not
// write to the result.
func (f Factory) Settings() []Setting {
	if f.describe != nil {
		_, settings := f.describe()
		return settings
	}
	return f.settings
}

// Check reports every fault of the settings, without opening anything. The
// error is [CodeBadConfig] and holds [Faults]; an environment that the provider
// does not know is reported alone.
func (f Factory) Check(env Environment, settings map[string]any) error {
	if f.check == nil {
		return Errorf(CodeBadConfig, "the zero core.Factory makes no provider")
	}
	return f.check(env, settings)
}

// Open makes a provider from settings: what a JSON or YAML decoder makes of
// an object. A value may also be a [Secret], whose text is then read as
// whatever the setting's type asks for.
func (f Factory) Open(
	ctx context.Context, env Environment, settings map[string]any,
) (Provider, error) {
	if f.open == nil {
		return nil, Errorf(CodeBadConfig, "the zero core.Factory makes no provider")
	}
	return f.open(ctx, env, settings)
}

// CheckEnvironment reports whether env is one of those that the provider knows.
// The error is [CodeBadConfig] and lists them.
func (i Info) CheckEnvironment(env Environment) error {
	if len(i.Environments) == 0 || slices.Contains(i.Environments, env) {
		return nil
	}
	names := make([]string, len(i.Environments))
	for n, e := range i.Environments {
		names[n] = string(e)
	}
	known := strings.Join(names, ", ")
	err := fmt.Errorf("unknown environment %q%s; known: %s",
		env, DidYouMean(string(env), names), known)
	if env == "" {
		err = fmt.Errorf("no environment is chosen; known: %s", known)
	}
	return &Error{Kind: i.Kind, Code: CodeBadConfig, Err: err}
}

// annotateError adds the session, the kind and the operation to err, where err does not
// have them.
func annotateError(err error, session, kind, op string) error {
	if err == nil {
		return nil
	}
	out := Error{Session: session, Kind: kind, Op: op, Code: CodeOf(err), Err: err}
	if code, ok := err.(Code); ok {
		out.Err = nil
		out.Code = code
	}
	var e *Error
	if errors.As(err, &e) && e != nil {
		out.RetryAfter, out.Local, out.Input = e.RetryAfter, e.Local, e.Input
		if e == err { // the outermost: take its place instead of repeating its code
			out.Err = e.Err
			if e.Op != "" {
				out.Op = e.Op
			}
		}
	}
	return &out
}
