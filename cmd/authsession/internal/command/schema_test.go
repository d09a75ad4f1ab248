package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
)

// drafts has what init is told for each kind.
var drafts = map[string]map[string]string{
	"apikey": {"header": "X-Key"},
	"basic":  {},
	"bearer": {},
	"exec":   {"command": "get-token"},
	"gs":     {"client_id": "me", "client_secret": "${env:S}"},
	"mtls":   {"cert_file": "a.pem", "key_file": "a.key"},
	"oauth2": {"client_id": "me", "issuer": "https://login.example.com"},
}

// drafted is the configuration that init writes for a kind, as data.
func drafted(t *testing.T, f core.Factory) map[string]any {
	t.Helper()
	kind := f.Info().Kind
	values, ok := drafts[kind]
	require.True(t, ok, "a new kind %q: say here what init needs to be told", kind)
	d := &draft{
		factory: f,
		name:    kind,
		origins: []string{"https://a.example.com"},
		store:   "file",
		values:  map[string]string{},
	}
	if kind == "gs" {
		d.origins, d.environment = nil, "prod"
	}
	for name, value := range values {
		d.values[name] = value
	}
	text, err := questions{app: &app{}}.complete(t.Context(), d)
	require.NoError(t, err, kind)
	var out map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &out))
	return out
}

// judge is the verdict of a schema and of Check.
type judge struct {
	schema *jsonschema.Schema
	dir    string
}

func (j judge) verdicts(t *testing.T, document map[string]any) (bySchema, byCheck error) {
	t.Helper()
	text, err := yaml.Marshal(document)
	require.NoError(t, err)
	path := filepath.Join(j.dir, "a.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	var parsed any
	require.NoError(t, yaml.Unmarshal(text, &parsed))
	opts := builtinOptions()
	opts.Files, opts.Environ = []string{path}, []string{}
	return j.schema.Validate(parsed), config.Check(t.Context(), opts)
}

func (j judge) good(t *testing.T, document map[string]any, what string) {
	t.Helper()
	bySchema, byCheck := j.verdicts(t, document)
	require.NoError(t, bySchema, what)
	require.NoError(t, byCheck, what)
}

func (j judge) bad(t *testing.T, document map[string]any, what string) {
	t.Helper()
	bySchema, byCheck := j.verdicts(t, document)
	require.Error(t, bySchema, "%s: the schema accepts it", what)
	require.Error(t, byCheck, "%s: Check accepts it", what)
}

// TestSchemaAgreesWithCheck: for each kind that is built in, what init writes is good,
// and an unknown key, a missing one and a wrong type is a fault, in the published schema
// as in config check.
func TestSchemaAgreesWithCheck(t *testing.T) {
	text, err := PublishedSchema()
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("schema.json", document))
	schema, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	j := judge{schema, t.TempDir()}
	for _, f := range providers.Builtin() {
		kind := f.Info().Kind
		j.good(t, drafted(t, f), kind)
		for _, path := range [][]string{nil, {"store"}, {"sessions", kind}, {"sessions", kind, "settings"}} {
			d := drafted(t, f)
			at(d, path)["unknwon"] = "x"
			j.bad(t, d, fmt.Sprintf("%s: an unknown key in %v", kind, path))
		}
		for _, s := range f.Settings() {
			if s.Type == "any" {
				continue
			}
			d := drafted(t, f)
			settings := at(d, []string{"sessions", kind, "settings"})
			settings[s.Name] = wrongFor(s)
			j.bad(t, d, fmt.Sprintf("%s: %s is of a wrong type", kind, s.Name))
			if s.Required {
				d = drafted(t, f)
				delete(at(d, []string{"sessions", kind, "settings"}), s.Name)
				j.bad(t, d, fmt.Sprintf("%s: %s is missing", kind, s.Name))
			}
		}
	}
}

// TestPages: the configurations that the pages show are good.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("../../../../docs/command/*.md")
	require.NoError(t, err)
	shown := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			path := filepath.Join(t.TempDir(), "a.yaml")
			require.NoError(t, os.WriteFile(path, []byte(block[1]), 0o600))
			opts := builtinOptions()
			opts.Files, opts.Environ = []string{path}, []string{}
			require.NoError(t, config.Check(t.Context(), opts), page)
			shown++
		}
	}
	require.GreaterOrEqual(t, shown, 5)
}

// at returns the object at a path.
func at(document map[string]any, path []string) map[string]any {
	for _, key := range path {
		document = document[key].(map[string]any)
	}
	return document
}

// wrongFor returns a value that is wrong for a setting.
func wrongFor(s core.Setting) any {
	switch s.Type {
	case "string", "duration", "bool", "integer", "number":
		return []any{"x"}
	}
	return "x"
}
