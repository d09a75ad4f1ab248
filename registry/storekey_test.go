package registry_test

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/store"
)

// accountSettings are those of a kind that says what identifies an account.
type accountSettings struct {
	Issuer  string      `json:"issuer" identity:"true"`
	Client  string      `json:"client" required:"true" identity:"true"`
	Style   string      `json:"style" default:"plain" identity:"true"`
	Bound   bool        `json:"bound" identity:"true"`
	Version float64     `json:"version" identity:"true"`
	Secret  core.Secret `json:"secret" identity:"true"`
	Comment string      `json:"comment"`
	Retries int         `json:"retries" default:"3"`
	Signer  struct {
		Subject string      `json:"subject" default:"me" identity:"true"`
		Key     core.Secret `json:"key"`
		Hint    string      `json:"hint"`
	} `json:"signer"`
	Claims map[string]any `json:"claims" identity:"true"`
	Users  []struct {
		Name     string      `json:"name" identity:"true"`
		Password core.Secret `json:"password"`
	} `json:"users"`
	Sites map[string]struct {
		Tenant string `json:"tenant" identity:"true"`
		Color  string `json:"color"`
	} `json:"sites"`
	Plain struct {
		A string `json:"a"`
	} `json:"plain"`
}

// account is a kind whose tokens say which client and secret they are for.
func account(kind string) core.Factory {
	return core.NewFactory(
		core.Info{Kind: kind},
		func(_ context.Context, _ core.Environment, c accountSettings) (core.Provider, error) {
			return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				text := core.NewSecret(c.Client + "-" + c.Secret.Reveal())
				return core.Credential{
					Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": text}},
					Expiry: time.Now().Add(time.Hour),
				}, nil
			}), nil
		},
	)
}

func object(
	e *registry.Entry, name string,
) map[string]any {
	return e.Settings[name].(map[string]any)
}

func TestStoreKey(t *testing.T) {
	base := func() registry.Entry {
		return registry.Entry{
			Name:        "drive",
			Kind:        "account",
			Environment: core.QA,
			Settings: map[string]any{
				"issuer": "https://login.example.com", "client": "c", "version": 5, "secret": "s",
				"comment": "x",
				"signer":  map[string]any{"subject": "sam", "key": "k"},
				"claims":  map[string]any{"a": "1", "b": []any{"2", 3}},
				"users": []any{
					map[string]any{"name": "n", "password": "p"},
					map[string]any{"name": "m"},
				},
				"sites": map[string]any{"eu": map[string]any{"tenant": "t", "color": "red"}},
			},
		}
	}
	f := account("account")
	want := base().StoreKey(f)
	require.Equal(t, "drive-ae5cbb63742d8e87", want,
		"a program of another version must find what this one saved")
	for name, c := range map[string]struct {
		change func(e *registry.Entry)
		same   bool
	}{
		"nothing":            {func(*registry.Entry) {}, true},
		"secret":             {func(e *registry.Entry) { e.Settings["secret"] = "another" }, true},
		"secret gone":        {func(e *registry.Entry) { delete(e.Settings, "secret") }, true},
		"secret of its type": {func(e *registry.Entry) { e.Settings["secret"] = core.NewSecret("x") }, true},
		"nested secret":      {func(e *registry.Entry) { object(e, "signer")["key"] = "x" }, true},
		"secret in a list": {
			func(e *registry.Entry) { e.Settings["users"].([]any)[0].(map[string]any)["password"] = "q" },
			true,
		},
		"harmless":                  {func(e *registry.Entry) { e.Settings["comment"] = "y" }, true},
		"harmless, new":             {func(e *registry.Entry) { e.Settings["retries"] = 5 }, true},
		"harmless, from a variable": {func(e *registry.Entry) { e.Settings["comment"] = core.NewSecret("y") }, true},
		"harmless, nested": {func(e *registry.Entry) { object(e, "signer")["hint"] = "h" },
			true},
		"harmless, in a map": {func(e *registry.Entry) {
			object(e,
				"sites")["eu"].(map[string]any)["color"] = "blue"
		}, true},
		"harmless object":        {func(e *registry.Entry) { e.Settings["plain"] = map[string]any{"a": "b"} }, true},
		"unknown":                {func(e *registry.Entry) { e.Settings["other"] = "x" }, true},
		"null":                   {func(e *registry.Entry) { e.Settings["nothing"] = nil }, true},
		"number as float":        {func(e *registry.Entry) { e.Settings["version"] = 5.0 }, true},
		"number as text":         {func(e *registry.Entry) { e.Settings["version"] = "5" }, true},
		"number from a variable": {func(e *registry.Entry) { e.Settings["version"] = core.NewSecret("5") }, true},
		"default":                {func(e *registry.Entry) { e.Settings["style"] = "plain" }, true},
		"default as null":        {func(e *registry.Entry) { e.Settings["style"] = nil }, true},
		"false":                  {func(e *registry.Entry) { e.Settings["bound"] = false }, true},
		"false from a variable":  {func(e *registry.Entry) { e.Settings["bound"] = core.NewSecret("false") }, true},
		"from a variable":        {func(e *registry.Entry) { e.Settings["client"] = core.NewSecret("c") }, true},
		"maps of another type": {
			func(e *registry.Entry) { e.Settings["signer"] = map[string]string{"subject": "sam"} },
			true,
		},
		"options": {func(e *registry.Entry) {
			e.Options.Lazy, e.Options.Origins = true,
				[]string{"https://a.example"}
		}, true},
		"name":                 {func(e *registry.Entry) { e.Name = "drives" }, false},
		"kind":                 {func(e *registry.Entry) { e.Kind = "other" }, false},
		"environment":          {func(e *registry.Entry) { e.Environment = core.Prod }, false},
		"inputs":               {func(e *registry.Entry) { e.Inputs = map[string]string{"subject": "x"} }, false},
		"issuer":               {func(e *registry.Entry) { e.Settings["issuer"] = "https://other.example.com" }, false},
		"issuer gone":          {func(e *registry.Entry) { delete(e.Settings, "issuer") }, false},
		"client":               {func(e *registry.Entry) { e.Settings["client"] = "d" }, false},
		"client of a variable": {func(e *registry.Entry) { e.Settings["client"] = core.NewSecret("d") }, false},
		"not the default":      {func(e *registry.Entry) { e.Settings["style"] = "fancy" }, false},
		"true":                 {func(e *registry.Entry) { e.Settings["bound"] = true }, false},
		"number":               {func(e *registry.Entry) { e.Settings["version"] = 6 }, false},
		"nested": {func(e *registry.Entry) { object(e, "signer")["subject"] = "max" },
			false},
		"nested default":       {func(e *registry.Entry) { delete(e.Settings, "signer") }, false},
		"in a map of anything": {func(e *registry.Entry) { object(e, "claims")["a"] = "2" }, false},
		"in a list of anything": {func(e *registry.Entry) {
			object(e, "claims")["b"] = []any{"2",
				4}
		}, false},
		"in a list": {func(e *registry.Entry) { e.Settings["users"].([]any)[1].(map[string]any)["name"] = "o" }, false},
		"in a map": {func(e *registry.Entry) {
			object(e,
				"sites")["eu"].(map[string]any)["tenant"] = "u"
		}, false},
		"of another key": {
			func(e *registry.Entry) { e.Settings["sites"] = map[string]any{"us": object(e, "sites")["eu"]} },
			false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := base()
			c.change(&e)
			require.Equal(t, c.same, want == e.StoreKey(f), "%s and %s", want, e.StoreKey(f))
		})
	}
	nested := base()
	object(&nested, "signer")["subject"] = "me"
	without := base()
	delete(without.Settings, "signer")
	require.Equal(t, nested.StoreKey(f), without.StoreKey(f), "a nested default")

	e := base()
	e.Options.StoreScope = "acme"
	require.Equal(t, "drive-acme", e.StoreKey(f))
	e.Options.StoreKey = "mine"
	require.Equal(t, "mine", e.StoreKey(f))
}

// The settings of a kind that does not say what identifies an account all
// count, but for secrets.
func TestStoreKeyOfAKindThatNamesNone(t *testing.T) {
	base := func() registry.Entry {
		return registry.Entry{
			Name:        "drive",
			Kind:        "echo",
			Environment: core.QA,
			Settings: map[string]any{
				"user": "u", "key": "secret", "wait": "5s", "count": 5, "keys": []any{"k1", "k2"},
				"tls":    map[string]any{"roots": "r", "password": "p"},
				"users":  []any{map[string]any{"Name": "n", "Password": "p"}},
				"params": map[string]any{"a": "1", "b": "2"},
			},
		}
	}
	f := echo("echo")
	want := base().StoreKey(f)
	require.Regexp(t, `^drive-[0-9a-f]{16}$`, want)
	require.Equal(t, "drive-7eb4ef55681b4eb6", want,
		"a program of another version must find what this one saved")
	for name, c := range map[string]struct {
		change func(e *registry.Entry)
		same   bool
	}{
		"nothing":            {func(*registry.Entry) {}, true},
		"secret":             {func(e *registry.Entry) { e.Settings["key"] = "another" }, true},
		"secret gone":        {func(e *registry.Entry) { delete(e.Settings, "key") }, true},
		"secret of its type": {func(e *registry.Entry) { e.Settings["key"] = core.NewSecret("x") }, true},
		"list of secrets":    {func(e *registry.Entry) { e.Settings["keys"] = []any{"k3"} }, true},
		"nested secret":      {func(e *registry.Entry) { e.Settings["tls"].(map[string]any)["password"] = "x" }, true},
		"secret in a list": {func(e *registry.Entry) {
			e.Settings["users"] = []any{map[string]any{"Name": "m", "Password": "q"}}
		}, true},
		"number as float": {func(e *registry.Entry) { e.Settings["count"] = 5.0 }, true},
		"number as text":  {func(e *registry.Entry) { e.Settings["count"] = "5" }, true},
		"null":            {func(e *registry.Entry) { e.Settings["nothing"] = nil }, true},
		"options":         {func(e *registry.Entry) { e.Options.Lazy = true }, true},
		"name":            {func(e *registry.Entry) { e.Name = "drives" }, false},
		"kind":            {func(e *registry.Entry) { e.Kind = "other" }, false},
		"environment":     {func(e *registry.Entry) { e.Environment = core.Prod }, false},
		"inputs":          {func(e *registry.Entry) { e.Inputs = map[string]string{"subject": "x"} }, false},
		"setting":         {func(e *registry.Entry) { e.Settings["user"] = "v" }, false},
		"setting from a variable": {func(e *registry.Entry) { e.Settings["user"] = core.NewSecret("u") },
			true},
		"another variable": {func(e *registry.Entry) { e.Settings["user"] = core.NewSecret("v") },
			false},
		"nested variable": {
			func(e *registry.Entry) { e.Settings["tls"].(map[string]any)["roots"] = core.NewSecret("x") },
			false,
		},
		"number from a variable": {func(e *registry.Entry) { e.Settings["count"] = core.NewSecret("5") },
			true},
		"unknown secret": {func(e *registry.Entry) { e.Settings["other"] = core.NewSecret("x") },
			true},
		"setting gone":   {func(e *registry.Entry) { delete(e.Settings, "user") }, false},
		"nested setting": {func(e *registry.Entry) { e.Settings["tls"].(map[string]any)["roots"] = "x" }, false},
		"number":         {func(e *registry.Entry) { e.Settings["count"] = 6 }, false},
		"map":            {func(e *registry.Entry) { e.Settings["params"].(map[string]any)["b"] = "3" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := base()
			c.change(&e)
			require.Equal(t, c.same, want == e.StoreKey(f), "%s and %s", want, e.StoreKey(f))
		})
	}
}

// What a plugin has described must not change the key, as the next start of
// the program asks for the key before the plugin runs.
func TestStoreKeyOfAPlugin(t *testing.T) {
	real := account("account")
	started := false
	plugin := core.ProxyFactory(func() (core.Info, []core.Setting) {
		if !started {
			return core.Info{Kind: "account", Plugin: "p"}, nil
		}
		return core.Info{Kind: "account", Plugin: "p", Summary: "s"}, real.Settings()
	}, real.Check, real.Open)
	settings := map[string]any{"client": "c", "secret": core.NewSecret("s"), "comment": "x"}
	e := registry.Entry{Name: "drive", Kind: "account", Settings: settings}
	before := e.StoreKey(plugin)
	require.Equal(t, "drive-9c0f980caf21dc5c", before, "as for earlier versions")
	started = true
	require.Equal(t, before, e.StoreKey(plugin))
	settings["secret"] = core.NewSecret("another")
	require.Equal(t, before, e.StoreKey(plugin))
	for name, value := range map[string]any{"client": "d", "comment": "y", "secret": "plain text"} {
		changed := maps.Clone(settings)
		changed[name] = value
		e.Settings = changed
		require.NotEqual(t, before, e.StoreKey(plugin), name)
	}
}

// events collects what sessions report.
type events chan core.EventType

func (e events) observe(ev core.Event) { e <- ev.Type }

// next returns the next event. The test waits for it: events come after the
// call that caused them has returned.
func (e events) next(t *testing.T) core.EventType {
	t.Helper()
	select {
	case kind := <-e:
		return kind
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was reported")
		return 0
	}
}

// Sessions with a store find their credential again unless what identifies it
// has changed.
func TestStoreOfEntries(t *testing.T) {
	kept := store.Memory()
	own := core.Options{Store: kept}
	mine := core.Options{Store: kept, StoreKey: "mine"}
	scoped := core.Options{Store: kept, StoreScope: "acme"}
	seen := make(events, 10)
	for i, c := range []struct {
		entry registry.Entry
		want  core.EventType
	}{
		{registry.Entry{Name: "a", Kind: "echo", Settings: map[string]any{"user": "u", "key": "1"},
			Options: own}, core.EventAuthenticated},
		{registry.Entry{Name: "a", Kind: "echo", Settings: map[string]any{"user": "u", "key": "2"},
			Options: own}, core.EventRestored},
		{registry.Entry{Name: "a", Kind: "echo", Settings: map[string]any{"user": "v", "key": "2"},
			Options: own}, core.EventAuthenticated},
		{registry.Entry{Name: "a", Kind: "echo", Settings: map[string]any{"user": "w"}, Options: mine},
			core.EventAuthenticated},
		{registry.Entry{Name: "b", Kind: "echo", Settings: map[string]any{"user": "x"}, Options: mine},
			core.EventRestored},
		{registry.Entry{Name: "c", Kind: "account",
			Settings: map[string]any{"client": "c", "secret": "1"}, Options: own}, core.EventAuthenticated},
		{registry.Entry{Name: "c", Kind: "account",
			Settings: map[string]any{"client": "c", "secret": "2"}, Options: own}, core.EventRestored},
		{registry.Entry{Name: "c", Kind: "account",
			Settings: map[string]any{"client": "c", "comment": "new"}, Options: own}, core.EventRestored},
		{registry.Entry{Name: "c", Kind: "account", Settings: map[string]any{"client": "d"},
			Options: own}, core.EventAuthenticated},
		{registry.Entry{Name: "c", Kind: "account", Settings: map[string]any{"client": "c"},
			Options: own}, core.EventRestored},
		{registry.Entry{Name: "c", Kind: "account", Environment: core.QA,
			Settings: map[string]any{"client": "c"}, Options: own}, core.EventAuthenticated},
		{registry.Entry{Name: "c", Kind: "account", Settings: map[string]any{"client": "e"},
			Options: scoped}, core.EventAuthenticated},
		{registry.Entry{Name: "c", Kind: "account", Settings: map[string]any{"client": "f"},
			Options: scoped}, core.EventRestored},
	} {
		reg, err := registry.New(echo("echo"), account("account"))
		require.NoError(t, err)
		c.entry.Options.Observe = seen.observe
		require.NoError(t, reg.Add(t.Context(), c.entry))
		s, err := reg.Session(c.entry.Name)
		require.NoError(t, err)
		require.NoError(t, s.Init(t.Context()), i)
		require.Equal(t, c.want, seen.next(t), i)
	}
	require.Empty(t, seen)
}

// What was stored under the key of an earlier version, for which all settings
// counted, is found once.
func TestStoreKeyOfAnEarlierVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := store.Memory()
		start := func(e registry.Entry) *core.Session {
			e.Name, e.Kind, e.Options.Store = "drive", "account", kept
			reg, err := registry.New(account("account"))
			require.NoError(t, err)
			require.NoError(t, reg.Add(t.Context(), e))
			s, err := reg.Session("drive")
			require.NoError(t, err)
			return s
		}
		value := func(key string) string {
			text, err := kept.Load(t.Context(), key)
			require.NoError(t, err)
			return text.Reveal()
		}
		settings := map[string]any{"client": "c", "secret": "1", "comment": "x"}
		const former = "drive-9c0f980caf21dc5c" // as that version made it
		now := registry.Entry{
			Name:     "drive",
			Kind:     "account",
			Settings: settings,
		}.StoreKey(
			account("account"),
		)
		require.NotEqual(t, former, now)

		require.NoError(
			t,
			start(
				registry.Entry{Settings: settings, Options: core.Options{StoreKey: former}},
			).Init(t.Context()),
		)
		require.NotEmpty(t, value(former))
		s := start(registry.Entry{Settings: settings})
		require.NoError(t, s.Init(t.Context()))
		require.Zero(t, s.Status().Authentications, "it was found")
		require.Empty(t, value(former))
		require.NotEmpty(t, value(now))

		// From now on, settings that identify nothing may change.
		settings["comment"] = "y"
		s = start(registry.Entry{Settings: settings})
		require.NoError(t, s.Init(t.Context()))
		require.Zero(t, s.Status().Authentications)

		// A program may name the former key itself.
		own := core.Options{StoreKey: "own"}
		require.NoError(
			t,
			start(
				registry.Entry{Settings: map[string]any{"client": "o"}, Options: own},
			).Init(t.Context()),
		)
		own = core.Options{StoreFormerKey: "own"}
		s = start(registry.Entry{Settings: map[string]any{"client": "o"}, Options: own})
		require.NoError(t, s.Init(t.Context()))
		require.Zero(t, s.Status().Authentications)
		require.Empty(t, value("own"))

		// A key of one's own has no former one.
		settings["comment"] = "z"
		saved := value(now)
		for name, opts := range map[string]core.Options{"key": {StoreKey: "mine"},
			"scope": {StoreScope: "acme"}} {
			s = start(registry.Entry{Settings: settings, Options: opts})
			require.NoError(t, s.Init(t.Context()))
			require.EqualValues(t, 1, s.Status().Authentications, name)
			require.Equal(t, saved, value(now))
		}
	})
}
