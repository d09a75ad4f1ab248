package config

import (
	"slices"
	"time"

	"github.com/authsession/authsession/core"
)

// The keys of a file. The tags are what messages, variables, the JSON Schema and the reference in
// docs/configuration.md go by.
type (
	topKeys struct {
		Environment string         `json:"environment" doc:"The environment for all sessions without one of their own."`
		Default     string         `json:"default" doc:"The session that becomes the current one of the process."`
		Sessions    map[string]any `json:"sessions" required:"true" doc:"The sessions by name."`
		Store       storeKeys      `json:"store" doc:"Where sessions that do not say it themselves keep their credentials."`
	}
	sessionKeys struct {
		Provider     string         `json:"provider" required:"true" doc:"The kind of provider."`
		Environment  string         `json:"environment" doc:"This session's environment, whatever is chosen for the others."`
		Settings     map[string]any `json:"settings" doc:"The provider's settings."`
		Environments map[string]any `json:"environments" doc:"What differs in an environment, by its name."`
		optionKeys
	}
	environmentKeys struct {
		Settings map[string]any `json:"settings" doc:"The provider's settings that differ in the environment."`
		optionKeys
	}
	optionKeys struct {
		Origins       []string          `json:"origins" doc:"Where the credential may go, as https://api.example.com. Without it: where the provider says."`
		Lazy          bool              `json:"lazy" doc:"Authenticate at first use, without Init."`
		KeepFresh     bool              `json:"keep_fresh" doc:"Renew also while nobody asks."`
		Early         time.Duration     `json:"early" doc:"How long before its expiry a credential is renewed. Without it: a tenth of its lifetime, at most 5 minutes."`
		Timeout       time.Duration     `json:"timeout" doc:"The bound on each attempt to authenticate or revoke. Without it: 10s."`
		AllowHTTP     bool              `json:"allow_http" doc:"The credential may go over plain HTTP. Loopback always may."`
		NoReplay      bool              `json:"no_replay" doc:"A refused request is not repeated with a new credential."`
		RefusedStatus []int             `json:"refused_status" doc:"Statuses beside 401 that refuse the credential."`
		Store         storeKeys         `json:"store" doc:"Where the credential is kept beyond the process."`
		Inputs        map[string]string `json:"inputs" doc:"Sessions whose credentials the provider needs, by role."`
	}
	// storeKeys are the keys of every kind of store; the others are the settings of its factory.
	storeKeys struct {
		Kind string `json:"kind" default:"memory" doc:"The kind of store. memory keeps nothing beyond the process."`
	}
)

// keySchemas describe the keys of a file, with those of the stores that the program gives.
type keySchemas struct{ top, session, environment []core.Setting }

var fixedKeys = keySchemas{
	schemaOf[topKeys](), schemaOf[sessionKeys](), schemaOf[environmentKeys](),
}

func schemaOf[T any]() []core.Setting {
	return core.NewFactory[T](core.Info{Kind: "keys"}, nil).Settings()
}

// schemas describes the keys of a file. A program without stores knows their kind alone, so that
// there any other key may be.
func (k storeKinds) schemas() keySchemas {
	with := func(schema []core.Setting) []core.Setting {
		schema = slices.Clone(schema)
		i := slices.IndexFunc(schema, func(s core.Setting) bool { return s.Name == "store" })
		if len(k.factories) == 0 {
			schema[i].Type, schema[i].Fields = "map of any", nil
		} else {
			schema[i].Fields = slices.Concat(schema[i].Fields, k.settings)
		}
		return schema
	}
	return keySchemas{with(fixedKeys.top), with(fixedKeys.session), with(fixedKeys.environment)}
}
