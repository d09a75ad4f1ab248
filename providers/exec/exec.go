// Package exec is the provider for credentials that a command prints: a Kubernetes ExecCredential
// (client.authentication.k8s.io/v1), the document of an AWS credential_process, of the tools of
// Azure and Google Cloud, of docker and git credential helpers, other JSON, or a token.
//
//	provider: exec
//	settings: {command: get-token, args: [--audience, prices]}
//
// The provider starts the program without a shell and passes the arguments unchanged. The program
// gets a small environment, no file descriptor but the three standard ones, no terminal, and no
// standard input unless the settings have one. When the context ends, the provider kills it and
// the processes that it started. It runs the program again shortly before the credential expires,
// and when the API refuses the credential. With interactive, the program may use the terminal
// while a person signs in.
//
// Read on in template.go.
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
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/authsession/authsession/providers/internal/headers"
)

// Config is the settings: the command, the format of its output, and the headers that carry the
// output.
type Config struct {
	Command string `json:"command" required:"true" identity:"true" doc:"The program: an absolute path, or a name in PATH."`

	Args []string `json:"args" identity:"true" doc:"Its arguments. Other users of the machine can see them: no secrets."`

	Env map[string]core.Secret `json:"env" doc:"Variables for its environment."`

	PassEnv []string `json:"pass_env" doc:"Variables of this process to pass on, besides PATH, HOME and the like."`

	Dir string `json:"dir" identity:"true" doc:"Its folder. Default: that of this process."`

	Input core.Secret `json:"input" doc:"Text for its standard input, such as the request of a git or docker helper. Default: none."`

	Interactive bool `json:"interactive" doc:"Lets it use the terminal while a person signs in."`

	Stderr Stderr `json:"stderr" default:"discard" enum:"discard,log" doc:"Its standard error: log writes it to the session's log, and its end to errors."`

	Output Format `json:"output" default:"auto" enum:"auto,execcredential,aws,token,json,azure,gcloud,gcp,docker,git" doc:"Its format; auto detects it."`

	Token string `json:"token" identity:"true" doc:"Where json has the token: names of members, joined by dots, as data.token."`

	Expiry string `json:"expiry" doc:"Where json has the time of the expiry, as in token."`

	ExpiresIn string `json:"expires_in" doc:"Where json has the lifetime in seconds, as in token."`

	Header string `json:"header" identity:"true" doc:"The header with the token. Default: Authorization."`

	Prefix *string `json:"prefix" identity:"true" doc:"Text before the token. Default: \"Bearer \" or none."`

	Headers map[string]string `json:"headers" identity:"true" doc:"Headers, as {X-Key: \"{AccessKeyId}\"}; for aws."`

	Lifetime time.Duration `json:"lifetime" doc:"The lifetime if the output has no expiry. Default: until it is refused."`

	BaseURL string `json:"base_url" identity:"true" doc:"The API's address, to whose origin alone the credential goes."`

	Subject string `json:"subject" doc:"The owner, for logs. Not a secret."`
}

// Format is what a command prints.
type Format string

// The formats.
const (
	// JSON is recognised by its keys; any other output is a token
	Auto           Format = "auto"
	ExecCredential Format = "execcredential" // client.authentication.k8s.io/v1 (or v1beta1)
	AWS            Format = "aws"            // credential_process, version 1
	Token          Format = "token"          // a token and nothing else
	JSON           Format = "json"           // the members that Config.Token and Config.Expiry name
	Azure          Format = "azure"          // az account get-access-token, azd auth token
	GCloud         Format = "gcloud"         // gcloud config config-helper --format=json
	GCP            Format = "gcp"            // executable-sourced credentials, AIP-4117
	Docker         Format = "docker"         // a docker credential helper, for get
	Git            Format = "git"            // a git credential helper, for get
)

// Stderr says what becomes of a command's standard error.
type Stderr string

// The values of Stderr.
const (
	StderrDiscard Stderr = "discard" // nothing of it is shown; "" means the same
	// The session's log gets its lines, and errors the last ones. They are cleaned, cut, and left out
	// if they repeat a secret that the provider knows.
	StderrLog Stderr = "log"
)

// Factory makes providers of kind "exec".
var Factory = core.NewFactory(
	core.Info{
		Kind: "exec",
		Summary: "What a command prints: an ExecCredential, the document of a tool such as aws, az, " +
			"gcloud, docker or git, other JSON, or a token.",
	},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.CodeBadConfig]. The Output
// "" means Auto. The provider is safe for concurrent use. New runs nothing; each
// Authenticate runs the command once.
//
// Authenticate returns [core.CodeBadConfig] for a program that does not exist or cannot be
// started, and for the exit statuses 64 (usage) and 78 (config) of sysexits.h;
// [core.CodeDenied] for 77 (no permission); [core.CodeInteractive] for 80, and if the program
// reports that it has no terminal; and [core.CodeUnavailable] for every other
// status, for a signal, if ctx ends and for an output that cannot be parsed. Only the error
// of a program that did not start is [core.Error.Local]. Errors contain the program's
// standard error, which may hold secrets, with StderrLog only.
//
// If Interactive is set, the provider is a [core.InteractiveProvider]: SignIn runs the command in
// the foreground of this process's terminal, until ctx ends, and Authenticate then returns
// CodeInteractive for the statuses without a meaning of their own, too.
//
// The fields of an AWS document are also in [core.Credential.RefreshState], as JSON, for a
// provider that wraps this one and signs requests with them.
func New(cfg Config) (core.Provider, error) {
	if cfg.Output == "" {
		cfg.Output = Auto
	}
	if err := faults.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	cfg.Args, cfg.PassEnv = slices.Clone(cfg.Args), slices.Clone(cfg.PassEnv)
	cfg.Env, cfg.Headers = maps.Clone(cfg.Env), maps.Clone(cfg.Headers)
	p := &provider{cfg: cfg}
	if cfg.Interactive {
		return &interactiveProvider{p}, nil
	}
	return p, nil
}

// Validate reports, as core faults, what is wrong with the settings. The environment does not
// matter.
func (c *Config) Validate(core.Environment) error {
	var faults []error
	add := func(setting string, err error) {
		if err != nil {
			// Faultf would divide the path at dots, which names of variables may contain.
			faults = append(faults, core.Fault{Path: strings.Split(setting, "\x00"), Problem: err.Error()})
		}
	}
	add("command", checkCommand(c.Command))
	for i, a := range c.Args {
		add("args\x00"+strconv.Itoa(i), checkNUL(a))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if err := checkVariable(name); err != nil {
			add("env", err)
		} else {
			add("env\x00"+name, checkNUL(c.Env[name].Reveal()))
		}
	}
	for i, name := range c.PassEnv {
		add("pass_env\x00"+strconv.Itoa(i), checkVariable(name))
	}
	add("dir", checkNUL(c.Dir))
	c.validatePaths(add)
	c.validateHeaders(add)
	add("base_url", baseurl.Check(c.BaseURL))
	return errors.Join(faults...)
}

// validatePaths checks where the fields of JSON are.
func (c *Config) validatePaths(add func(string, error)) {
	if c.Output == JSON && c.Token == "" {
		add("token", errors.New("missing: the field of the JSON with the token, as data.token"))
	}
	for _, s := range []struct{ setting, path string }{
		{"token", c.Token}, {"expiry", c.Expiry}, {"expires_in", c.ExpiresIn},
	} {
		switch {
		case s.path == "":
		case c.Output != JSON:
			add(s.setting, errors.New("is for the output json"))
		case !members.IsPath(s.path):
			add(s.setting, errors.New("is not a path, such as data.token"))
		}
	}
}

func (c *Config) validateHeaders(add func(string, error)) {
	if len(c.Headers) > 0 && (c.Header != "" || c.Prefix != nil) {
		add("headers", errors.New("give either headers or header and prefix"))
		return
	}
	if c.Output == AWS && len(c.Headers) == 0 {
		add("headers",
			errors.New("missing: an AWS document has no token; name the headers that carry its fields"))
	}
	if c.Header != "" {
		add("header", headers.Name(c.Header))
	}
	if c.Prefix != nil {
		add("prefix", checkPrefix(*c.Prefix))
	}
	if name := headers.Twice(c.Headers); name != "" {
		add("headers\x00"+name, headers.ErrTwice)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		add("headers\x00"+name, headers.Name(name))
		add("headers\x00"+name, checkTemplate(c.Headers[name], c.Output))
	}
}

// headers returns the templates of the headers, by name.
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
		if strings.ContainsAny(s, "~$ \t\n|&;") {
			return errors.New("want an absolute path, or a name to look up in PATH; there is no shell " +
				"that replaces ~ and variables, and splits arguments")
		}
		return errors.New("want an absolute path, or a name to look up in PATH")
	}
	return checkNUL(s)
}

func checkVariable(name string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return errors.New("is not the name of a variable")
	}
	return nil
}

func checkNUL(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return errors.New("has a NUL character in it")
	}
	return nil
}
