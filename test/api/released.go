package main

import (
	"errors"
	"fmt"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/exp/apidiff"
	"golang.org/x/mod/semver"
	"golang.org/x/tools/go/packages"
)

// load type-checks the packages of the module in a folder that programs can import.
func load(folder string) (*apidiff.Module, error) {
	config := &packages.Config{
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedModule,
		Dir:  folder,
		Env:  append(os.Environ(), "GOWORK=off", "GOOS=linux", "GOARCH=amd64"),
	}
	found, err := packages.Load(config, "./...")
	if err != nil {
		return nil, err
	}
	var faults []error
	module := &apidiff.Module{}
	for _, p := range found {
		for _, fault := range p.Errors {
			faults = append(faults, fault)
		}
		if p.Module != nil {
			module.Path = p.Module.Path
		}
		if p.Name != "main" && !internal(p.PkgPath) {
			module.Packages = append(module.Packages, p.Types)
		}
	}
	slices.SortFunc(module.Packages, func(a, b *types.Package) int {
		return strings.Compare(a.Path(), b.Path())
	})
	return module, errors.Join(faults...)
}

// internal reports whether programs cannot import a package.
func internal(path string) bool {
	return slices.Contains(strings.Split(path, "/"), "internal")
}

// compareReleased writes what programs written for the newest version of the root module cannot
// use any more. That is an error from v1.0.0 on.
func compareReleased(root string, module *apidiff.Module, w io.Writer) error {
	version, err := newest(root)
	if version == "" || err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "authsession-api-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	top, err := git(root, "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	tree := filepath.Join(folder, "tree")
	if _, err := git(root, "clone", "--quiet", "--branch", version, top, tree); err != nil {
		return err
	}
	released, err := load(tree)
	if err != nil {
		return err
	}
	changes := apidiff.ModuleChanges(released, module)
	count := 0
	for _, change := range changes.Changes {
		if !change.Compatible {
			count++
			fmt.Fprintf(w, "since %s: %s\n", version, change.Message)
		}
	}
	if count > 0 && semver.Major(version) != "v0" {
		return fmt.Errorf("programs written for %s break: %d change(s)", version, count)
	}
	return nil
}

// newest returns the highest version of the root module that HEAD contains, "" without any. A
// version that is not final does not count.
func newest(root string) (string, error) {
	tags, err := git(root, "tag", "--list", "v*")
	if err != nil {
		return "", err
	}
	version := ""
	for _, tag := range strings.Fields(tags) {
		if semver.IsValid(tag) && semver.Prerelease(tag) == "" && semver.Compare(tag, version) > 0 {
			version = tag
		}
	}
	return version, nil
}

// git runs git in a folder and returns what it prints.
func git(folder string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", folder}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
