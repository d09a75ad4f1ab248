// Command release makes a version of the repository in a copy, proves that users can take it, and
// prints what has to be pushed. It changes neither the working tree nor its repository, and pushes
// nothing:
//
//	make release VERSION=v0.1.0
//	cd test && go run ./release -version v0.1.0 -trial
//
// docs/releasing.md describes the steps.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// options are the flags.
type options struct {
	root    string // a folder of the repository's working tree
	version string
	out     string // the folder for the copy and the proxy
	trial   bool   // the section "Unreleased" of the CHANGELOG is taken as that of the version
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "..", "the folder of the repository")
	flag.StringVar(&o.version, "version", "", "the version, for example v0.1.0")
	flag.StringVar(&o.out, "out", "", "a new folder for the result; without it, a temporary one")
	flag.BoolVar(&o.trial, "trial", false, "take the CHANGELOG's section Unreleased for the version")
	flag.Parse()
	if err := run(o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// run makes the version below o.out and describes it on w. Nothing is left after an error, and
// after a trial that names no folder.
func run(o options, w io.Writer) (err error) {
	root, err := repository(o.root)
	if err != nil {
		return err
	}
	modules, err := released(root)
	if err != nil {
		return err
	}
	if err := permitted(root, modules, o.version); err != nil {
		return err
	}
	temporary := o.trial && o.out == ""
	if o.out, err = folder(o.out); err != nil {
		return err
	}
	defer func() {
		if err != nil || temporary {
			os.RemoveAll(o.out)
		}
	}()
	tree := filepath.Join(o.out, "tree")
	if err := clone(root, tree); err != nil {
		return err
	}
	if err := changelog(filepath.Join(tree, "CHANGELOG.md"), o.version, o.trial); err != nil {
		return err
	}
	proxy := filepath.Join(o.out, "proxy")
	published, err := publish(tree, proxy, modules, o.version)
	if err != nil {
		return err
	}
	if err := prove(tree, proxy, modules, o.version); err != nil {
		return err
	}
	return report(w, tree, proxy, o, published)
}

// folder makes the folder for the result; an existing one must be empty.
func folder(name string) (string, error) {
	if name == "" {
		return os.MkdirTemp("", "authsession-release-")
	}
	if entries, err := os.ReadDir(name); err == nil && len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty", name)
	}
	if err := os.MkdirAll(name, 0o755); err != nil {
		return "", err
	}
	return filepath.Abs(name)
}

// report writes what was made and what has to be pushed.
func report(w io.Writer, tree, proxy string, o options, published []zipped) error {
	commit, err := git(tree, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s is made in %s; a program that uses it builds.\n\n", o.version, tree)
	fmt.Fprintf(w, "commit %s\nproxy  file://%s\n\n", commit, proxy)
	push := "git -C " + tree + " push ORIGIN"
	for _, p := range published {
		fmt.Fprintf(w, "%-30s %s %s\n", p.tag, p.module.path, p.sum)
		push += " " + p.tag
	}
	if o.trial {
		_, err = fmt.Fprintln(w, "\nThis was a trial: do not push it.")
		return err
	}
	_, err = fmt.Fprintf(w, "\nTo publish it:\n\n\t%s\n", push)
	return err
}
