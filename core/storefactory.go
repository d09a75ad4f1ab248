// Read on in lifetime.go.

package core

import (
	"context"
	"fmt"
	"reflect"
	"slices"
)

// StoreInfo describes a kind of store.
type StoreInfo struct {
	Kind    string // its name in a config file, such as "file"
	Summary string // one line for people
}

// StoreFactory makes stores of one kind from settings, as a [Factory] makes providers. A package
// of stores exports it, and a program hands it to registry/config, which so links only the stores
// that the program wants. A StoreFactory is immutable and safe for concurrent use; the zero
// StoreFactory makes nothing.
type StoreFactory struct {
	info     StoreInfo
	settings []Setting
	check    func(map[string]any) error
	open     func(context.Context, map[string]any) (Store, error)
}

// NewStoreFactory makes a factory for stores whose settings are the struct type C. The tags of its
// fields describe them as in [NewFactory]. The name "kind" is taken: it is the key that names the
// factory.
//
// A type C with a method Validate() error is asked after its fields are filled in; it reports
// through [Faultf]. Validate looks at the settings alone.
//
// open makes a store. It sends, reads and makes nothing: what can fail or wait belongs to the
// store's methods. NewStoreFactory panics if C is not a struct, has a setting "kind" or info has no
// Kind, as only a programmer can cause that.
func NewStoreFactory[C any](
	info StoreInfo, open func(ctx context.Context, cfg C) (Store, error),
) StoreFactory {
	t := reflect.TypeFor[C]()
	if info.Kind == "" || t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("core.NewStoreFactory: kind %q with settings of type %v", info.Kind, t))
	}
	settings := describeSettings(t)
	if slices.ContainsFunc(settings, func(s Setting) bool { return s.Name == "kind" }) {
		panic(fmt.Sprintf("core.NewStoreFactory: the kind %q has a setting \"kind\"", info.Kind))
	}
	return StoreFactory{
		info:     info,
		settings: settings,
		check: func(settings map[string]any) error {
			_, err := decodeStore[C](settings)
			return err
		},
		open: func(ctx context.Context, settings map[string]any) (Store, error) {
			cfg, err := decodeStore[C](settings)
			if err != nil {
				return nil, err
			}
			s, err := open(ctx, cfg)
			if err == nil && s == nil {
				err = fmt.Errorf("the factory of the kind %q of store returned no store", info.Kind)
			}
			if err != nil {
				return nil, annotateError(err, "", "", "open")
			}
			return s, nil
		},
	}
}

// decodeStore reads the settings of a store and checks them.
func decodeStore[C any](settings map[string]any) (cfg C, err error) {
	faults := decodeSettings(settings, reflect.ValueOf(&cfg).Elem())
	if v, ok := any(&cfg).(interface{ Validate() error }); ok && len(faults) == 0 {
		faults = appendFaults(faults, v.Validate())
	}
	if len(faults) > 0 {
		return cfg, &Error{Code: CodeBadConfig, Err: Faults(faults)}
	}
	return cfg, nil
}

// Info returns what the factory makes.
func (f StoreFactory) Info() StoreInfo { return f.info }

// Settings describes the settings, in the order of their declaration. Do not write to the result.
func (f StoreFactory) Settings() []Setting { return f.settings }

// Check reports every fault of the settings, without making a store. The error is
// [CodeBadConfig] and holds [Faults].
func (f StoreFactory) Check(settings map[string]any) error {
	if f.check == nil {
		return Errorf(CodeBadConfig, "the zero core.StoreFactory makes no store")
	}
	return f.check(settings)
}

// Open makes a store from settings, which are as for [Factory.Open]. Faults of the settings are
// [CodeBadConfig].
func (f StoreFactory) Open(ctx context.Context, settings map[string]any) (Store, error) {
	if f.open == nil {
		return nil, Errorf(CodeBadConfig, "the zero core.StoreFactory makes no store")
	}
	return f.open(ctx, settings)
}
