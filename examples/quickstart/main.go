// Quickstart shows what authsession does: sessions from a configuration file,
// each authenticated in its own way, their requests, and their life.
//
//	go run ./examples/quickstart                  with servers of its own, on loopback
//	go run ./examples/quickstart -environment qa  the same in another environment
//	go run ./examples/quickstart -config my.yaml  your sessions, with your servers
//
// Read run first, then tour.go. Package demo has the servers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/examples/internal/demo"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	environment := flags.String("environment", "", "the `environment` to use, instead of the one that the file names")
	file := flags.String("config", "", "a configuration `file` of your own; its sessions are initialised with your servers")
	get := flags.String("get", "", "with -config: a `path` to GET from each session's API")
	if err := parse(flags, args, out); err != nil {
		return err
	}
	opts := config.Options{
		Files:       []string{*file},
		Environment: core.Environment(*environment),
		Factories:   providers.Builtin(),
	}
	if *get != "" && *file == "" {
		return errors.New("-get is for -config; -h lists the flags")
	}
	if *file != "" {
		return report(ctx, out, opts, *get)
	}

	servers, err := demo.Start()
	if err != nil {
		return err
	}
	defer servers.Close()
	opts.Files = []string{"examples/quickstart/authsession.yaml"}
	opts.Environ = append(os.Environ(), servers.Environ()...) // for the ${env:…} in the file
	opts.Session.Transport = servers.Transport()              // trusts the authority of these servers
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
