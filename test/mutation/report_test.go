package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"good.go", "bad.go"} {
		source := []byte("package core\n\tif a < b {\n")
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), source, 0o600))
	}
	changed := func(name string, statuses ...string) file {
		f := file{Name: name}
		for i, status := range statuses {
			f.Mutations = append(f.Mutations, mutation{"SWAP", status, 2, i})
		}
		return f
	}
	good := changed("good.go", "KILLED", "KILLED", "TIMED OUT", "NOT VIABLE")
	for _, test := range []struct {
		name  string
		files []file
		fault string // empty: none
		has   []string
	}{
		{name: "all is noticed", files: []file{good},
			has: []string{"100.0 %", "good.go:2:2: timed out, SWAP: if a < b {"}},
		{name: "one is alive", files: []file{good, changed("bad.go", "KILLED", "LIVED")},
			fault: "bad.go has less than 90 %; all have less than 95 %",
			has:   []string{"50.0 %", "75.0 %", "bad.go:2:1: lived"}},
		{name: "no test runs it", files: []file{changed("bad.go", "NOT COVERED")}, fault: "bad.go",
			has: []string{"0.0 %", "bad.go:2:0: not covered"}},
		{name: "another file", files: []file{changed("other.go", "KILLED")}, fault: "left out"},
		{name: "an unknown status", files: []file{changed("bad.go", "WELL")}, fault: "WELL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			err := report(&out, &result{test.files}, []string{"good.go", "bad.go"}, dir, 95, 90)
			if test.fault == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.fault)
			}
			for _, text := range test.has {
				require.Contains(t, out.String(), text)
			}
		})
	}
}

func TestOthers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.go", "b.go", "b_test.go", "note.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	args, err := others(dir, []string{"a.go"})
	require.NoError(t, err)
	require.Equal(t, []string{"-E", `^b\.go$`, "-E", `^b_test\.go$`, "-E", "^sub/"}, args)
	_, err = others(dir, []string{"a.go", "c.go"})
	require.ErrorContains(t, err, "c.go")
}

func TestChange(t *testing.T) {
	const text = "package core\n\tif a <= b*c {\n"
	for _, test := range []struct {
		kind   string
		column int
		want   string // the second line; empty: an error
	}{
		{"CONDITIONALS_BOUNDARY", 7, "\tif a < b*c {"},
		{"CONDITIONALS_NEGATION", 7, "\tif a > b*c {"},
		{"ARITHMETIC_BASE", 11, "\tif a <= b/c {"},
		{"ARITHMETIC_BASE", 10, ""},
		{"ARITHMETIC_BASE", 99, ""},
	} {
		got, err := change(text, mutation{Type: test.kind, Line: 2, Column: test.column})
		if test.want == "" {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "package core\n"+test.want+"\n", got)
	}
}

// TestUncovered proves that a constant is changed although no statement has it, and that the tests
// of the package decide.
func TestUncovered(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":            "module example.com/m\n\ngo 1.26\n",
		"core/core.go":      "package core\n\nconst known = 6 / 2\n\nconst unknown = 6 / 2\n",
		"core/core_test.go": "package core\n\nimport \"testing\"\n\nfunc TestKnown(t *testing.T) {\n\tif known != 3 {\n\t\tt.Fail()\n\t}\n}\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	r := &result{[]file{{Name: "core.go", Mutations: []mutation{
		{"ARITHMETIC_BASE", "NOT COVERED", 3, 17}, {"ARITHMETIC_BASE", "NOT COVERED", 5, 19},
	}}}}
	require.NoError(t, testUncovered(r, root, "core", environment("")))
	require.Equal(t, "KILLED", r.Files[0].Mutations[0].Status)
	require.Equal(t, "LIVED", r.Files[0].Mutations[1].Status)
}
