package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/plugins"
)

// TestMain makes this binary the plugin that its tests check.
func TestMain(m *testing.M) {
	if os.Getenv("AUTHSESSION_PLUGIN") == "" {
		os.Exit(m.Run())
	}
	switch {
	case len(os.Args) > 1 && os.Args[1] == "broken":
		plugins.Serve(ticket(true))
	case len(os.Args) > 1 && os.Args[1] == "several":
		plugins.Serve(ticket(false),
			core.NewFactory(core.Info{Kind: "other"}, func(context.Context, core.Environment, struct{}) (
				core.Provider, error) {
				return nil, core.CodeDenied
			}))
	default:
		plugins.Serve(ticket(false))
	}
}

type config struct {
	URL string      `json:"url" required:"true" doc:"Where tickets are issued."`
	Key core.Secret `json:"key" required:"true" doc:"The key that the ticket office knows."`
}

// ticket makes the provider of docs/writing-a-provider.md, or one that prints
// its key and takes every answer for a ticket.
func ticket(broken bool) core.Factory {
	return core.NewFactory(core.Info{Kind: "ticket", Summary: "Tickets of the ticket office."},
		func(_ context.Context, _ core.Environment, cfg config) (core.Provider, error) {
			if broken {
				fmt.Fprintln(os.Stderr, "[WARN] the key is", cfg.Key.Reveal())
			}
			return core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
				return buy(ctx, cfg, broken)
			}), nil
		})
}

func buy(ctx context.Context, cfg config, broken bool) (c core.Credential, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.URL,
		strings.NewReader(cfg.Key.Reveal()))
	if err != nil {
		return c, core.Errorf(core.CodeBadConfig, "url is not a URL")
	}
	resp, err := providerhttp.NewClient(nil).Do(req)
	if err != nil {
		return c, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return c, err
	}
	if err := providerhttp.AnswerError(resp, body, cfg.Key); err != nil && !broken {
		return c, err
	}
	var answer struct{ Ticket string }
	if json.Unmarshal(body, &answer) != nil || answer.Ticket == "" ||
		strings.ContainsAny(answer.Ticket, "\r\n\x00\x7f") {
		if !broken {
			return c, core.Errorf(core.CodeUnavailable, "the answer has no ticket")
		}
		answer.Ticket = "none"
	}
	c.Attach.Header = map[string]core.Secret{
		"Authorization": core.NewSecret("Ticket " + answer.Ticket)}
	c.Expiry = time.Now().Add(time.Minute)
	return c, nil
}

const (
	goodSettings = `{"url": "${server.url}/tickets", "key": "${server.secret}"}`
	goodAnswers  = `[{"path": "/tickets", "body": {"ticket": "row-7"}, "misbehaves": true}]`
)

// try runs the command with two files of the given texts.
func try(t *testing.T, settings, answers string, args ...string) (status int, out, errs string) {
	t.Helper()
	dir := t.TempDir()
	at := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	args = append([]string{"-settings", at("good.json", settings), "-answers",
		at("answers.json", answers)}, args...)
	var o, e bytes.Buffer
	status = run(t.Context(), args, &o, &e)
	return status, o.String(), e.String()
}

func self(t *testing.T) string {
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

func TestGoodPlugin(t *testing.T) {
	status, out, errs := try(t, goodSettings, goodAnswers, self(t))
	require.Equal(t, kept, status, out+errs)
	require.Empty(t, errs)
	require.Contains(t, out, "kind    ticket\n")
	require.Contains(t, out, "ok    server/redirects\n")
	require.Regexp(t, `\nskip  server/untrusted  +the fixture does not use Server.TLSURL\n`, out)
	require.Regexp(t, `\n\d+ checks: \d+ kept, 0 broken, \d+ do not apply\n$`, out)
}

func TestBrokenPlugin(t *testing.T) {
	status, out, errs := try(t, goodSettings, goodAnswers, "-waive",
		"server/errors=this office has none", self(t), "broken")
	require.Equal(t, broken, status, out+errs)
	require.Contains(t, out, `
FAIL  server/garbage
      promise: an answer that makes no sense is CodeUnavailable or CodeBadConfig and never a credential
      broken:  200 with a page: Authenticate returned a credential
      broken:  `)
	require.Contains(t, out, "\nFAIL  secrets/log\n", "what a plugin prints is looked at")
	require.Regexp(t, `\nskip  server/errors  +this office has none\n`, out)
	require.NotRegexp(t, `Canary[A-Z2-7]{10}`, out)
}

func TestCannotCheck(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	plain := filepath.Join(t.TempDir(), "plain")
	require.NoError(t, os.WriteFile(plain, []byte("#!/bin/sh\necho hello\n"), 0o755))
	for name, c := range map[string]struct {
		settings, answers string
		args              []string
		want              string
	}{
		"no binary":          {goodSettings, goodAnswers, nil, "-settings and BINARY are needed"},
		"a binary not there": {goodSettings, goodAnswers, []string{none}, "no such file"},
		"no plugin":          {goodSettings, goodAnswers, []string{plain}, "it is no plugin"},
		"an unknown flag": {goodSettings, goodAnswers, []string{"-x", plain},
			"flag provided but not defined: -x"},
		"a waiver of nothing": {goodSettings, goodAnswers, []string{"-waive", "x", plain},
			"want check=reason"},
		"settings not JSON": {`{`, goodAnswers, []string{plain}, "good.json: unexpected EOF"},
		"settings that are two": {`{} {}`, goodAnswers, []string{plain},
			"something after the JSON value"},
		"settings that are null": {`null`, goodAnswers, []string{plain}, "want an object of settings"},
		"settings as a list":     {`[]`, goodAnswers, []string{plain}, "cannot unmarshal array"},
		"a misspelt placeholder": {`{"a": {"b": ["x${server.ulr}"]}}`, goodAnswers, []string{plain},
			`unknown placeholder "${server.ulr}", did you mean "${server.url}"?`},
		"half a placeholder": {`{"a": "${server.url"}`, goodAnswers, []string{plain},
			`unknown placeholder "${server.url"`},
		"no answers": {goodSettings, `[]`, []string{plain}, "want a list of answers"},
		"an unknown field": {goodSettings, `[{"stauts": 200}]`, []string{plain},
			`unknown field "stauts"`},
		"an odd status": {goodSettings, `[{"status": 99}]`, []string{plain},
			"answer 0: there is no status 99"},
		"an odd path": {goodSettings, `[{"path": "token"}]`, []string{plain},
			`answer 0: the path "token" does not begin with a slash`},
		"two that misbehave": {goodSettings,
			`[{"path": "/a", "misbehaves": true}, {"path": "/b", "misbehaves": true}]`, []string{plain},
			"answer 1: one answer can misbehave"},
		"all that misbehave": {goodSettings, `[{"misbehaves": true}]`, []string{plain},
			"answer 0: one answer can misbehave"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := try(t, c.settings, c.answers, c.args...)
			require.Equal(t, unable, status)
			require.Empty(t, out)
			require.Contains(t, errs, c.want)
		})
	}
	var errs bytes.Buffer
	require.Equal(t, unable, run(t.Context(), []string{"-settings", none, plain}, io.Discard, &errs))
	require.Contains(t, errs.String(), "does not exist")
	require.Equal(t, kept, run(t.Context(), []string{"-h"}, io.Discard, io.Discard))
}

func TestKinds(t *testing.T) {
	for args, want := range map[string]string{
		"": "choose one of the plugin's kinds with -kind: ticket, other",
		"-kind ticked": `the plugin serves no kind "ticked", did you mean "ticket"?; ` +
			`it serves: ticket, other`,
	} {
		status, _, errs := try(t, goodSettings, goodAnswers,
			append(strings.Fields(args), self(t), "several")...)
		require.Equal(t, unable, status)
		require.Contains(t, errs, want)
	}
}
