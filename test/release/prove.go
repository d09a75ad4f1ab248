package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// prove uses the version as users do, from the proxy alone: it builds the program of the README in
// a module of its own, and installs each command. Nothing of it is left.
func prove(tree, proxy string, modules []mod, version string) error {
	env, err := environment(proxy, modules)
	if err != nil {
		return err
	}
	home := filepath.Dir(proxy)
	defer func() {
		for _, name := range []string{"program", "modcache", "bin"} {
			os.RemoveAll(filepath.Join(home, name))
		}
	}()
	program := filepath.Join(home, "program")
	if err := copyFiles(program, map[string]string{
		"main.go": filepath.Join(tree, "examples", "readme", "main.go"),
		"go.sum":  filepath.Join(tree, "go.sum"), // of the libraries; go get adds ours
	}); err != nil {
		return err
	}
	for _, line := range []string{
		"go mod init example.com/program",
		"go get " + modules[0].path + "@" + version,
		"go mod tidy",
		"go vet ./...",
		"go build -o program .",
	} {
		args := strings.Fields(line)
		if err := command(program, env, args[0], args[1:]...); err != nil {
			return err
		}
	}
	for _, m := range modules[1:] {
		if err := command(program, env, "go", "install", m.path+"@"+version); err != nil {
			return err
		}
	}
	return nil
}

// environment returns the environment of a user of the proxy: our modules come from there and
// nowhere else, all others from the caches and proxies that the machine has. Its module cache is
// its own: the machine's must not remember a version that may still change.
func environment(proxy string, modules []mod) ([]string, error) {
	values := map[string]string{}
	for _, name := range []string{"GOPROXY", "GOMODCACHE", "GONOSUMDB"} {
		value, err := output(exec.Command("go", "env", name))
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	ours := []string{modules[0].path} // the pattern covers what is below it
	cache := filepath.Join(values["GOMODCACHE"], "cache", "download")
	proxies := []string{address(proxy), address(cache)}
	if values["GOPROXY"] != "" {
		proxies = append(proxies, values["GOPROXY"])
	}
	if values["GONOSUMDB"] != "" {
		ours = append(ours, values["GONOSUMDB"])
	}
	home := filepath.Dir(proxy)
	return append(os.Environ(),
		"GOWORK=off", "GOFLAGS=-mod=mod -modcacherw",
		"GOPROXY="+strings.Join(proxies, ","),
		"GONOSUMDB="+strings.Join(ours, ","), "GOPRIVATE=", "GONOPROXY=",
		"GOMODCACHE="+filepath.Join(home, "modcache"), "GOBIN="+filepath.Join(home, "bin")), nil
}

// address returns the URL of a folder, also of one with a drive letter.
func address(folder string) string {
	return "file://" + path.Join("/", filepath.ToSlash(folder))
}

// copyFiles makes a folder and copies files there, by name.
func copyFiles(folder string, files map[string]string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, from := range files {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
