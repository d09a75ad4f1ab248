// Command api compares the exported API of the root module with its list in the folder api, one
// file for each package and one line for each name, so that a change of the API is part of the
// diff that is reviewed. It also compares with the newest released version, if there is one, and
// names what programs written for it cannot use any more; from v1.0.0 on, that is an error.
//
//	make check         # compares
//	make api           # writes the list
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	root := flag.String("root", "..", "the folder of the module")
	update := flag.Bool("write", false, "write the list instead of comparing with it")
	flag.Parse()
	if err := run(*root, *update, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

// run compares the module in the folder root with its list and its newest version, or writes the
// list. What it finds goes to w.
func run(root string, update bool, w io.Writer) error {
	module, err := load(root)
	if err != nil {
		return err
	}
	lists := map[string]string{}
	for _, pkg := range module.Packages {
		lists[fileOf(module.Path, pkg.Path())] = list(pkg)
	}
	folder := filepath.Join(root, "api")
	if update {
		return write(folder, lists)
	}
	changed, err := compare(folder, lists, w)
	if err != nil {
		return err
	}
	if changed {
		return fmt.Errorf("the API is not as %s says; if that is intended, run make api", folder)
	}
	return compareReleased(root, module, w)
}

// fileOf names the file for a package: the root's has the name of the module.
func fileOf(module, pkg string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/")
	if name == "" {
		name = module[strings.LastIndex(module, "/")+1:]
	}
	return strings.ReplaceAll(name, "/", ".") + ".txt"
}

// write replaces the files of the folder.
func write(folder string, lists map[string]string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, text := range lists {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compare writes the lines by which the files and the lists differ, and reports whether any does.
func compare(folder string, lists map[string]string, w io.Writer) (changed bool, err error) {
	listed, err := read(folder)
	if err != nil {
		return false, err
	}
	names := maps.Clone(lists)
	maps.Copy(names, listed)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, after := strings.Split(listed[name], "\n"), strings.Split(lists[name], "\n")
		for _, line := range without(before, after) {
			fmt.Fprintf(w, "%s: -%s\n", name, line)
			changed = true
		}
		for _, line := range without(after, before) {
			fmt.Fprintf(w, "%s: +%s\n", name, line)
			changed = true
		}
	}
	return changed, nil
}

// read returns the files of the folder by name.
func read(folder string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		texts[filepath.Base(file)] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return texts, nil
}

// without returns the lines that others does not have.
func without(lines, others []string) []string {
	var found []string
	for _, line := range lines {
		if line != "" && !slices.Contains(others, line) {
			found = append(found, line)
		}
	}
	return found
}
