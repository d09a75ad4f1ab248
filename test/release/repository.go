package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// mod is a module of the repository.
type mod struct {
	path   string // of its go.mod
	folder string // from the root, "" for the root
}

// tag returns the tag under which Go looks for a version of m.
func (m mod) tag(version string) string { return path.Join(m.folder, version) }

// repository returns the top folder of the working tree. A tree with changes is an error: they
// would not be part of the version.
func repository(folder string) (string, error) {
	top, err := git(folder, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", err
	}
	changes, err := git(top, "status", "--porcelain")
	if err != nil {
		return "", err
	}
	if changes != "" {
		return "", fmt.Errorf("the working tree has changes; commit or remove them:\n%s", changes)
	}
	return top, nil
}

// released returns the modules that users get: the root first, then those in cmd. The others
// (test, examples) keep their replace directives and have no versions.
func released(root string) ([]mod, error) {
	files, err := git(root, "ls-files", "go.mod", "cmd/**/go.mod")
	if err != nil {
		return nil, err
	}
	names := strings.Fields(files)
	slices.SortFunc(names, func(a, b string) int {
		return strings.Count(a, "/") - strings.Count(b, "/")
	})
	var found []mod
	for _, name := range names {
		text, err := os.ReadFile(path.Join(root, name))
		if err != nil {
			return nil, err
		}
		folder := strings.TrimPrefix(path.Dir(name), ".")
		found = append(found, mod{path: modfile.ModulePath(text), folder: folder})
	}
	if len(found) == 0 || found[0].folder != "" {
		return nil, errors.New("there is no go.mod at the root")
	}
	return found, nil
}

// permitted reports why version cannot be the next one.
func permitted(root string, modules []mod, version string) error {
	if version == "" || semver.Canonical(version) != version {
		return fmt.Errorf("%q is not a version such as v0.1.0", version)
	}
	for _, m := range modules {
		if err := module.Check(m.path, version); err != nil {
			return err
		}
		if existing, err := git(root, "tag", "--list", m.tag(version)); err != nil {
			return err
		} else if existing != "" {
			return fmt.Errorf("the tag %s exists", existing)
		}
	}
	return nil
}

// clone copies the commit that is checked out in root, with the identity for a commit.
func clone(root, tree string) error {
	if _, err := git(root, "clone", "--quiet", root, tree); err != nil {
		return err
	}
	for _, key := range []string{"user.name", "user.email"} {
		value, err := git(root, "config", key)
		if err != nil {
			return fmt.Errorf("git config %s is not set", key)
		}
		if _, err := git(tree, "config", key, value); err != nil {
			return err
		}
	}
	return nil
}

// changelog checks that the file has a section for version with some text. For a trial it gives
// the section "Unreleased" that title.
func changelog(file, version string, trial bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if trial {
		title := regexp.MustCompile(`(?m)^## Unreleased$`)
		text = title.ReplaceAllLiteral(text, []byte("## "+version))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	title := `(?m)^## \[?v?` + regexp.QuoteMeta(version[1:]) + `\]?( .*)?$`
	at := regexp.MustCompile(title).FindIndex(text)
	if at == nil {
		return fmt.Errorf("CHANGELOG.md has no section %q; -trial takes Unreleased for it", "## "+version)
	}
	section, _, _ := strings.Cut(string(text[at[1]:]), "\n## ")
	if strings.TrimSpace(section) == "" {
		return fmt.Errorf("the section %q of CHANGELOG.md is empty", "## "+version)
	}
	return nil
}

// git runs git in a folder and returns what it prints.
func git(folder string, args ...string) (string, error) {
	return output(exec.Command("git", append([]string{"-C", folder}, args...)...))
}

// output runs cmd and returns its output without the final line break. The error has what it
// printed.
func output(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s%s", cmd, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
