// Command plugin-check runs the conformance kit against a plugin in any
// language and prints what it breaks and why:
//
//	go run ./plugins/cmd/plugin-check -settings good.json -answers answers.json ./authsession-ticket
//
// The kit plays the server that the plugin authenticates to. good.json holds
// good settings, as they would stand in a config file; in their texts,
//
//	${server.url}      is the server's address over HTTP, as http://127.0.0.1:41234
//	${server.tls_url}  its address over TLS
//	${server.ca}       the PEM certificate that verifies it
//	${server.secret}   the secret that the kit plants and then looks for
//
// For the ticket plugin of examples/plugin-python that is
//
//	{"url": "${server.tls_url}/tickets", "ca": "${server.ca}", "key": "${server.secret}"}
//
// answers.json says how the server answers when all is well: a list, of which
// the first with the request's path counts.
//
//	[{"path": "/tickets", "body": {"ticket": "row-7-seat-12", "seconds": 60}, "misbehaves": true}]
//
//	path        of the requests that it answers; absent: all
//	status      200 if absent
//	header      an object of texts
//	body        a text, or anything else, which goes out as JSON; ${server.url}
//	            in it is the address that the request came to
//	misbehaves  this is the path at which the kit lets the server misbehave;
//	            if no answer has it, all paths misbehave
//
// Without -answers the plugin needs no server, and the checks of servers do
// not apply.
//
// The exit status is 0 if all promises are kept, 1 if one is broken, and 2 if
// the check could not be made. docs/writing-a-provider.md lists the checks,
// docs/plugin-protocol.md what a plugin must be.
//
// Read on in fixture.go.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/plugins"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// The exit statuses.
const (
	kept   = 0
	broken = 1
	unable = 2
)

// options are the command line.
type options struct {
	settings, answers, kind, environment string
	waive                                waivers
	env                                  list
	log                                  bool
	binary                               string
	args                                 []string
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return kept
	}
	if err == nil {
		var ok bool
		if ok, err = check(ctx, o, out, errs); err == nil {
			if ok {
				return kept
			}
			return broken
		}
	}
	fmt.Fprintln(errs, "plugin-check:", err)
	return unable
}

func parse(args []string, errs io.Writer) (o options, err error) {
	f := flag.NewFlagSet("plugin-check", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.settings, "settings", "",
		"`file` with good settings (JSON); may hold ${server.url} and the like")
	f.StringVar(&o.answers, "answers", "",
		"`file` with the good answers of the server (JSON); absent: the plugin needs none")
	f.StringVar(&o.kind, "kind", "", "the `kind` to check, if the plugin serves several")
	f.StringVar(&o.environment, "environment", "", "the `environment` to open it for, if it knows any")
	f.Var(&o.waive, "waive", "`check=reason`: a check that cannot hold; may be repeated")
	f.Var(&o.env, "env", "`name` of a variable that the plugin gets; may be repeated")
	f.BoolVar(&o.log, "log", false, "show what the plugin prints")
	f.Usage = func() {
		fmt.Fprintln(errs, "usage: plugin-check -settings good.json [-answers answers.json] "+
			"[flags] BINARY [args]")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.settings == "" || f.NArg() == 0 {
		f.Usage()
		return o, errors.New("-settings and BINARY are needed")
	}
	o.binary, o.args = f.Arg(0), f.Args()[1:]
	return o, nil
}

// check makes the checks and prints them. False: a promise is broken.
func check(ctx context.Context, o options, out, errs io.Writer) (bool, error) {
	fixture, err := o.fixture()
	if err != nil {
		return false, err
	}
	binary, err := o.plugin()
	if err != nil {
		return false, err
	}
	// The kit looks for secrets in the process's log: what the plugin prints
	// goes there too.
	before := log.Writer()
	defer log.SetOutput(before)
	log.SetOutput(io.Discard)
	if o.log {
		log.SetOutput(errs)
	}
	host := plugins.Host{Logger: slog.Default()}
	defer func() {
		if failed := host.Close(context.WithoutCancel(ctx)); failed != nil {
			fmt.Fprintln(errs, "plugin-check:", failed)
		}
	}()
	described, err := host.Describe(ctx, binary)
	if len(described.Kinds) == 0 {
		return false, err
	}
	if binary.Kinds, err = choose(described, o.kind); err != nil {
		return false, err
	}
	factories, err := host.Factories(binary)
	if err != nil {
		return false, err
	}
	fixture.Factory = factories[0]
	fmt.Fprintf(out, "plugin  %s\nversion %s\nkind    %s\nsha256  %s\n\n",
		binary.Path, orNone(described.Version), binary.Kinds[0], binary.SHA256)
	return report(out, providertest.Check(ctx, fixture)), nil
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// plugin describes the binary, with the checksum that it has.
func (o options) plugin() (b plugins.Binary, err error) {
	b.Args, b.Env = o.args, o.env
	if b.Path, err = filepath.Abs(o.binary); err != nil {
		return b, err
	}
	f, err := os.Open(b.Path)
	if err != nil {
		return b, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return b, err
	}
	b.SHA256 = fmt.Sprintf("%x", sum.Sum(nil))
	b.Name = "plugin"
	name := notInNames.ReplaceAllString(filepath.Base(b.Path), "-")
	if name != "" && len(name) <= 100 && !strings.ContainsAny(name[:1], "._-") {
		b.Name = name
	}
	return b, nil
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// choose returns the one kind to check.
func choose(d plugins.Description, kind string) ([]string, error) {
	var names []string
	for _, k := range d.Kinds {
		names = append(names, k.Kind)
		if k.Kind == kind || kind == "" && len(d.Kinds) == 1 {
			return []string{k.Kind}, nil
		}
	}
	if kind == "" {
		return nil, fmt.Errorf("choose one of the plugin's kinds with -kind: %s",
			strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the plugin serves no kind %q%s; it serves: %s",
		kind, core.DidYouMean(kind, names), strings.Join(names, ", "))
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

// waivers are checks that cannot hold, with the reasons.
type waivers map[string]string

func (w *waivers) String() string { return "" }
func (w *waivers) Set(s string) error {
	name, reason, ok := strings.Cut(s, "=")
	if !ok || name == "" || reason == "" {
		return errors.New("want check=reason")
	}
	if *w == nil {
		*w = waivers{}
	}
	(*w)[name] = reason
	return nil
}
