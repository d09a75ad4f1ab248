package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// opposite has the operators that gremlins puts in the place of others, by the name of the change.
var opposite = map[string]map[string]string{
	"ARITHMETIC_BASE": {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"},
	"CONDITIONALS_NEGATION": {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=",
		"<=": ">"},
	"CONDITIONALS_BOUNDARY": {"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
}

// testUncovered makes the changes that gremlins calls not covered, and sets their statuses. A
// profile of coverage has statements only: the value of a constant and the expression of a case are
// in none, although tests depend on them. The package's files stay as they are: go test reads the
// changed one from elsewhere.
func testUncovered(r *result, root, pkg string, env []string) error {
	for _, f := range r.Files {
		path, err := filepath.Abs(filepath.Join(root, pkg, f.Name))
		if err != nil {
			return err
		}
		for i := range f.Mutations {
			m := &f.Mutations[i]
			if m.Status != "NOT COVERED" || opposite[m.Type] == nil {
				continue
			}
			if m.Status, err = testChange(root, pkg, path, *m, env); err != nil {
				return err
			}
			fmt.Fprintln(os.Stderr, "not covered:", m.Status, m.Type, f.Name, m.Line, m.Column)
		}
	}
	return nil
}

// testChange makes one change, runs the tests of the package and returns the status.
func testChange(root, pkg, path string, m mutation, env []string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	changed, err := change(string(text), m)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	dir, err := os.MkdirTemp("", "mutation-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	other, overlay := filepath.Join(dir, filepath.Base(path)), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: other}})
	if err == nil {
		err = errors.Join(os.WriteFile(other, []byte(changed), 0o600),
			os.WriteFile(overlay, list, 0o600))
	}
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-overlay", overlay, "./"+pkg)
	build.Dir, build.Env = root, env
	if build.Run() != nil {
		return "NOT VIABLE", nil
	}
	test := exec.Command("go", "test", "-overlay", overlay, "-timeout", "3m", "./"+pkg)
	test.Dir, test.Env = root, env
	out, err := test.CombinedOutput()
	switch {
	case err == nil:
		return "LIVED", nil
	case strings.Contains(string(out), "panic: test timed out"):
		return "TIMED OUT", nil
	}
	return "KILLED", nil
}

// change returns a source text with one operator replaced.
func change(text string, m mutation) (string, error) {
	lines := strings.SplitAfter(text, "\n")
	if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len(lines[m.Line-1]) {
		return "", fmt.Errorf("there is no line %d, column %d", m.Line, m.Column)
	}
	line := lines[m.Line-1]
	before, rest := line[:m.Column-1], line[m.Column-1:]
	for size := 2; size > 0; size-- {
		if size > len(rest) {
			continue
		}
		if other, ok := opposite[m.Type][rest[:size]]; ok {
			lines[m.Line-1] = before + other + rest[size:]
			return strings.Join(lines, ""), nil
		}
	}
	return "", fmt.Errorf("line %d, column %d: no operator of %s", m.Line, m.Column, m.Type)
}
