// Quickstart shows what authsession does: sessions from a configuration file,
// each authenticated in its own way, their requests, and their life.
//
//	go run ./examples/quickstart                  with servers of its own, on loopback
//	go run ./examples/quickstart -environment qa  the same in another environment
//	go run ./examples/quickstart -config my.yaml  your sessions, with your servers
//	go run ./examples/quickstart -v               with a line for each event of a session
//
// Read run first, then tour.go. Package demo has the servers. One session's
// provider is in a plugin: this program starts itself again as that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/examples/internal/demo"
	"github.com/authsession/authsession/examples/internal/self"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/providers/apikey"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

func main() {
	servePlugin()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// servePlugin is what the program does where it was started as the plugin.
func servePlugin() { self.Serve(self.Renamed("apikey-plugin", apikey.Factory)) }

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	environment := flags.String(
		"environment",
		"",
		"the `environment` to use, instead of the one that the file names",
	)
	file := flags.String(
		"config",
		"",
		"a configuration `file` of your own; its sessions are initialised with your servers",
	)
	get := flags.String("get", "", "with -config: a `path` to GET from each session's API")
	verbose := flags.Bool("v", false, "print a line for each event of a session")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	host := new(plugins.Host) // runs the programs that the file names, if any
	defer func() { err = errors.Join(err, host.Close(context.WithoutCancel(ctx))) }()
	opts := config.Options{
		Files:        []string{*file},
		Environment:  core.Environment(*environment),
		Factories:    providers.Builtin(),
		Stores:       store.Builtin(),
		Plugins:      host,
		StartPlugins: true, // so that the settings of their kinds are checked at once, too
	}
	if *get != "" && *file == "" {
		return errors.New("-get is for -config; -h lists the flags")
	}
	if *verbose {
		lines := &eventLines{out: out}
		defer lines.end()
		out, opts.Session.Observe = lines, lines.observe
	}
	if *file != "" {
		return report(ctx, out, opts, *get)
	}

	servers, err := demo.Start()
	if err != nil {
		return err
	}
	defer servers.Close()
	program, remove, err := self.Copy()
	if err != nil {
		return err
	}
	defer remove()
	opts.Files = []string{"examples/quickstart/authsession.yaml"}
	// for the ${env:…} in the file
	opts.Environ = slices.Concat(os.Environ(), servers.Environ(), program)
	opts.Session.Transport = servers.Transport() // trusts the authority of these servers
	return tour(ctx, out, opts, servers)
}

// parse reads the flags. Its errors are one line.
func parse(flags *flag.FlagSet, args []string, out io.Writer) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(out)
		flags.Usage()
	case err != nil:
		return fmt.Errorf("%w; -h lists the flags", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q; -h lists the flags", flags.Arg(0))
	}
	return err
}
