package providertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/stretchr/testify/require"
)

// settingsOfDesk are those of the provider that the tests break.
type settingsOfDesk struct {
	URL   string      `json:"url" required:"true" doc:"Where the desk is."`
	CA    string      `json:"ca" doc:"The PEM certificate of the desk."`
	Key   core.Secret `json:"key" required:"true" doc:"The key."`
	Style string      `json:"style" default:"plain" enum:"plain,fancy" doc:"How to write."`
	Deep  struct {
		Count int `json:"count" doc:"How many."`
	} `json:"deep" doc:"More."`
}

// desk is a provider that keeps all promises.
type desk struct {
	cfg    settingsOfDesk
	client *http.Client
}

func newDesk(cfg settingsOfDesk) *desk {
	return &desk{cfg,
		providerhttp.NewClient(trusting(cfg.CA))}
}

func (d *desk) fetch(ctx context.Context, client *http.Client) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.cfg.URL,
		strings.NewReader(d.cfg.Key.Reveal()))
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "url is no URL")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	return body, providerhttp.AnswerError(resp, body, d.cfg.Key)
}

func (d *desk) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	body, err := d.fetch(ctx, d.client)
	if err != nil {
		return core.Credential{}, err
	}
	return credentialOf(body)
}

func credentialOf(body []byte) (core.Credential, error) {
	var answer struct{ Token, Renew string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the answer has no token")
	}
	if strings.ContainsFunc(answer.Token+answer.Renew, func(c rune) bool {
		return c < ' ' ||
			c == 0x7f
	}) {
		return core.Credential{}, core.Errorf(core.CodeUnavailable,
			"the answer's token has characters that may not be sent")
	}
	return token(answer.Token, answer.Renew), nil
}

func token(text, renew string) core.Credential {
	return core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + text)},
		},
		RefreshState: core.NewSecret(renew), Expiry: time.Now().Add(time.Minute), Subject: "desk",
	}
}

// fake is a factory of which a test replaces parts.
type fake struct {
	factory
	info     *core.Info
	settings []core.Setting
	check    func(core.Environment, map[string]any) error
	open     func(context.Context, core.Environment, map[string]any) (core.Provider, error)
}

func (f fake) Info() core.Info {
	if f.info != nil {
		return *f.info
	}
	return f.factory.Info()
}

func (f fake) Settings() []core.Setting {
	if f.settings != nil {
		return f.settings
	}
	return f.factory.Settings()
}

func (f fake) Check(env core.Environment, settings map[string]any) error {
	if f.check != nil {
		return f.check(env, settings)
	}
	return f.factory.Check(env, settings)
}

func (f fake) Open(ctx context.Context, env core.Environment,
	settings map[string]any) (core.Provider, error) {
	if f.open != nil {
		return f.open(ctx, env, settings)
	}
	return f.factory.Open(ctx, env, settings)
}

// office makes a factory of desks, each changed by wrap.
func office(wrap func(*desk) core.Provider, envs ...core.Environment) core.Factory {
	return core.NewFactory(core.Info{Kind: "desk", Summary: "A desk.", Environments: envs},
		func(_ context.Context, _ core.Environment, cfg settingsOfDesk) (core.Provider, error) {
			d := newDesk(cfg)
			if wrap == nil {
				return d, nil
			}
			return wrap(d), nil
		})
}

// visit is the fixture of the tests.
func visit(f core.Factory) Fixture {
	return Fixture{
		Factory: f,
		Settings: func(s Server) map[string]any {
			return map[string]any{"url": s.TLSURL, "ca": s.CA, "key": s.Secret,
				"deep": map[string]any{"count": 1}}
		},
		Good: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			body, _ := io.ReadAll(req.Body)
			if !strings.HasPrefix(string(body), "Canary") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, `{"token": "token-0123456789", "renew": "renewal-0123456789"}`)
		}),
	}
}

func TestGoodProvider(t *testing.T) {
	f := visit(office(nil, core.Prod, core.QA))
	f.Environment = core.Prod
	for _, r := range Check(t.Context(), f) {
		require.NoError(t, r.Err, r.Name)
		if r.Skipped != "" {
			require.Regexp(t, "^(ability|person)/", r.Name)
		}
	}
}

// TestBrokenProviders has a broken provider for each check, which the check
// must find.
func TestBrokenProviders(t *testing.T) {
	out := log.Writer()
	log.SetOutput(io.Discard) // one of the faults is to log
	defer log.SetOutput(out)
	rows := slices.Concat(brokenSettings, brokenCredentials, brokenCalls, brokenServers,
		brokenAbilities, brokenProofs, brokenSignIns, brokenEnds)
	for _, row := range rows {
		t.Run(row.check+"/"+row.fault, func(t *testing.T) {
			k := newKit(visit(core.Factory{}), row.factory)
			if row.fixture != nil {
				row.fixture(&k.Fixture)
			}
			results := k.runAll(t.Context(), func(c check) bool {
				return c.name == row.check || slices.Contains(row.after, c.name)
			})
			require.NotEmpty(t, results)
			last := results[len(results)-1]
			require.Equal(t, row.check, last.Name)
			require.Empty(t, last.Skipped)
			require.ErrorContains(t, last.Err, row.says)
			require.NotContains(t, last.Err.Error(), k.canary, "a report shows the secret")
		})
	}
	for _, c := range checks {
		require.True(t, slices.ContainsFunc(rows, func(row broken) bool {
			return row.check == c.name
		}), "no broken provider for %s", c.name)
		require.NotEmpty(t, c.promise, c.name)
	}
}

// broken is a provider with one fault.
type broken struct {
	check   string // that must find it
	fault   string
	says    string // part of the report
	factory factory
	fixture func(*Fixture)
	after   []string // checks to make first
}

// spoiled breaks what Authenticate returns.
func spoiled(spoil func(*core.Credential)) core.Factory {
	return called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
		c, err := d.Authenticate(ctx, req)
		if err == nil {
			spoil(&c)
		}
		return c, err
	})
}

// called takes the place of Authenticate.
func called(fn func(context.Context, *desk, core.Request) (core.Credential, error)) core.Factory {
	return office(func(d *desk) core.Provider {
		return core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
			return fn(ctx, d, req)
		})
	})
}

// failing changes the errors of Authenticate.
func failing(change func(*core.Error) error) core.Factory {
	return called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
		c, err := d.Authenticate(ctx, req)
		if err == nil {
			return c, nil
		}
		e, ok := err.(*core.Error)
		if !ok {
			e = &core.Error{Code: core.CodeUnavailable, Err: err}
		}
		return core.Credential{}, change(e)
	})
}

// coded gives all errors one code.
func coded(code core.Code) core.Factory {
	return failing(func(e *core.Error) error {
		return &core.Error{Code: code, RetryAfter: e.RetryAfter, Err: e.Err}
	})
}
