package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/stretchr/testify/require"
)

// counting is a kind whose credential says which request it came from, and
// what the session "subject" had.
func counting(asked *atomic.Int32) core.Factory {
	type settings struct {
		User string `json:"user" default:"u"`
	}
	return core.NewFactory(
		core.Info{Kind: "count"},
		func(_ context.Context, _ core.Environment, c settings) (core.Provider, error) {
			return core.ProviderFunc(
				func(_ context.Context, req core.Request) (core.Credential, error) {
					asked.Add(1)
					text := strings.TrimSpace(
						c.User + " " + req.Inputs["subject"].Attach.Header["Authorization"].Reveal(),
					)
					return core.Credential{
						Attach: core.Attachment{
							Header: map[string]core.Secret{"Authorization": core.NewSecret(text)},
						},
						Expiry: time.Now().Add(time.Hour),
					}, nil
				},
			), nil
		},
	)
}

func withCount(opts config.Options, asked *atomic.Int32) config.Options {
	opts.Factories = append(opts.Factories, counting(asked))
	return opts
}

// credentials are the names of the stored credentials in dir, without their hashes.
func credentials(t *testing.T, dir string) (names []string) {
	list, err := filepath.Glob(filepath.Join(dir, "*.credential"))
	require.NoError(t, err)
	for _, name := range list {
		parts := strings.Split(filepath.Base(name), "-")
		names = append(names, strings.Join(parts[:len(parts)-2], "-"))
	}
	return names
}

func TestStoreKeepsCredentials(t *testing.T) {
	dir := t.TempDir()
	text := `
store: {kind: file, path: "${env:DIR}/all", key_file: "${env:DIR}/key"}
sessions:
  a: {provider: count, settings: {user: u}}
  b: {provider: count, store: {path: "${env:DIR}/b"}}
  c: {provider: count, store: {kind: memory}}
  d: {provider: count, environment: qa, environments: {qa: {store: {path: "${env:DIR}/qa"}}}}
`
	var asked atomic.Int32
	for range 2 {
		cfg := load(t, withCount(options(t, "a.yaml", text, "DIR="+dir), &asked))
		for _, name := range []string{"a", "b", "c", "d"} {
			s, err := cfg.Session(name)
			require.NoError(t, err)
			require.NoError(t, s.Init(context.Background()))
		}
	}
	require.EqualValues(t, 4+1, asked.Load(), "only the session c, whose store is memory, asks again")
	require.Equal(t, []string{"a"}, credentials(t, filepath.Join(dir, "all")))
	require.Equal(t, []string{"b"}, credentials(t, filepath.Join(dir, "b")))
	require.Equal(t, []string{"d"}, credentials(t, filepath.Join(dir, "qa")))
	require.FileExists(t, filepath.Join(dir, "key"))
}

func TestStoreOfVariables(t *testing.T) {
	dir := t.TempDir()
	var asked atomic.Int32
	cfg := load(
		t,
		withCount(options(t, "a.yaml",
			"sessions: {a: {provider: count}, b: {provider: count, store: {path: "+dir+"/mine}}, c: "+
				"{provider: count}}",
			"AUTHSESSION_STORE__KIND=file", "AUTHSESSION_STORE__PATH="+dir+"/all",
			"AUTHSESSION_STORE__KEY_FILE="+dir+"/key",
			"AUTHSESSION_SESSIONS__C__STORE__PATH="+dir+"/c"), &asked),
	)
	for _, name := range []string{"a", "b", "c"} {
		header(t, cfg, name)
	}
	require.Equal(t, []string{"a"}, credentials(t, filepath.Join(dir, "all")))
	require.Equal(t, []string{"b"}, credentials(t, filepath.Join(dir, "mine")))
	require.Equal(t, []string{"c"}, credentials(t, filepath.Join(dir, "c")))

	for key, want := range map[string]string{"store.kind": "AUTHSESSION_STORE__KIND",
		"store.path": "AUTHSESSION_SESSIONS__C__STORE__PATH"} {
		source, err := cfg.Source("c", key)
		require.NoError(t, err)
		require.Equal(t, want, source.String())
	}
	source, err := cfg.Source("b", "store.path")
	require.NoError(t, err)
	require.Equal(t, dir+"/mine", source.Value)
	require.Equal(t, "sessions.b.store.path", source.Key)
}

// A reload that changes nothing keeps the credential and the store; another
// store means another credential.
func TestStoreOfReload(t *testing.T) {
	dir := t.TempDir()
	var asked atomic.Int32
	text := "sessions: {a: {provider: count, store: {kind: file, path: DIR/PLACE, key_file: DIR/key}}}"
	at := func(place string) string {
		return strings.NewReplacer("DIR", dir, "PLACE",
			place).Replace(text)
	}
	opts := withCount(options(t, "a.yaml", at("one")), &asked)
	events := make(chan core.EventType, 10)
	opts.Session.Observe = func(ev core.Event) { events <- ev.Type }
	cfg := load(t, opts)
	header(t, cfg, "a")
	require.Equal(t, core.EventAuthenticated, <-events)
	for _, c := range []struct {
		place string
		want  core.EventType // zero: nothing happens
	}{{"one", 0}, {"two", core.EventAuthenticated}, {"one", core.EventRestored}, {"one", 0}} {
		require.NoError(t, os.WriteFile(opts.Files[0], []byte(at(c.place)), 0o600))
		require.NoError(t, cfg.Reload(context.Background()))
		header(t, cfg, "a")
		if c.want != 0 {
			require.Equal(t, c.want, <-events)
		}
	}
	require.Empty(t, events)
	require.EqualValues(t, 2, asked.Load())
	require.Equal(t, []string{"a"}, credentials(t, filepath.Join(dir, "two")))
}

func TestInputsOfConfiguration(t *testing.T) {
	var asked atomic.Int32
	opts := withCount(options(t, "a.yaml", `
sessions:
  a: {provider: count, settings: {user: x}, inputs: {subject: login}}
  login: {provider: count, settings: {user: me}, environments: {qa: {settings: {user: tester}}}}
environment: qa
`, "AUTHSESSION_SESSIONS__LOGIN__LAZY=true"), &asked)
	cfg := load(t, opts)
	require.Equal(t, "x tester", header(t, cfg, "a"))
	require.EqualValues(t, 2, asked.Load())
	require.NoError(t, cfg.Reload(context.Background()))
	require.Equal(t, "x tester", header(t, cfg, "a"))
	require.EqualValues(t, 2, asked.Load())

	opts.Environ = append(opts.Environ, "AUTHSESSION_SESSIONS__LOGIN__INPUTS__SUBJECT=a")
	require.Equal(t, []string{
		"a.yaml:3:54: sessions.a.inputs.subject: the session would wait for itself: a → login → a",
	}, faults(t, opts))
}

func TestStoreFaults(t *testing.T) {
	for name, c := range map[string]struct {
		text, environ string
		want          []string
	}{
		"unknown kind": {"store: {kind: files, path: x}\nsessions: {a: {provider: count}}", "", []string{
			`a.yaml:1:9: store.kind: want one of memory, file, keyring, first, did you mean "file"?`}},
		"unknown keys": {"store: {pth: x}\nsessions: {a: {provider: count, store: {key: y}}}", "",
			[]string{
				`a.yaml:1:9: store.pth: unknown key, did you mean "path"?`,
				`a.yaml:2:41: sessions.a.store.key: unknown key; known: kind, path, key_file, service, stores`}},
		"no object": {"store: file\nsessions: {a: {provider: count, store: [file]}}", "", []string{
			`a.yaml:1:1: store: want an object, found a string`,
			`a.yaml:2:33: sessions.a.store: want an object, found a list`}},
		"keys of another kind": {"sessions: {a: {provider: count, store: {kind: keyring, path: x, " +
			"service: s}}, b: {provider: count, store: {service: s}}}", "", []string{
			`a.yaml:1:56: sessions.a.store.path: a store of the kind keyring has no such key: it is for ` +
				`file, first`,
			`a.yaml:1:108: sessions.b.store.service: a store of the kind memory has no such key: it is ` +
				`for file, keyring, first`}},
		"home": {"store: {kind: file, path: ~/x, key_file: ~/k}\n" +
			"sessions: {a: {provider: count}, b: {provider: count}}", "", []string{
			`a.yaml:1:21: store.path: "~" stands for nothing here: write "${env:HOME}/…" or a full path`,
			`a.yaml:1:32: store.key_file: "~" stands for nothing here: write "${env:HOME}/…" or a full ` +
				`path`}},
		"key file and service": {"store: {kind: file, service: s, key_file: k}\n" +
			"sessions: {a: {provider: count}}", "", []string{
			`a.yaml:1:21: store.service: the key is in key_file, so that no keyring is used`}},
		"reference": {"store: {kind: file, path: \"${env:NONE}\"}\nsessions: {a: {provider: count}}", "",
			[]string{
				`a.yaml:1:21: store.path: the variable NONE is not set`}},
		"variable": {"sessions: {a: {provider: count}}", "AUTHSESSION_STORE__KIND=vault", []string{
			`AUTHSESSION_STORE__KIND: store.kind: want one of memory, file, keyring, first (forgotten to give ` +
				`its factory in config.Options.Stores?)`}},
		"variable of an object": {"sessions: {a: {provider: count}}",
			"AUTHSESSION_SESSIONS__A__STORE=file", []string{
				`AUTHSESSION_SESSIONS__A__STORE: sessions.a.store has keys: a variable sets one of them`}},
		"misspelt variable": {"sessions: {a: {provider: count}}", "AUTHSESSION_STORE__KIN=file", []string{
			`AUTHSESSION_STORE__KIN: no key goes by this name, did you mean AUTHSESSION_STORE__KIND?`}},
		"unknown input": {"sessions: {a: {provider: count, inputs: {subject: logon}}, login: " +
			"{provider: count}}", "", []string{
			`a.yaml:1:42: sessions.a.inputs.subject: unknown session, did you mean "login"?; known: a, ` +
				`login`}},
		"input of itself": {"sessions: {a: {provider: count, inputs: {subject: a}}}", "", []string{
			`a.yaml:1:42: sessions.a.inputs.subject: the session would wait for itself: a → a`}},
		"input that is no name": {"sessions: {a: {provider: count, inputs: {subject: [a]}, settings: " +
			"{usr: x}}}", "", []string{
			`a.yaml:1:42: sessions.a.inputs.subject: want a string, found a list`,
			`a.yaml:1:68: sessions.a.settings.usr: unknown key, did you mean "user"?`}},
		"input of a faulty session": {"sessions: {a: {provider: count, inputs: {subject: b}}, b: " +
			"{provider: cuont}}", "", []string{
			`a.yaml:1:60: sessions.b.provider: unknown provider "cuont", did you mean "count"?; known: ` +
				`apikey, count, gs, oauth2 (forgotten to give the factory to registry.New?)`}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			opts := withCount(options(t, "a.yaml", c.text), &asked)
			if c.environ != "" {
				opts.Environ = []string{c.environ}
			}
			require.Equal(t, c.want, faults(t, opts))
		})
	}
}
