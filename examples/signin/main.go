// Signin signs a person in and calls an API in their name. The second run asks
// nobody: the credential is in a store.
//
//	go run ./examples/signin                   both runs, with a server of its own on loopback
//	go run ./examples/signin -config my.yaml   your session "me", with your server; run it twice
//
// Read run first, then authsession.yaml. server.go is the server, which is no
// part of a program that signs people in.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

// run signs the person in, unless the store has their credential, and calls
// the API.
func run(ctx context.Context, opts authsession.Options, out io.Writer) error {
	cfg, err := authsession.Load(ctx, &opts)
	if err != nil {
		return err
	}
	defer cfg.Close(ctx) // leaves the credential in the store; SignOut would not
	me, err := cfg.Session("me")
	if err != nil {
		return err
	}
	if err := me.Init(ctx); err != nil { // asks the person
		return err
	}
	resp, err := me.Client().Get(me.Status().Attributes["base_url"] + "/userinfo")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = fmt.Fprintf(out, "%s says %s: ", me.Status().Subject, resp.Status)
	if err == nil {
		_, err = io.Copy(out, resp.Body)
	}
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := start(ctx, os.Args[1:], terminal.New(nil), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "signin:", err)
		os.Exit(1)
	}
}

// start runs once with a configuration of the caller's, or twice with ours.
func start(ctx context.Context, args []string, ui *core.UI, out io.Writer) error {
	flags := flag.NewFlagSet("signin", flag.ContinueOnError)
	file := flags.String("config", "",
		"a configuration `file` of your own, with a session \"me\" that has a base_url")
	if err := flags.Parse(args); err != nil {
		return err
	}
	opts := authsession.Options{
		Files:   []string{*file},
		Session: core.Options{UI: ui},
	}
	if *file != "" {
		return run(ctx, opts, out)
	}
	server, err := startServer()
	if err != nil {
		return err
	}
	defer server.Close()
	opts.Files = []string{"examples/signin/authsession.yaml"}
	opts.Environ = slices.Concat(os.Environ(), server.environ()) // for the ${env:…} in the file
	fmt.Fprintf(out, "First run: sign in as %s with the password %s.\n", username, password)
	if err := run(ctx, opts, out); err != nil {
		return err
	}
	fmt.Fprint(out, "\nSecond run: nobody is asked.\n")
	if err := run(ctx, opts, out); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out)
	return err
}
