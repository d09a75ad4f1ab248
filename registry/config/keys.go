// Read on in storekinds.go.

package config

import (
	"slices"
	"time"

	"github.com/authsession/authsession/core"
)

// The keys of a file. Faults, variables, the JSON Schema and the reference in
// docs/configuration.md use the tags, and keyDocs.
type (
	topKeys struct {
		Environment string         `json:"environment"`
		Default     string         `json:"default"`
		Sessions    map[string]any `json:"sessions" required:"true"`
		Store       storeKeys      `json:"store"`
	}
	sessionKeys struct {
		Provider     string         `json:"provider" required:"true"`
		Environment  string         `json:"environment"`
		Settings     map[string]any `json:"settings"`
		Environments map[string]any `json:"environments"`
		optionKeys
	}
	environmentKeys struct {
		Settings map[string]any `json:"settings"`
		optionKeys
	}
	optionKeys struct {
		Origins       []string          `json:"origins"`
		Lazy          bool              `json:"lazy"`
		KeepFresh     bool              `json:"keep_fresh"`
		Early         time.Duration     `json:"early"`
		Timeout       time.Duration     `json:"timeout"`
		SignInTimeout time.Duration     `json:"sign_in_timeout"`
		AllowHTTP     bool              `json:"allow_http"`
		NoReplay      bool              `json:"no_replay"`
		RefusedStatus []int             `json:"refused_status"`
		Proxy         core.Secret       `json:"proxy"`
		TLS           tlsKeys           `json:"tls"`
		Store         storeKeys         `json:"store"`
		Inputs        map[string]string `json:"inputs"`
	}
	tlsKeys struct {
		CAFile     string      `json:"ca_file" doc:"PEM file with the roots for the API's servers."`
		CA         core.Secret `json:"ca" doc:"The same as text, in place of ca_file."`
		ServerName string      `json:"server_name" doc:"The name in the servers' certificate."`
		MinVersion string      `json:"min_version" default:"1.2" enum:"1.2,1.3" doc:"Of TLS."`

		Renegotiation string `json:"renegotiation" default:"never" enum:"never,once,freely" doc:"Whether the servers may ask for it (TLS 1.2)."`
	}
	// storeKeys are the keys of every kind of store; the others are the settings
	// of its factory.
	storeKeys struct {
		Kind string `json:"kind" default:"memory"`
	}
)

// What each key is for, by its name, where the key is.
var (
	topDocs = map[string]string{
		"environment": "The environment for all sessions without one of their own.",
		"default":     "The session that becomes the current one of the process.",
		"sessions":    "The sessions by name.",
		"store":       "Where sessions that do not say it themselves keep their credentials.",
	}
	sessionDocs = map[string]string{
		"provider":     "The kind of provider.",
		"environment":  "This session's environment, whatever is chosen for the others.",
		"settings":     "The provider's settings.",
		"environments": "What differs in an environment, by its name.",
	}
	environmentDocs = map[string]string{
		"settings": "The provider's settings that differ in the environment.",
	}
	optionDocs = map[string]string{
		"origins": "Where the credential may go, as https://api.example.com. " +
			"Without it: where the provider says.",
		"lazy":       "Authenticate at first use, without Init.",
		"keep_fresh": "Renew also while nobody asks.",
		"early": "How long before its expiry a credential is renewed. " +
			"Without it: a tenth of its lifetime, at most 5 minutes.",
		"timeout": "The bound on each attempt to authenticate or revoke. " +
			"Without it: 10s.",
		"sign_in_timeout": "The bound on a sign-in by a person. Without it: 10m, or for as long " +
			"as the device code is valid that the person is shown.",
		"allow_http":     "The credential may go over plain HTTP. Loopback always may.",
		"no_replay":      "A refused request is not repeated with a new credential.",
		"refused_status": "Statuses beside 401 that refuse the credential.",
		"proxy": "The proxy for the API and for token requests, as http://proxy.example.com:8080, " +
			"or none. Without it: that of HTTPS_PROXY.",
		"tls":    "The connections to the API.",
		"store":  "Where the credential is kept beyond the process.",
		"inputs": "Sessions whose credentials the provider needs, by role.",
	}
	storeDocs = map[string]string{
		"kind": "The kind of store. memory keeps nothing beyond the process.",
	}
)

// keySchemas describe the keys of a file, of a session and of its section for an
// environment.
type keySchemas struct{ top, session, environment []core.Setting }

// fixedKeys are the keys without those of stores, which depend on the program.
var fixedKeys = keySchemas{
	top:         schemaOf[topKeys](topDocs),
	session:     schemaOf[sessionKeys](sessionDocs, optionDocs),
	environment: schemaOf[environmentKeys](environmentDocs, optionDocs),
}

// schemaOf describes the keys that a struct has, with their texts of docs.
func schemaOf[T any](docs ...map[string]string) []core.Setting {
	schema := slices.Clone(core.NewFactory[T](core.Info{Kind: "keys"}, nil).Settings())
	for i, s := range schema {
		for _, texts := range docs {
			if text, ok := texts[s.Name]; ok {
				schema[i].Doc = text
			}
		}
		if s.Name == "store" {
			schema[i].Fields = schemaOf[storeKeys](storeDocs)
		}
	}
	return schema
}

// settingNamed returns the description of a setting; the zero Setting: none.
func settingNamed(schema []core.Setting, name string) core.Setting {
	if i := indexOfSetting(schema, name); i >= 0 {
		return schema[i]
	}
	return core.Setting{}
}

// indexOfSetting returns where the description of a setting is; -1: there is none.
func indexOfSetting(schema []core.Setting, name string) int {
	for i := range schema {
		if schema[i].Name == name {
			return i
		}
	}
	return -1
}

func settingNames(schema []core.Setting) []string {
	out := make([]string, len(schema))
	for i, s := range schema {
		out[i] = s.Name
	}
	return out
}
