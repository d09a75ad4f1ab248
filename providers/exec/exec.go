// Package exec authenticates with what a command prints: a Kubernetes
// ExecCredential (client.authentication.k8s.io/v1), the document of an AWS
// credential_process, or a bare token.
//
//	provider: exec
//	settings: {command: get-token, args: [--audience, prices]}
//
// There is no shell: arguments go to the program as they are. The program runs
// in a small environment of its own, reads nothing from the terminal, and is
// ended, with what it started, when its time is up. It is run again shortly
// before its credential expires and when the API refuses it.
//
// Read on in run.go and output.go.
package exec

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/authsession/authsession/providers/internal/headers"
)

// Config are the settings: what to run, what it prints, and which headers are
// made of that.
type Config struct {
	Command  string                 `json:"command" required:"true" identity:"true" doc:"The program: an absolute path, or a name that is looked up in PATH."`
	Args     []string               `json:"args" identity:"true" doc:"Its arguments, as they are. Other users of the machine can see them: no secrets."`
	Env      map[string]core.Secret `json:"env" doc:"Variables for its environment."`
	PassEnv  []string               `json:"pass_env" doc:"Names of variables of this process to pass on, besides PATH, HOME and the like."`
	Dir      string                 `json:"dir" identity:"true" doc:"The folder it runs in. Default: that of this process."`
	Output   Format                 `json:"output" default:"auto" enum:"auto,execcredential,aws,token" doc:"What it prints; auto tells by looking."`
	Header   string                 `json:"header" identity:"true" doc:"The header that carries the token. Default: Authorization."`
	Prefix   *string                `json:"prefix" identity:"true" doc:"Text before the token. Default: \"Bearer \" in Authorization, else nothing."`
	Headers  map[string]string      `json:"headers" identity:"true" doc:"Headers made of what was printed, as {X-Key: \"{AccessKeyId}\"}, in the place of header and prefix. Needed for aws."`
	Lifetime time.Duration          `json:"lifetime" doc:"How long an output that names no expiry is good. Default: until the API refuses it."`
	BaseURL  string                 `json:"base_url" identity:"true" doc:"The address of the API, for its client (attribute base_url). The credential is then sent to its origin only."`
	Subject  string                 `json:"subject" doc:"Who the credential stands for, for logs. Not a secret."`
}

// Format is what a command prints.
type Format string

// The formats.
const (
	Auto           Format = "auto"           // JSON is told by its keys; anything else is a token
	ExecCredential Format = "execcredential" // client.authentication.k8s.io/v1 (or v1beta1)
	AWS            Format = "aws"            // credential_process, version 1
	Token          Format = "token"          // a token and nothing else
)

// Factory makes providers of kind "exec".
var Factory = core.NewFactory(
	core.Info{Kind: "exec", Summary: "What a command prints: an ExecCredential, an AWS credential_process document or a token."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.BadConfig].
// The Output "" means Auto. The provider is safe for concurrent use; each
// Authenticate runs the command once. Nothing is run before.
//
// Authenticate reports [core.BadConfig] for a program that is not there or
// cannot be started, and for the exit statuses 64 (usage) and 78 (config) of
// sysexits.h; [core.Denied] for 77 (no permission); and [core.Unavailable] for
// every other status, for a signal, for the end of its time and for an output
// that makes no sense. Only an error about a program that did not start is
// [core.Error.Local]. What the program writes to its standard error may hold
// secrets and is never shown.
//
// The fields of an AWS document also go into [core.Credential.Renewal], as
// JSON, where a provider that wraps this one finds them to sign requests with.
func New(cfg Config) (core.Provider, error) {
	if cfg.Output == "" {
		cfg.Output = Auto
	}
	if err := faults.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	cfg.Args, cfg.PassEnv = slices.Clone(cfg.Args), slices.Clone(cfg.PassEnv)
	cfg.Env, cfg.Headers = maps.Clone(cfg.Env), maps.Clone(cfg.Headers)
	return &provider{cfg: cfg, headers: cfg.headers()}, nil
}

// Validate reports the faults of c. It is called by the factory; the
// environment does not matter.
func (c *Config) Validate(core.Environment) error {
	var faults []error
	add := func(setting string, err error) {
		if err != nil {
			// Not Faultf: names of variables may have dots.
			faults = append(faults, core.Fault{Path: strings.Split(setting, "\x00"), Problem: err.Error()})
		}
	}
	add("command", checkCommand(c.Command))
	for i, a := range c.Args {
		add("args\x00"+strconv.Itoa(i), noNUL(a))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if err := variable(name); err != nil {
			add("env", err)
		} else {
			add("env\x00"+name, noNUL(c.Env[name].Reveal()))
		}
	}
	for i, name := range c.PassEnv {
		add("pass_env\x00"+strconv.Itoa(i), variable(name))
	}
	add("dir", noNUL(c.Dir))
	c.validateHeaders(add)
	add("base_url", baseurl.Check(c.BaseURL))
	return errors.Join(faults...)
}

func (c *Config) validateHeaders(add func(string, error)) {
	if len(c.Headers) > 0 && (c.Header != "" || c.Prefix != nil) {
		add("headers", errors.New("give either headers or header and prefix"))
		return
	}
	if c.Output == AWS && len(c.Headers) == 0 {
		add("headers", errors.New("missing: an AWS document has no token; name the headers that carry its fields"))
	}
	if c.Header != "" {
		add("header", headers.Name(c.Header))
	}
	if c.Prefix != nil {
		add("prefix", checkText(*c.Prefix))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		add("headers\x00"+name, headers.Name(name))
		add("headers\x00"+name, checkTemplate(c.Headers[name], c.Output))
	}
}

// headers returns the templates of c.
func (c *Config) headers() map[string]string {
	if len(c.Headers) > 0 {
		return c.Headers
	}
	name, prefix := c.Header, ""
	if name == "" {
		name = "Authorization"
	}
	if c.Prefix != nil {
		prefix = *c.Prefix
	} else if strings.EqualFold(name, "Authorization") {
		prefix = "Bearer "
	}
	return map[string]string{name: prefix + "{" + fieldToken + "}"}
}

func checkCommand(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	if !filepath.IsAbs(s) && strings.ContainsAny(s, `/\`) {
		return errors.New("want an absolute path, or a name to look up in PATH")
	}
	return noNUL(s)
}

func variable(name string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return errors.New("is not the name of a variable")
	}
	return nil
}

func noNUL(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return errors.New("has a NUL character in it")
	}
	return nil
}
