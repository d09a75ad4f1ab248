package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/examples/internal/demo"
)

// TestMain is the program itself where TestExitStatus asks for it, and the
// plugin where a host does.
func TestMain(m *testing.M) {
	servePlugin()
	if os.Getenv("QUICKSTART_AS_PROGRAM") == "1" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inRoot goes where the program is run from.
func inRoot(t *testing.T) {
	t.Helper()
	t.Chdir("../..")
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AUTHSESSION_") {
			t.Setenv(name, value) // restored afterwards
			require.NoError(t, os.Unsetenv(name))
		}
	}
	before := core.SetCurrent(nil)
	t.Cleanup(func() { core.SetCurrent(before) })
}

func TestTour(t *testing.T) {
	for _, c := range []struct {
		args        []string
		environment string
		other       string // the session of another environment
	}{{nil, "prod", "gs-qa"}, {[]string{"-environment", "qa"}, "qa", "gs-prod"}} {
		t.Run(c.environment, func(t *testing.T) {
			inRoot(t)
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), c.args, &out), out.String())
			here := c.environment
			want := []string{
				`SESSION  PROVIDER       THE API ANSWERS`,
				`gs-prod  gs             you are gs-app in prod, by access token`,
				`gs-qa    gs             you are gs-app in qa, by access token`,
				`reports  oauth2         you are reports in ` + here + `, by access token`,
				`prices   apikey         you are prices-reader in ` + here + `, by API key`,
				`ledger   mtls           you are ledger-reader in ` + here + `, by client certificate`,
				`quotes   apikey-plugin  you are prices-reader in ` + here + `, by API key`,
				``,
				`The life of session "reports":`,
				`renewed  \d\.\ds before its token ended; \d+ calls, none waited more than \S+`,
				`refused  401 after its token was revoked; renewed and repeated: you are reports in ` + here + `, by access token`,
				`closed   session "reports" \(oauth2\): closed: call Init again`,
				`again    you are reports in ` + here + `, by access token`,
				``,
				`Session "` + c.other + `" is current beside "reports":`,
				`reports  you are reports in ` + here + `, by access token`,
				c.other + ` +you are gs-app in ` + c.other[3:] + `, by access token`,
				`any      by the API's origin: you are gs-app in ` + c.other[3:] + `, by access token`,
				``,
			}
			require.Regexp(t, "^"+strings.Join(want, "\n")+"$", out.String())
		})
	}
}

// TestEvents proves that -v prints a line for each event, and no secret.
func TestEvents(t *testing.T) {
	inRoot(t)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-v"}, &out), out.String())
	for _, want := range []string{
		`(?m)^event: session "gs-prod" \(gs\) authenticated after \d+m?s \(initial\), until \d\d:\d\d:\d\d$`,
		`(?m)^event: session "reports" \(oauth2\) authenticated after \S+ \(expiring\), until`,
		`(?m)^event: session "reports" \(oauth2\) refused`,
		`(?m)^event: session "reports" \(oauth2\) ended$`,
		`(?m)^any      by the API's origin: you are gs-app in qa, by access token$`,
	} {
		require.Regexp(t, want, out.String())
	}
	require.NotContains(t, out.String(), "Bearer")
}

// TestErrors has the flags and files that cannot work: one clear line each.
func TestErrors(t *testing.T) {
	inRoot(t)
	cases := []struct {
		name string
		args []string
		file string // written to the file that FILE stands for; "-": not at all
		want string
	}{
		{
			"unknown flag",
			[]string{"-enviroment", "qa"},
			"",
			`^flag provided but not defined: -enviroment; -h lists the flags$`,
		},
		{"argument", []string{"qa"}, "", `^unexpected argument "qa"; -h lists the flags$`},
		{"a path without a file", []string{"-get", "/v1"}, "", `^-get is for -config; -h lists the flags$`},
		{"unknown environment", []string{"-environment", "Prod"}, "", `unknown environment "Prod".*prod`},
		{"no such file", []string{"-config", "FILE"}, "-", `authsession\.yaml.*does not exist`},
		{"empty", []string{"-config", "FILE"}, "", `authsession\.yaml`},
		{"no YAML", []string{"-config", "FILE"}, "sessions: [", `authsession\.yaml:1`},
		{
			"misspelt key",
			[]string{"-config", "FILE"},
			"sessions: {a: {provider: basic, settings: {username: a, password: b}, setings: {}}}",
			`authsession\.yaml:1:\d+: sessions\.a\.setings: unknown key, did you mean "settings"\?`,
		},
		{
			"unknown provider",
			[]string{"-config", "FILE"},
			"sessions: {a: {provider: oauth}}",
			`"oauth".*oauth2`,
		},
		{
			"no such variable",
			[]string{"-config", "FILE"},
			`sessions: {a: {provider: basic, settings: {username: a, password: "${env:QUICKSTART_NONE}"}}}`,
			`QUICKSTART_NONE is not set`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "authsession.yaml")
			if c.file != "-" {
				require.NoError(t, os.WriteFile(file, []byte(c.file), 0o600))
			}
			for i, arg := range c.args {
				c.args[i] = strings.ReplaceAll(arg, "FILE", file)
			}
			var out bytes.Buffer
			err := run(t.Context(), c.args, &out)
			require.Error(t, err)
			require.Regexp(t, c.want, err.Error())
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// TestOwnFile uses a file of the user's own, with servers of the user's own:
// here those of the demo, as if they were somewhere else.
func TestOwnFile(t *testing.T) {
	inRoot(t)
	servers, err := demo.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	for name, value := range servers.Variables {
		t.Setenv(name, value)
	}
	const good = `
  good:
    provider: gs
    environment: prod
    settings:
      client_id: gs-app
      client_secret: ${env:DEMO_PROD_SECRET}
      api_url: ${env:DEMO_PROD_API}
      token_url: ${env:DEMO_PROD_ISSUER}/oauth/token
      ca_file: ${env:DEMO_CA}`
	bad := strings.NewReplacer("good:", "bad:", "DEMO_PROD_SECRET", "DEMO_QA_SECRET").Replace(good)

	for name, c := range map[string]struct {
		file string
		get  string
		want []string
		err  string
	}{
		"authenticated": {good, "", []string{`good +gs +prod +authenticated as gs-app, for (1h0m0s|59m59s)\n$`}, ""},
		"called":        {good, "/v1/whoami", []string{`good .*; the API answers 200 OK\n$`}, ""},
		"not found": {
			good, "v1/nothing", []string{`good .*; the API answers 404 Not Found\n$`},
			`^1 of 1 sessions failed$`,
		},
		"one denied": {
			good + bad, "",
			[]string{`good .*authenticated`, `bad .*denied: .* answers 401: invalid_client`},
			`^1 of 2 sessions failed$`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "own.yaml")
			require.NoError(t, os.WriteFile(file, []byte("sessions:"+c.file+"\n"), 0o600))
			var out bytes.Buffer
			err := run(t.Context(), []string{"-config", file, "-get", c.get}, &out)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.Error(t, err)
				require.Regexp(t, c.err, err.Error())
			}
			for _, want := range c.want {
				require.Regexp(t, want, out.String())
			}
			require.NotContains(t, out.String(), servers.Variables["DEMO_QA_SECRET"])
		})
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	require.Error(t, run(t.Context(), []string{"-h"}, &out))
	require.Contains(t, out.String(), "-environment")
}

func TestInterrupted(t *testing.T) {
	inRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	require.ErrorIs(t, run(ctx, nil, &out), context.Canceled)
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		arg    string
		status int
		stderr string
	}{
		{"-h", 0, ""},
		{"-x", 1, "quickstart: flag provided but not defined: -x; -h lists the flags\n"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], c.arg)
		cmd.Env = append(os.Environ(), "QUICKSTART_AS_PROGRAM=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run()
		require.Equal(t, c.status, cmd.ProcessState.ExitCode())
		require.Equal(t, c.stderr, stderr.String())
	}
}
