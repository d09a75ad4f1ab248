package config_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/stretchr/testify/require"
)

const three = `
environment: qa
default: gs
sessions:
  gs:
    provider: gs
    settings: {client_id: my-app, client_secret: "${env:GS_SECRET}"}
    environments:
      qa: {settings: {client_id: my-app-qa, client_secret: "${file:qa.secret}"}}
      prod: {timeout: 20s}
  token:
    provider: oauth2
    origins: [https://api.example.com]
    lazy: true
    early: 30s
    settings: {client_id: id, scopes: [a, b], leeway: 5s, retries: 3, strict: true, extra: {audience: all}, tls: {roots: x}}
  prices:
    provider: apikey
    settings: {key: "a-$${b}-${env:GS_SECRET}"}
`

const threeJSON = `{
  "environment": "qa", "default": "gs",
  "sessions": {
    "gs": {"provider": "gs", "settings": {"client_id": "my-app", "client_secret": "${env:GS_SECRET}"},
      "environments": {"qa": {"settings": {"client_id": "my-app-qa", "client_secret": "${file:qa.secret}"}}, "prod": {"timeout": "20s"}}},
    "token": {"provider": "oauth2", "origins": ["https://api.example.com"], "lazy": true, "early": "30s",
      "settings": {"client_id": "id", "scopes": ["a", "b"], "leeway": "5s", "retries": 3, "strict": true, "extra": {"audience": "all"}, "tls": {"roots": "x"}}},
    "prices": {"provider": "apikey", "settings": {"key": "a-$${b}-${env:GS_SECRET}"}}
  }
}`

const threeTOML = `
environment = "qa"
default = "gs"
[sessions.gs]
provider = "gs"
settings = {client_id = "my-app", client_secret = "${env:GS_SECRET}"}
[sessions.gs.environments]
qa.settings = {client_id = "my-app-qa", client_secret = "${file:qa.secret}"}
prod.timeout = "20s"
[sessions.token]
provider = "oauth2"
origins = ["https://api.example.com"]
lazy = true
early = "30s"
settings = {client_id = "id", scopes = ["a", "b"], leeway = "5s", retries = 3, strict = true, extra.audience = "all", tls.roots = "x"}
[sessions.prices]
provider = "apikey"
settings.key = "a-$${b}-${env:GS_SECRET}"
`

func TestLoadFormats(t *testing.T) {
	for name, text := range map[string]string{"a.yaml": three, "a.conf": three, "a.json": threeJSON,
		"a.toml": threeTOML} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "qa.secret", "from file\n")
			opts := options(t, name, text, "GS_SECRET=from env")
			opts.Files = []string{write(t, dir, name, text)}
			cfg := load(t, opts)
			require.Equal(t, core.QA, cfg.Environment())
			require.Equal(t, "gs", cfg.Default())
			require.Equal(t, []string{"gs", "prices", "token"}, cfg.Registry().Names())
			require.Equal(t, "qa my-app-qa from file", header(t, cfg, "gs"))
			require.Equal(t, "qa id  basic a b", header(t, cfg, "token"))
			require.Equal(t, "X-API-Key a-${b}-from env", header(t, cfg, "prices"))

			gs, err := cfg.Session("gs")
			require.NoError(t, err)
			current, err := opts.Scope.Current(context.Background())
			require.NoError(t, err)
			require.Same(t, gs, current)
			_, err = cfg.Session("pricse")
			require.EqualError(t, err, `bad config: no session is named "pricse", did you mean "prices"?`)
		})
	}
}

func TestEnvironmentPrecedence(t *testing.T) {
	opts := options(t, "a.yaml", three, "GS_SECRET=s")
	opts.Environment = core.Prod
	cfg := load(t, opts)
	require.Equal(t, "prod my-app s", header(t, cfg, "gs"))

	opts.Environment, opts.Environ = "", []string{"GS_SECRET=s", "AUTHSESSION_ENVIRONMENT=dev"}
	cfg = load(t, opts)
	require.Equal(t, "dev my-app s", header(t, cfg, "gs"))

	opts.Environment = core.Prod
	cfg = load(t, opts)
	require.Equal(t, "prod my-app s", header(t, cfg, "gs"))
}

func TestOwnEnvironment(t *testing.T) {
	cfg := load(t, options(t, "a.yaml", `
environment: qa
sessions:
  gs-qa: &no {provider: gs, settings: {client_id: a, client_secret: none}}
  gs-prod:
    provider: gs
    environment: prod
    settings: {client_id: a, client_secret: none}
    environments:
      prod: {settings: {client_id: b}}
`))
	require.Equal(t, "qa a none", header(t, cfg, "gs-qa"))
	require.Equal(t, "prod b none", header(t, cfg, "gs-prod"))
}

func TestOverlay(t *testing.T) {
	dir := t.TempDir()
	opts := options(t, "a.yaml", "x")
	opts.Files = []string{
		write(t, dir, "base.yaml",
			"sessions:\n  a.b: {provider: apikey, settings: {key: one, header: X}}\n"+
				"  a: {provider: oauth2, settings: {client_id: i, scopes: [s, t], strict: true}}\n"),
		write(t, dir, "more.json",
			`{"sessions": {"a.b": {"settings": {"key": "two"}}, "c": {"provider": "apikey", "settings": `+
				`{"key": "k"}}}}`),
		write(t, dir, "last.toml", "[sessions.a.settings]\nscopes = ['u']\nclient_secret = 'q'\n"),
	}
	cfg := load(t, opts)
	require.Equal(t, "X two", header(t, cfg, "a.b"))
	require.Equal(t, "any i q basic u", header(t, cfg, "a"))
	require.Equal(t, "X-API-Key k", header(t, cfg, "c"))
	source, err := cfg.Source("a", "settings.client_secret")
	require.NoError(t, err)
	require.Equal(t, "REDACTED", source.Value)
	require.Equal(t, opts.Files[2]+":3:1", source.String())
}

func TestVariables(t *testing.T) {
	text := `
sessions:
  gs-one:
    provider: oauth2
    origins: [https://a.example]
    settings: {client_id: file, extra: {Some-Key: x}}
    environments: {qa: {settings: {client_id: qa}, early: 1m}}
  other: {provider: "${env:KIND}", settings: {key: k}}
environment: qa
`
	opts := options(t, "a.yaml", text,
		"KIND=apikey",
		"AUTHSESSION_DEFAULT=other",
		"AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__CLIENT_ID=${env:literal}",
		"AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__SCOPES=a, b",
		"AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__RETRIES=4",
		"AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__STRICT=true",
		"AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__EXTRA__SOME_KEY=y",
		"AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__EXTRA__NEW_KEY=z",
		"AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__TLS__ROOTS=r",
		"AUTHSESSION_SESSIONS__gs_one__ENVIRONMENTS__QA__SETTINGS__CLIENT_SECRET=s",
		"AUTHSESSION_SESSIONS__GS_ONE__ORIGINS=https://b.example,https://c.example",
		"AUTHSESSION_SESSIONS__GS_ONE__LAZY=true",
		"AUTHSESSION_SESSIONS__OTHER__SETTINGS__KEY=", // empty: not set
	)
	cfg := load(t, opts)
	require.Equal(t, "other", cfg.Default())
	require.Equal(t, "qa ${env:literal} s basic a b", header(t, cfg, "gs-one"))
	require.Equal(t, "X-API-Key k", header(t, cfg, "other"))

	for key, want := range map[string]config.Source{
		"settings.client_id": {Key: "sessions.gs-one.settings.client_id",
			Variable: "AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__CLIENT_ID", Value: "REDACTED"},
		"settings.client_secret": {Key: "sessions.gs-one.environments.qa.settings.client_secret",
			Variable: "AUTHSESSION_SESSIONS__gs_one__ENVIRONMENTS__QA__SETTINGS__CLIENT_SECRET",
			Value:    "REDACTED"},
		"settings.extra.some_key": {Key: "sessions.gs-one.settings.extra.some_key", Default: true},
		"settings.extra.Some-Key": {Key: "sessions.gs-one.settings.extra.Some-Key",
			Variable: "AUTHSESSION_SESSIONS__GS_ONE__SETTINGS__EXTRA__SOME_KEY", Value: "REDACTED"},
		"settings.style": {Key: "sessions.gs-one.settings.style", Default: true, Value: "basic"},
		"origins.1": {Key: "sessions.gs-one.origins.1",
			Variable: "AUTHSESSION_SESSIONS__GS_ONE__ORIGINS", Value: "REDACTED"},
		"provider": {Key: "sessions.gs-one.provider", File: opts.Files[0], Line: 4,
			Column: 5, Value: "oauth2"},
		"early": {Key: "sessions.gs-one.environments.qa.early", File: opts.Files[0],
			Line: 7, Column: 52, Value: "1m"},
		"timeout": {Key: "sessions.gs-one.timeout", Default: true},
	} {
		source, err := cfg.Source("gs-one", key)
		require.NoError(t, err, key)
		source.Doc = "" // TestSourcesHaveDocs
		require.Equal(t, want, source, key)
	}
	_, err := cfg.Source("gs-one", "settings.client_idd")
	require.EqualError(t, err,
		`bad config: session "gs-one": unknown key "settings.client_idd", did you mean "client_id"?`)
	_, err = cfg.Source("gs_one", "early")
	require.EqualError(t, err, `bad config: no session is named "gs_one", did you mean "gs-one"?`)
}

// The person of a session has the time of its key, and otherwise that of the program's options.
func TestSignInTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting := core.NewFactory(core.Info{Kind: "waiting"},
			func(context.Context, core.Environment, struct{}) (core.Provider, error) { return waiter{}, nil })
		opts := options(t, "a.yaml",
			"sessions:\n  a: {provider: waiting, sign_in_timeout: 20m}\n  b: {provider: waiting}\n")
		opts.Factories = append(opts.Factories, waiting)
		opts.Session = core.Options{UI: &core.UI{}, SignInTimeout: time.Hour}
		cfg := load(t, opts)
		for name, want := range map[string]time.Duration{"a": 20 * time.Minute, "b": time.Hour} {
			s, err := cfg.Session(name)
			require.NoError(t, err)
			began := time.Now()
			require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
			require.Equal(t, want, time.Since(began), name)
		}
		require.NoError(t, cfg.Close(t.Context()))
	})
}

// waiter waits for a person who does not come.
type waiter struct{}

func (waiter) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
}

func (waiter) SignIn(ctx context.Context, _ core.Request, _ core.UI) (core.Credential, error) {
	<-ctx.Done()
	return core.Credential{}, ctx.Err()
}

func TestBaseOptions(t *testing.T) {
	opts := options(t, "a.yaml",
		"sessions:\n  a: {provider: apikey, settings: {key: k}}\n"+
			"  b: {provider: apikey, lazy: false, settings: {key: k}}\n")
	opts.Session = core.Options{
		Lazy:    true,
		Timeout: time.Minute,
		Origins: []string{"https://not.used.example"},
	}
	cfg := load(t, opts)
	a, err := cfg.Session("a")
	require.NoError(t, err)
	_, err = a.Credential(context.Background()) // lazy
	require.NoError(t, err)
	require.Empty(t, a.Status().Origins)
	b, err := cfg.Session("b")
	require.NoError(t, err)
	_, err = b.Credential(context.Background())
	require.ErrorIs(t, err, core.CodeNotInitialized)
}

func TestLoadContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := config.Load(ctx, options(t, "a.yaml", three))
	require.ErrorIs(t, err, context.Canceled)
}

func TestDuplicateKinds(t *testing.T) {
	opts := options(t, "a.yaml", three)
	opts.Factories = append(factories(), factories()...)
	_, err := config.Load(context.Background(), opts)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, `kind "oauth2" is in the registry twice`)
}

// A secret in the file as plain text is in no dump, and a dump during a reload
// is no race.
func TestDumps(t *testing.T) {
	cfg := load(t,
		options(t, "a.yaml", "sessions: {prices: {provider: apikey, settings: {key: canary}}}"))
	var reload sync.WaitGroup
	reload.Go(func() { _ = cfg.Reload(context.Background()) })
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, `configuration of 1 files and 1 sessions, environment ""`,
			fmt.Sprintf(verb, cfg), verb)
	}
	reload.Wait()
}

func TestRefusedStatus(t *testing.T) {
	opts := options(t, "a.yaml", `
sessions:
  base: {provider: apikey, settings: {key: k}}
  file: {provider: apikey, refused_status: [419, 500], settings: {key: k}}
  variable: {provider: apikey, settings: {key: k}}
  none: {provider: apikey, refused_status: ~, settings: {key: k}}
`, "AUTHSESSION_SESSIONS__VARIABLE__REFUSED_STATUS=419,441")
	given := []int{440, 460}
	opts.Session = core.Options{Lazy: true, RefusedStatus: given, Transport: statusOf{}}
	cfg := load(t, opts)
	for name, want := range map[string][]int{
		"base": {401, 440, 460}, "file": {401, 419, 500}, "variable": {401, 419, 441},
		"none": {401, 440, 460},
	} {
		s, err := cfg.Session(name)
		require.NoError(t, err)
		var refused []int
		for _, status := range []int{400, 401, 419, 440, 441, 460, 500} {
			before := s.Status().Refusals
			resp, err := s.Client().Get(fmt.Sprintf("https://api.example.com/%d", status))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			if s.Status().Refusals > before {
				refused = append(refused, status)
			}
		}
		require.Equal(t, want, refused, name)
	}
	require.Equal(t, []int{440, 460}, given)
}

// statusOf answers with the status that the path names.
type statusOf struct{}

func (statusOf) RoundTrip(r *http.Request) (*http.Response, error) {
	status, err := strconv.Atoi(r.URL.Path[1:])
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, err
}

// TestProviderOfAVariable proves that a variable that names the provider counts for the variables
// of its settings, whatever the order of their names.
func TestProviderOfAVariable(t *testing.T) {
	text := "environment: qa\nsessions:\n  a: {provider: apikey, settings: {client_id: x}}\n"
	cfg := load(t, options(t, "a.yaml", text,
		"AUTHSESSION_SESSIONS__A__ENVIRONMENTS__QA__SETTINGS__CLIENT_ID=y",
		"AUTHSESSION_SESSIONS__A__PROVIDER=gs"))
	source, err := cfg.Source("a", "settings.client_id")
	require.NoError(t, err)
	require.Equal(t, "AUTHSESSION_SESSIONS__A__ENVIRONMENTS__QA__SETTINGS__CLIENT_ID", source.String())
}
