package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/authsession/authsession/registry/config"
	"github.com/stretchr/testify/require"
)

// badFiles are faulty files and what is said about them, in full.
var badFiles = []struct {
	name, file, text string
	environ          []string
	want             []string
}{
	{
		name: "empty",
		text: " \n",
		want: []string{"a.yaml: the file is empty: write the key sessions, or do not name the file"},
	},
	{
		name: "comment",
		text: "# nothing\n",
		want: []string{"a.yaml: the file is empty: write the key sessions, or do not name the file"},
	},
	{
		name: "null",
		text: "~\n",
		want: []string{"a.yaml: the file is empty: write the key sessions, or do not name the file"},
	},
	{name: "NUL", text: "a: \x00b", want: []string{"a.yaml: the file is binary: it holds NUL"}},
	{
		name: "not UTF-8",
		text: "a: b\nc: \xff\xfe",
		want: []string{"a.yaml:2:4: the file is not in UTF-8: save it as UTF-8"},
	},
	{
		name: "list",
		text: "- a\n",
		want: []string{"a.yaml:1:1: want an object with the key sessions"},
	},
	{name: "no sessions", text: "environment: qa\n", want: []string{
		"sessions: missing",
		`a.yaml:1:1: environment: unknown environment: no session has a section for one, and no ` +
			`provider knows one`}},
	{
		name: "syntax",
		text: "sessions:\n  a: [\n",
		want: []string{
			"a.yaml:2:3: not YAML: did not find expected node content: a value or a closing bracket " +
				"is missing",
		},
	},
	{
		name: "tab",
		text: "sessions:\n\ta: b\n",
		want: []string{
			"a.yaml:2:1: not YAML: found character that cannot start any token: no text can begin with " +
				"this character: put it in quotes, and indent with spaces",
		},
	},
	{
		name: "documents",
		text: "a: b\n---\nc: d\n",
		want: []string{"a.yaml:3:1: the file has several YAML documents; one is allowed: use several files"},
	},
	{
		name: "twice",
		text: "sessions:\n  a: {provider: apikey, settings: {key: k, key: l}}\n  a: {provider: apikey}\n",
		want: []string{
			"a.yaml:2:44: sessions.a.settings.key: the key is there twice",
			"a.yaml:3:3: sessions.a: the key is there twice"},
	},
	{
		name: "keys",
		text: "sessions: {1: a, true: b, ? [x] : c, '': d, \"\\e\": e}\n",
		want: []string{
			"a.yaml:1:12: sessions: a key is not a string; put it in quotes",
			"a.yaml:1:18: sessions: a key is not a string; put it in quotes",
			"a.yaml:1:29: sessions: a key is not a string; put it in quotes",
			"a.yaml:1:38: sessions.?: the key is empty, too long or has characters that cannot be seen",
			"a.yaml:1:45: sessions.?: the key is empty, too long or has characters that cannot be seen"},
	},
	{
		name: "tag",
		text: "sessions: {a: {provider: apikey, settings: {key: !secret x, header: !!int x}}}\n",
		want: []string{
			"a.yaml:1:50: sessions.a.settings.key: this YAML tag is not supported",
			"a.yaml:1:69: sessions.a.settings.header: not a valid int"},
	},
	{
		name: "deep",
		text: "sessions: " + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "\n",
		want: []string{
			"a.yaml:1:1: sessions: want an object, found a list",
			"a.yaml:1:75: sessions: nested deeper than 64 levels"},
	},
	{
		name: "unknown keys",
		text: "session: {}\nsessions:\n  gs:\n    provider: gs\n    orgins: []\n    settings:\n" +
			"      client_idd: x\n      tls: {root: x}\nenvironment: qa\n",
		want: []string{
			`a.yaml:1:1: session: unknown key, did you mean "sessions"?`,
			`a.yaml:5:5: sessions.gs.orgins: unknown key, did you mean "origins"?`,
			`a.yaml:6:5: sessions.gs.settings.client_id: missing`,
			`a.yaml:7:7: sessions.gs.settings.client_idd: unknown key, did you mean "client_id"?`,
			`a.yaml:8:13: sessions.gs.settings.tls.root: unknown key, did you mean "roots"?`},
	},
	{name: "types", text: `sessions:
  a: [x]
  b: ~
  c: {provider: 7, settings: x}
  d: {provider: oauth2, lazy: "yes", early: 5, timeout: -1s, origins: https://x.example}
  e: {provider: oauth2, settings: {client_id: 7, scopes: x, leeway: soon, retries: many, strict: 1, extra: [x], style: basci}}
  f: {provider: oauth2, settings: {client_id: x, retries: 10}, origins: [https://ok.example, ftp://x, "https://user:pw@x.example"]}
  g: {provider: oauth2, settings: {client_id: x, extra: {a: ~}, scopes: [~]}}
  h: {provider: apikey, settings: {key: k}, refused_status: [419, 200, 600]}
  i: {provider: apikey, settings: {key: k}, refused_status: [x]}
`, want: []string{
		`a.yaml:2:3: sessions.a: want an object with the key provider`,
		`a.yaml:3:3: sessions.b: want an object with the key provider`,
		`a.yaml:4:7: sessions.c.provider: want a string, found an integer: put it in quotes`,
		`a.yaml:4:20: sessions.c.settings: want an object, found a string`,
		`a.yaml:5:3: sessions.d.settings.client_id: missing`,
		`a.yaml:5:25: sessions.d.lazy: want true or false, found a string`,
		`a.yaml:5:38: sessions.d.early: want a duration with its unit, such as "30s" or "5m", found an integer`,
		`a.yaml:5:48: sessions.d.timeout: want a duration, such as "30s" or "5m"`,
		`a.yaml:5:62: sessions.d.origins: want a list of strings, found a string`,
		`a.yaml:6:36: sessions.e.settings.client_id: want a string, found an integer: put it in quotes`,
		`a.yaml:6:50: sessions.e.settings.scopes: want a list of strings, found a string`,
		`a.yaml:6:61: sessions.e.settings.leeway: want a duration, such as "30s" or "5m"`,
		`a.yaml:6:75: sessions.e.settings.retries: want an integer, found a string`,
		`a.yaml:6:90: sessions.e.settings.strict: want true or false, found an integer`,
		`a.yaml:6:101: sessions.e.settings.extra: want an object whose values are strings, found a list`,
		`a.yaml:6:113: sessions.e.settings.style: want one of basic, post, did you mean "basic"?`,
		`a.yaml:7:50: sessions.f.settings.retries: want at most 9`,
		`a.yaml:7:94: sessions.f.origins.1: want an origin, such as "https://api.example.com"`,
		`a.yaml:7:103: sessions.f.origins.2: want an origin, such as "https://api.example.com"`,
		`a.yaml:8:58: sessions.g.settings.extra.a: want a string, found null`,
		`a.yaml:8:74: sessions.g.settings.scopes.0: want a string, found null`,
		`a.yaml:9:67: sessions.h.refused_status.1: want a number from 400 to 599`,
		`a.yaml:9:72: sessions.h.refused_status.2: want a number from 400 to 599`,
		`a.yaml:10:62: sessions.i.refused_status.0: want an integer, found a string`,
	}},
	{
		name: "providers",
		text: "default: b\nplugins: {x: {path: /x}}\nsessions:\n  a: {provider: oauth, settings: {}}\n" +
			"  c: {settings: {}}\n",
		want: []string{
			`a.yaml:1:1: default: unknown session, did you mean "a"?`,
			`a.yaml:2:1: plugins: this program runs no plugins: it gives no Options.Plugins`,
			`a.yaml:4:7: sessions.a.provider: unknown provider "oauth", did you mean "oauth2"?; known: ` +
				`apikey, gs, oauth2 (forgotten to give the factory to registry.New?)`,
			`a.yaml:5:3: sessions.c.provider: missing`},
	},
	{
		name: "environment unknown",
		text: "environment: prd\nsessions:\n" +
			"  a: {provider: gs, settings: {client_idd: x}, environments: {stage: {settings: {}, " +
			"provider: gs}, qa: {settings: {client: x}}}}\n" +
			"  b: {provider: apikey, environment: Prod, settings: {key: k}}\n",
		want: []string{
			`a.yaml:1:1: environment: unknown environment "prd", did you mean "prod"?; known: dev, prod, ` +
				`qa, stage`,
			`a.yaml:3:32: sessions.a.settings.client_idd: unknown key, did you mean "client_id"?`,
			`a.yaml:3:63: sessions.a.environments.stage: provider "gs" has no such environment; known: ` +
				`dev, qa, prod`,
			`a.yaml:3:85: sessions.a.environments.stage.provider: unknown key; known: settings, origins, ` +
				`lazy, keep_fresh, early, timeout, sign_in_timeout, allow_http, no_replay, refused_status, proxy, tls, store, inputs`,
			`a.yaml:3:116: sessions.a.environments.qa.settings.client: unknown key; known: client_id, ` +
				`client_secret, scopes, style, leeway, retries, strict, extra, tls`,
			`a.yaml:4:25: sessions.b.environment: unknown environment "Prod", did you mean "prod"?; ` +
				`known: dev, prod, qa, stage`},
	},
	{
		name: "environment missing",
		text: "sessions:\n  a: {provider: gs, settings: {client_id: x}}\n",
		want: []string{
			`environment: none is chosen, and session "a" needs one: set it here or in ` +
				`AUTHSESSION_ENVIRONMENT; known: dev, prod, qa`},
	},
	{
		name: "environment not chosen",
		text: "sessions:\n  a: {provider: apikey, settings: {key: x}, environments: {test: {timeout: " +
			"1s}}}\n",
		want: []string{
			`environment: none is chosen, and session "a" needs one: set it here or in ` +
				`AUTHSESSION_ENVIRONMENT; known: test`},
	},
	{
		name: "environment of another",
		text: "environment: test\nsessions:\n  a: {provider: gs, settings: {client_id: x}}\n" +
			"  b: {provider: apikey, settings: {key: x}, environments: {test: {origins: [x]}}}\n",
		want: []string{
			`a.yaml:3:3: sessions.a: unknown environment "test"; known: dev, qa, prod`,
			`a.yaml:4:77: sessions.b.environments.test.origins.0: want an origin, such as ` +
				`"https://api.example.com"`},
	},
	{name: "references", environ: []string{"EMPTY=", "SECRET=canary"}, text: `sessions:
  a:
    provider: apikey
    settings: {key: "${env:UNSET}", header: "x${file:none}"}
  b: {provider: apikey, settings: {key: "${env:EMPTY}"}}
  c: {provider: apikey, settings: {key: "canary${env:X"}}
  d: {provider: apikey, settings: {key: "canary${evn:X}"}}
  e: {provider: apikey, settings: {key: "${env:}", header: "${}"}}
  f: {provider: oauth2, timeout: "${env:SECRET}", lazy: "${env:UNSET}", settings: {client_id: x, retries: "${env:SECRET}", strict: "${env:UNSET}"}}
  g: {provider: "${env:UNSET}", settings: {key: x}}
  h: {provider: apikey, settings: {key: x}, environments: {qa: {settings: {key: "${env:UNSET}"}}, prod: {settings: {key: "${nev:A}"}}}}
environment: qa
`, want: []string{
		`a.yaml:4:16: sessions.a.settings.key: the variable UNSET is not set`,
		`a.yaml:4:37: sessions.a.settings.header: the file "none" does not exist`,
		`a.yaml:5:36: sessions.b.settings.key: the variable EMPTY is empty`,
		`a.yaml:6:36: sessions.c.settings.key: a reference is not ended by "}" ("$${" is a literal "${")`,
		`a.yaml:7:36: sessions.d.settings.key: unknown reference, did you mean "env"? (want ` +
			`${env:NAME} or ${file:PATH}; ` + adds + `"$${" is a literal "${")`,
		`a.yaml:8:36: sessions.e.settings.key: a reference names nothing usable (want ${env:NAME})`,
		`a.yaml:8:52: sessions.e.settings.header: unknown reference (want ${env:NAME} or ` +
			`${file:PATH}; ` + adds + `"$${" is a literal "${")`,
		`a.yaml:9:25: sessions.f.timeout: want a duration, such as "30s" or "5m" ` +
			`(from the variable SECRET)`,
		`a.yaml:9:51: sessions.f.lazy: the variable UNSET is not set`,
		`a.yaml:9:98: sessions.f.settings.retries: want an integer (from the variable SECRET)`,
		`a.yaml:9:124: sessions.f.settings.strict: the variable UNSET is not set`,
		`a.yaml:10:7: sessions.g.provider: the variable UNSET is not set`,
		`a.yaml:11:76: sessions.h.environments.qa.settings.key: the variable UNSET is not set`,
		`a.yaml:11:117: sessions.h.environments.prod.settings.key: unknown reference, did you mean ` +
			`"env"? (want ${env:NAME} or ${file:PATH}; ` + adds + `"$${" is a literal "${")`,
	}},
	{
		name: "variables",
		text: "sessions:\n  gs-qa: {provider: oauth2, settings: {client_id: x, extra: {a-b: x, a_b: " +
			"y}}}\n  no: {provider: nope}\n",
		environ: []string{
			"AUTHSESSION_ENVIROMENT=qa", "AUTHSESSION_SESSIONS=x", "AUTHSESSION_SESSIONS__GS__LAZY=true",
			"AUTHSESSION_SESSIONS__GS_QA__SETINGS__X=y",
			"AUTHSESSION_SESSIONS__GS_QA__SETTINGS=x",
			"AUTHSESSION_SESSIONS__GS_QA__SETTINGS__CLIENT_IDD=canary",
			"AUTHSESSION_SESSIONS__GS_QA__LAZY__X=y",
			"AUTHSESSION_SESSIONS__GS_QA__EARLY=canary",
			"AUTHSESSION_SESSIONS__GS_QA__SETTINGS__EXTRA__A_B=z",
			"AUTHSESSION_SESSIONS__GS_QA__SETTINGS__EXTRA=z",
			"AUTHSESSION_SESSIONS__gs_qa__EARLY=1s",
			"AUTHSESSION_SESSIONS__GS_QA__ORIGINS=https://a.example,b",
			"AUTHSESSION_SESSIONS__NO__SETTINGS__X=1",
			"AUTHSESSION_DEFAULT=gs_qa",
		},
		want: []string{
			`a.yaml:3:8: sessions.no.provider: unknown provider; known: apikey, gs, oauth2 ` +
				`(forgotten to give the factory to registry.New?)`,
			`AUTHSESSION_DEFAULT: default: unknown session, did you mean "gs-qa"?`,
			`AUTHSESSION_ENVIROMENT: no key goes by this name, did you mean AUTHSESSION_ENVIRONMENT?`,
			`AUTHSESSION_SESSIONS: the name ends too early; known: AUTHSESSION_SESSIONS__GS_QA, ` +
				`AUTHSESSION_SESSIONS__NO`,
			`AUTHSESSION_SESSIONS__GS_QA__EARLY: sessions.gs-qa.early: want a duration, such as "30s" or ` +
				`"5m"`,
			`AUTHSESSION_SESSIONS__GS_QA__LAZY__X: the name goes on after sessions.gs-qa.lazy, which has ` +
				`no keys`,
			`AUTHSESSION_SESSIONS__GS_QA__ORIGINS: sessions.gs-qa.origins.1: want an origin, such as ` +
				`"https://api.example.com"`,
			`AUTHSESSION_SESSIONS__GS_QA__SETINGS__X: no key goes by this name, did you mean ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__X?`,
			`AUTHSESSION_SESSIONS__GS_QA__SETTINGS: the name ends too early; known: ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__CLIENT_ID, ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__CLIENT_SECRET, ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__SCOPES, ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__STYLE, ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__LEEWAY, ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__RETRIES, ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__STRICT, ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__EXTRA, AUTHSESSION_SESSIONS__GS_QA__SETTINGS__TLS`,
			`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__CLIENT_IDD: no key goes by this name, did you mean ` +
				`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__CLIENT_ID?`,
			`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__EXTRA: sessions.gs-qa.settings.extra has keys: a ` +
				`variable sets one of them`,
			`AUTHSESSION_SESSIONS__GS_QA__SETTINGS__EXTRA__A_B: the name stands for several keys: a-b, a_b`,
			`AUTHSESSION_SESSIONS__GS__LAZY: no key goes by this name; known: ` +
				`AUTHSESSION_SESSIONS__GS_QA, AUTHSESSION_SESSIONS__NO`,
			`AUTHSESSION_SESSIONS__gs_qa__EARLY: another variable means the same: ` +
				`AUTHSESSION_SESSIONS__GS_QA__EARLY`,
		},
	},
	{
		name: "JSON syntax",
		file: "a.json",
		text: "{\n \"sessions\": {,}}\n",
		want: []string{
			"a.json:2:15: not JSON: invalid character ',' looking for beginning of object key string: " +
				"a value is missing, or a comma is left over",
		},
	},
	{
		name: "JSON end",
		file: "a.json",
		text: "{\"sessions\":",
		want: []string{"a.json:1:12: not JSON: unexpected end of JSON input: a quote or a bracket is not closed"},
	},
	{
		name: "JSON is YAML",
		file: "a.json",
		text: "sessions: {}\n",
		want: []string{
			"a.json:1:1: not JSON: invalid character looking for beginning of value: a text has " +
				"double quotes; others are numbers, true, false and null",
		},
	},
	{
		name: "JSON list",
		file: "a.json",
		text: "[]",
		want: []string{"a.json:1:1: want an object with the key sessions"},
	},
	{
		name: "JSON empty",
		file: "a.json",
		text: "",
		want: []string{"a.json: the file is empty: write the key sessions, or do not name the file"},
	},
	{
		name: "JSON keys",
		file: "a.json",
		text: "{\"sessions\": {\n" +
			"  \"ä\": {\"provider\": \"apikey\", \"settings\": {\"kye\": 1, \"kye\": [{\"a\": 1}], " +
			"\"header\": 1e999}},\n \"\": {\"a\": [1]}}}",
		want: []string{
			`a.json:2:31: sessions.ä.settings.key: missing`,
			`a.json:2:44: sessions.ä.settings.kye: unknown key, did you mean "key"?`,
			`a.json:2:54: sessions.ä.settings.kye: the key is there twice`,
			`a.json:2:73: sessions.ä.settings.header: the number is out of range`,
			`a.json:3:2: sessions.?: the key is empty, too long or has characters that cannot be seen`},
	},
	{
		name: "JSON deep",
		file: "a.json",
		text: `{"sessions": ` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}",
		want: []string{
			"a.json:1:2: sessions: want an object, found a list",
			"a.json:1:78: sessions: nested deeper than 64 levels"},
	},
	{
		name: "TOML syntax",
		file: "a.toml",
		text: "[sessions.a]\nprovider = canary\n",
		want: []string{"a.toml:2:12: not TOML: unexpected character at start of value: a text has quotes; others are " +
			"numbers, dates, true and false"},
	},
	{
		name: "TOML twice",
		file: "a.toml",
		text: "[sessions.a]\nprovider = 'x'\nprovider = 'y'\n",
		want: []string{"a.toml:3:1: not TOML: key provider is already defined"},
	},
	{
		name: "TOML keys",
		file: "a.toml",
		text: "[sessions.a]\nprovider = 'oauth2'\norigins = ['https://a.example',\n  'b']\n" +
			"[sessions.a.settings]\n  scopes = 1\n  tls.root = 2\n[sessions.b]\n provder = 1979-05-27\n" +
			" [[sessions.c]]\n [[sessions.c]]\n",
		want: []string{
			`a.toml:4:3: sessions.a.origins.1: want an origin, such as "https://api.example.com"`,
			`a.toml:5:13: sessions.a.settings.client_id: missing`,
			`a.toml:6:3: sessions.a.settings.scopes: want a list of strings, found an integer`,
			`a.toml:7:7: sessions.a.settings.tls.root: unknown key, did you mean "roots"?`,
			`a.toml:8:11: sessions.b.provider: missing`,
			`a.toml:9:2: sessions.b.provder: unknown key, did you mean "provider"?`,
			`a.toml:10:13: sessions.c: want an object with the key provider`},
	},
}

func TestFaults(t *testing.T) {
	for _, tt := range badFiles {
		t.Run(tt.name, func(t *testing.T) {
			name := tt.file
			if name == "" {
				name = "a.yaml"
			}
			got := faults(t, options(t, name, tt.text, tt.environ...))
			require.Equal(t, tt.want, got)
			for _, line := range got {
				require.NotContains(t, line, "canary")
			}
		})
	}
}

func TestFaultsOfAllFiles(t *testing.T) {
	dir := t.TempDir()
	opts := options(t, "a.yaml", three)
	opts.Files = []string{
		write(t, dir, "z.yaml", "sessions:\n  a: {provider: apikey, settings: {kye: k}}\n"),
		write(t, dir, "y.json", `{"sessions": {"b": {"provider": "apikey"}}}`),
		write(t, dir, "x.toml", "[sessions.a]\nearly = 1\n"),
	}
	opts.Environ = []string{"AUTHSESSION_X=1"}
	require.Equal(t, []string{
		"z.yaml:2:25: sessions.a.settings.key: missing",
		`z.yaml:2:36: sessions.a.settings.kye: unknown key, did you mean "key"?`,
		"y.json:1:15: sessions.b.settings.key: missing",
		`x.toml:2:1: sessions.a.early: want a duration with its unit, such as "30s" or "5m", found an ` +
			`integer`,
		"AUTHSESSION_X: no key goes by this name; known: AUTHSESSION_ENVIRONMENT, " +
			"AUTHSESSION_DEFAULT, AUTHSESSION_SESSIONS, AUTHSESSION_STORE",
	}, faults(t, opts))
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	opts := options(t, "a.yaml", three)
	huge := write(t, dir, "huge.yaml", "")
	require.NoError(t, os.Truncate(huge, 16<<20+1))
	opts.Files = []string{
		filepath.Join(dir, "none.yaml"),
		dir,
		huge,
		huge,
		write(t, dir, "bad.yaml", "a: ["),
	}
	require.Equal(t, []string{
		"none.yaml: the file does not exist",
		filepath.Base(dir) + ": the file is a directory",
		"huge.yaml: the file is larger than 16 MiB", "huge.yaml: the file is named twice",
		"bad.yaml:1:1: not YAML: did not find expected node content: a value or a closing bracket " +
			"is missing",
	}, faults(t, opts))

	opts.Files = []string{""}
	require.Equal(t, []string{"the file in Options.Files has no name"}, faults(t, opts))

	opts.Files = nil
	require.Equal(t, []string{"no file is named in Options.Files"}, faults(t, opts))

	secret := write(t, dir, "secret", "")
	require.NoError(t, os.Truncate(secret, 1<<20+1))
	opts.Files = []string{
		write(t, dir, "ok.yaml",
			"sessions:\n  a: {provider: apikey, settings: {key: '${file:secret}'}}\n"+
				"  b: {provider: apikey, settings: {key: '${file:.}'}}\n"),
	}
	require.Equal(t, []string{
		`ok.yaml:2:36: sessions.a.settings.key: the file "secret" is larger than 1 MiB`,
		`ok.yaml:3:36: sessions.b.settings.key: the file "." is a directory`,
	}, faults(t, opts))
}

func TestManyFaults(t *testing.T) {
	var b strings.Builder
	b.WriteString("sessions:\n")
	for i := range 150 {
		fmt.Fprintf(&b, "  s%d: {}\n", i)
	}
	_, err := config.Load(context.Background(), options(t, "a.yaml", b.String()))
	require.Error(t, err)
	require.Len(t, err.(*config.Error).Faults, 150)
	require.Equal(t, 101, len(strings.Split(err.Error(), "\n")))
	require.True(t, strings.HasSuffix(err.Error(), "\nand 50 faults more"))
}

// TestPlaceOfALaterFile proves that a fault is at the file whose value is in effect.
func TestPlaceOfALaterFile(t *testing.T) {
	opts := options(t, "a.yaml", "sessions:\n  a: {provider: apikey, timeout: 5s, settings: {key: k, header: h}}\n")
	dir := filepath.Dir(opts.Files[0])
	for name, text := range map[string]string{
		"b.json": `{"sessions": {"a": {"timeout": 5}}}`,
		"c.toml": "[sessions.a]\nearly = 1\n[sessions.a.settings]\nheader = 1\n",
	} {
		opts.Files = append(opts.Files, write(t, dir, name, text))
	}
	slices.Sort(opts.Files)
	require.Equal(t, []string{
		`b.json:1:21: sessions.a.timeout: want a duration with its unit, such as "30s" or "5m", found an integer`,
		`c.toml:2:1: sessions.a.early: want a duration with its unit, such as "30s" or "5m", found an integer`,
		`c.toml:4:1: sessions.a.settings.header: want a string, found an integer: put it in quotes`,
	}, faults(t, opts))
}

// TestKeysOfALargeObject proves that a key that is there twice is found also among many.
func TestKeysOfALargeObject(t *testing.T) {
	text := "sessions:\n  a:\n    provider: apikey\n    inputs:\n" + each(30, "      x%d: a\n") + "      x3: b\n"
	require.Contains(t, faults(t, options(t, "a.yaml", text)),
		"a.yaml:35:7: sessions.a.inputs.x3: the key is there twice")
}

// TestCheckCapsFaults proves that Check lists at most a thousand faults, as Load does, and counts
// the others.
func TestCheckCapsFaults(t *testing.T) {
	text := "sessions:\n" + each(1500, "  s%d: {provider: apikey, settings: {kye: k, key: k}}\n")
	opts := options(t, "a.yaml", text)
	_, err := config.Load(t.Context(), opts)
	for _, err := range []error{config.Check(t.Context(), opts), err} {
		var all *config.Error
		require.ErrorAs(t, err, &all)
		require.Len(t, all.Faults, 1000)
		require.Equal(t, 500, all.More)
	}
}
