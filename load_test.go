package authsession_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

func TestMain(m *testing.M) {
	if os.Getenv("AUTHSESSION_PLUGIN") != "" {
		_ = os.WriteFile(os.Args[1], []byte(strconv.Itoa(os.Getpid())), 0o600)
		plugins.Serve(ticket("ticket"))
		return
	}
	if way := os.Getenv(helperEnv); way != "" {
		os.Exit(helperMain(way))
	}
	goleak.VerifyTestMain(m)
}

// ticketProvider writes what is asked of it into a file.
type ticketProvider struct{ notes string }

func (p ticketProvider) Authenticate(context.Context, core.Request) (core.Credential, error) {
	header := map[string]core.Secret{"Authorization": core.NewSecret("Ticket t")}
	return core.Credential{Attach: core.Attachment{Header: header}}, p.note("authenticated")
}

func (p ticketProvider) Revoke(context.Context, core.Credential) error { return p.note("revoked") }

func (p ticketProvider) note(what string) error {
	f, err := os.OpenFile(p.notes, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, what)
	return errors.Join(err, f.Close())
}

func ticket(kind string) core.Factory {
	type settings struct {
		Notes string `json:"notes" required:"true"`
	}
	open := func(_ context.Context, _ core.Environment, c settings) (core.Provider, error) {
		return ticketProvider{c.Notes}, nil
	}
	return core.NewFactory(core.Info{Kind: kind}, open)
}

// write writes a file into a folder.
func write(t testing.TB, dir, name, text string) string {
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// load loads files without faults into a new scope.
func load(t testing.TB, opts *authsession.Options) *authsession.Config {
	t.Helper()
	if opts != nil && opts.Scope == nil {
		opts.Scope = new(core.Scope)
	}
	cfg, err := authsession.Load(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cfg.Close(context.Background())) })
	return cfg
}

const one = "sessions: {%s: {provider: bearer, settings: {token: k}}}\n"

func TestWhereTheFileIs(t *testing.T) {
	const yaml, yml = "authsession.yaml", "authsession.yml"
	const toml, json = "authsession.toml", "authsession.json"
	const sep = string(filepath.ListSeparator)
	two := "a.yaml" + sep + "b.yaml"
	type names = []string
	for name, c := range map[string]struct {
		files    names // in the working directory; each has a session of its name
		variable string
		options  names
		want     names // sessions
	}{
		"yaml first":                   {names{json, toml, yml, yaml}, "", nil, names{yaml}},
		"then yml":                     {names{json, toml, yml}, "", nil, names{yml}},
		"then toml":                    {names{json, toml}, "", nil, names{toml}},
		"then json":                    {names{json}, "", nil, names{json}},
		"the variable":                 {names{yaml, "m.yaml"}, "m.yaml", nil, names{"m.yaml"}},
		"the variable has several":     {names{"a.yaml", "b.yaml"}, two, nil, names{"a.yaml", "b.yaml"}},
		"the options":                  {names{yaml, "m.yaml", "a.yaml"}, "m.yaml", names{"a.yaml"}, names{"a.yaml"}},
		"the variable is set to empty": {names{yaml}, "-", nil, names{yaml}},
		"the variable has empty names": {names{"a.yaml", "b.yaml"}, sep + two + sep + sep, nil, names{"a.yaml", "b.yaml"}},
		"the variable has no name":     {names{yaml}, sep + sep, nil, names{yaml}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			for _, name := range c.files {
				text := fmt.Sprintf(one, `"`+name+`"`)
				switch filepath.Ext(name) {
				case ".json":
					const form = `{"sessions": {%q: {"provider": "bearer", "settings": {"token": "k"}}}}`
					text = fmt.Sprintf(form, name)
				case ".toml":
					text = fmt.Sprintf("[sessions.%q]\nprovider = \"bearer\"\nsettings = {token = \"k\"}\n", name)
				}
				write(t, dir, name, text)
			}
			environ := []string{"AUTHSESSION_CONFIG=" + strings.TrimPrefix(c.variable, "-")}
			if c.variable == "" {
				environ = nil
			}
			cfg := load(t, &authsession.Options{Files: c.options, Environ: environ})
			require.Equal(t, c.want, cfg.Registry().Names())
		})
	}
}

func TestNilOptions(t *testing.T) {
	t.Chdir(t.TempDir())
	_, err := authsession.Load(t.Context(), nil)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "authsession.yaml")
	require.ErrorContains(t, err, "AUTHSESSION_CONFIG")

	write(t, ".", "authsession.yaml", "default: a\n"+fmt.Sprintf(one, "a"))
	cfg := load(t, nil)
	current, err := core.Current(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { core.SetCurrent(nil) })
	a, err := cfg.Session("a")
	require.NoError(t, err)
	require.Same(t, a, current)
}

func TestFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.Symlink("nowhere", "authsession.yaml"))
	write(t, dir, "authsession.json", `{"sessions": {}}`)
	_, err := authsession.Load(t.Context(), nil)
	var faults *config.Error
	require.ErrorAs(t, err, &faults, "the next file must not take its place")
	require.Equal(t, "authsession.yaml", faults.Faults[0].File)
}

// What the module has is there, and the program's own comes first.
func TestFilledIn(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "a.yaml", `
sessions:
  mine: {provider: ticket, settings: {notes: x}, store: {kind: shelf}}
  replaced: {provider: apikey, settings: {notes: x}}
  ours: {provider: bearer, settings: {token: x}, store: {kind: file, path: "${env:DIR}"}}
plugins:
  other: {path: /nowhere, sha256: "`+strings.Repeat("0", 64)+`"}
`)
	info := core.StoreInfo{Kind: "shelf"}
	open := func(context.Context, struct{}) (core.Store, error) { return store.Memory(), nil }
	shelf := core.NewStoreFactory(info, open)
	factories := []core.Factory{ticket("ticket"), ticket("apikey"), ticket("beyond")}
	stores := []core.StoreFactory{shelf}
	load(t, &authsession.Options{
		Files: []string{file}, Environ: []string{"DIR=" + dir}, Factories: factories[:2], Stores: stores,
	})
	require.Equal(t, "beyond", factories[2].Info().Kind, "the caller's slice is left alone")
}

func TestFaultsAreThoseOfConfig(t *testing.T) {
	file := write(t, t.TempDir(), "a.yaml", "sessions: {a: {provider: apikei}}")
	cfg, err := authsession.Load(t.Context(), &authsession.Options{Files: []string{file}})
	require.Nil(t, cfg)
	require.IsType(t, new(config.Error), err)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, `did you mean "apikey"?`)
}

// A session of a plugin is closed, which asks the plugin to revoke, before the plugin ends.
func TestCloseEndsSessionsThenPlugins(t *testing.T) {
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	log := new(records)
	cfg, err := authsession.Load(t.Context(), &authsession.Options{
		Files: []string{write(t, dir, "a.yaml", plugin(t, dir)+`
sessions: {a: {provider: ticket, settings: {notes: "`+notes+`"}}}
`)},
		Scope:  new(core.Scope),
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)
	a, err := cfg.Session("a")
	require.NoError(t, err)
	require.NoError(t, a.Init(t.Context()))
	require.NoError(t, cfg.Close(t.Context()))
	text, err := os.ReadFile(notes)
	require.NoError(t, err)
	require.Equal(t, "authenticated\nrevoked\n", string(text))
	require.Contains(t, log.String(), "plugin", "the host has the program's logger")
	require.ErrorIs(t, a.Init(t.Context()), core.CodeClosed)
	require.NoError(t, cfg.Close(t.Context()), "Close is idempotent")
}

// A host of the program's is used, and left open.
func TestHostOfTheProgram(t *testing.T) {
	dir := t.TempDir()
	host := &counted{Host: new(plugins.Host)}
	defer func() { require.NoError(t, host.Close(context.Background())) }()
	cfg, err := authsession.Load(t.Context(), &authsession.Options{
		Files:   []string{write(t, dir, "a.yaml", plugin(t, dir)+"\nsessions: {}\n")},
		Plugins: host, Scope: new(core.Scope),
	})
	require.NoError(t, err)
	require.Equal(t, 1, host.asked)
	require.NoError(t, cfg.Close(t.Context()))
	_, err = host.Plugin(registry.Plugin{
		Name: "ticket", Path: "/nowhere", SHA256: strings.Repeat("0", 64),
	})
	require.NoError(t, err, "the host still works")
}

// counted is a host that counts the plugins that it was asked for.
type counted struct {
	*plugins.Host
	asked int
}

func (c *counted) Plugin(p registry.Plugin) ([]core.Factory, error) {
	c.asked++
	return c.Host.Plugin(p)
}

// A plugin that was started for a configuration with faults is ended.
func TestFaultyConfigurationEndsItsPlugins(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "a.yaml", plugin(t, dir)+"\nsessions: {a: {provider: ticket}}\n")
	_, err := authsession.Load(t.Context(), &authsession.Options{
		Files:        []string{file},
		StartPlugins: true, Scope: new(core.Scope),
	})
	require.ErrorContains(t, err, "sessions.a.settings.notes: missing")
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	require.NoError(t, err)
	n, err := strconv.Atoi(string(pid))
	require.NoError(t, err)
	process, err := os.FindProcess(n)
	if err == nil {
		err = process.Signal(syscall.Signal(0))
	}
	require.Error(t, err, "the process %d is still there", n)
}

// plugin is the section of a file that makes this test binary a plugin.
func plugin(t *testing.T, dir string) string {
	path, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(path)
	require.NoError(t, err)
	sum := sha256.Sum256(program)
	path = filepath.Join(dir, "plugin"+filepath.Ext(path))
	require.NoError(t, os.WriteFile(path, program, 0o700))
	return fmt.Sprintf("plugins: {ticket: {path: %q, sha256: %s, kinds: [ticket], args: [%q]}}",
		path, hex.EncodeToString(sum[:]), filepath.Join(dir, "pid"))
}

// TestBuiltInKindInAPlugin proves that a kind comes from one place: Load, which has all built-in
// kinds, reports a plugin that serves one, and config.Load without that kind takes it.
func TestBuiltInKindInAPlugin(t *testing.T) {
	dir := t.TempDir()
	section := strings.Replace(plugin(t, dir), "kinds: [ticket]", "kinds: [bearer]", 1)
	file := write(t, dir, "a.yaml", section+"\nsessions: {one: {provider: bearer}}\n")
	_, err := authsession.Load(t.Context(), &authsession.Options{Files: []string{file}})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, `kind "bearer" is already there: leave it out`)

	var host plugins.Host
	defer func() { require.NoError(t, host.Close(context.Background())) }()
	cfg, err := config.Load(t.Context(), config.Options{
		Files: []string{file},
		Factories: slices.DeleteFunc(providers.Builtin(), func(f core.Factory) bool {
			return f.Info().Kind == "bearer"
		}),
		Plugins: &host,
	})
	require.NoError(t, err)
	require.NoError(t, cfg.Close(t.Context()))
}

// records are the records of a logger.
type records struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
