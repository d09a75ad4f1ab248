package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// zipped is a module whose version is in the proxy.
type zipped struct {
	module mod
	tag    string
	sum    string // what users get in their go.sum
}

// publish commits the version in tree, tags it for each module, and writes the modules to the
// folder proxy. A module requires the others at this version, and its go.sum has their sums: so
// they are written one after the other, and the commit is completed with each.
func publish(tree, proxy string, modules []mod, version string) ([]zipped, error) {
	if _, err := git(tree, "commit", "--quiet", "--allow-empty", "-m", version); err != nil {
		return nil, err
	}
	var published []zipped
	for _, m := range modules {
		if err := detach(tree, proxy, m, modules, version); err != nil {
			return nil, err
		}
		if err := complete(tree); err != nil {
			return nil, err
		}
		sum, err := write(tree, proxy, m, version)
		if err != nil {
			return nil, err
		}
		published = append(published, zipped{module: m, tag: m.tag(version), sum: sum})
	}
	for _, p := range published {
		if _, err := git(tree, "tag", "--annotate", "-m", p.tag, p.tag); err != nil {
			return nil, err
		}
	}
	return published, nil
}

// complete adds what has changed in tree to its last commit.
func complete(tree string) error {
	if _, err := git(tree, "add", "--all"); err != nil {
		return err
	}
	_, err := git(tree, "commit", "--quiet", "--amend", "--allow-empty", "--no-edit")
	return err
}

// detach makes m depend on the versions of the other modules instead of their folders.
func detach(tree, proxy string, m mod, modules []mod, version string) error {
	file := filepath.Join(tree, m.folder, "go.mod")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	parsed, err := modfile.Parse(file, text, nil)
	if err != nil {
		return err
	}
	changed := false
	for _, sibling := range modules {
		replaced := slices.ContainsFunc(parsed.Replace, func(r *modfile.Replace) bool {
			return r.Old.Path == sibling.path
		})
		if !replaced {
			continue
		}
		changed = true
		if err := parsed.DropReplace(sibling.path, ""); err != nil {
			return err
		}
		if err := parsed.AddRequire(sibling.path, version); err != nil {
			return err
		}
	}
	if !changed {
		return nil
	}
	parsed.Cleanup()
	if text, err = parsed.Format(); err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	env, err := environment(proxy, modules)
	if err != nil {
		return err
	}
	return command(filepath.Join(tree, m.folder), env, "go", "mod", "tidy")
}

// write puts m at the commit of tree into the proxy, as the files of the module proxy protocol.
// Returns the sum of its zip.
func write(tree, proxy string, m mod, version string) (string, error) {
	escaped, err := module.EscapePath(m.path)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	archive := filepath.Join(folder, version+".zip")
	f, err := os.Create(archive)
	if err != nil {
		return "", err
	}
	defer f.Close()
	// From the commit, not from the folder: the proxies of the world do the same.
	err = zip.CreateFromVCS(f, module.Version{Path: m.path, Version: version}, tree, "HEAD", m.folder)
	if err != nil {
		return "", err
	}
	gomod, err := os.ReadFile(filepath.Join(tree, m.folder, "go.mod"))
	if err != nil {
		return "", err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return "", err
	}
	for name, text := range map[string][]byte{
		version + ".info": info, version + ".mod": gomod, "list": []byte(version + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return "", err
		}
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return dirhash.HashZip(archive, dirhash.Hash1)
}

// command runs a program in a folder with an environment.
func command(folder string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = folder, env
	_, err := output(cmd)
	return err
}
