package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// sample has one of each: what is exported is in the list, what is not is absent.
const sample = `package sample

import "io"

type Code string

const Denied Code = "denied"

var Default = Code("default")

type Options struct {
	Name   string
	Next   *Options
	hidden int
	io.Reader
}

func (o *Options) Clone() *Options { return o }
func (o Options) private()          {}

type Provider interface {
	Open(name string) (io.Reader, error)
	io.Closer
}

type Pair[K comparable, V any] struct{ Key K }

func (p Pair[K, V]) First() K { return p.Key }

type Alias = Options

type secret struct{ Open int }

func New[T any](opts ...Options) (T, error) { panic(0) }
func private()                             {}
`

const listed = `const Denied Code = "denied"
func New[T any](opts ...Options) (T, error)
method (*Options).Clone() *Options
method (Pair[K, V]).First() K
type Alias = Options
type Code string
type Options struct
type Options struct, Name string
type Options struct, Next *Options
type Options struct, embedded io.Reader
type Pair[K comparable, V any] struct
type Pair[K comparable, V any] struct, Key K
type Provider interface
type Provider interface, Open(name string) (io.Reader, error)
type Provider interface, io.Closer
var Default Code
`

// moduleOf commits the sample, a command and an internal package, with their list.
func moduleOf(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	put(t, root, "go.mod", "module example.com/sample\n\ngo 1.26.0\n")
	put(t, root, "sample.go", sample)
	put(t, root, "internal/x/x.go", "package x\n\nfunc X() {}\n")
	put(t, root, "cmd/x/main.go", "package main\n\nfunc X() {}\n\nfunc main() {}\n")
	put(t, root, "deep/er/er.go", "package er\n\nfunc Er() {}\n")
	require.NoError(t, run(root, true, nil))
	for _, args := range [][]string{
		{"init", "--quiet"}, {"add", "--all"},
		{"-c", "user.name=S", "-c", "user.email=s@example.com", "commit", "--quiet", "-m", "sample"},
	} {
		_, err := git(root, args...)
		require.NoError(t, err)
	}
	return root
}

func put(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
}

func TestList(t *testing.T) {
	root := moduleOf(t)
	files, err := os.ReadDir(filepath.Join(root, "api"))
	require.NoError(t, err)
	require.Len(t, files, 2, "commands and internal packages have no API")
	for name, want := range map[string]string{"sample.txt": listed, "deep.er.txt": "func Er()\n"} {
		text, err := os.ReadFile(filepath.Join(root, "api", name))
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
	var out bytes.Buffer
	require.NoError(t, run(root, false, &out))
	require.Empty(t, out.String())
}

// TestChanges changes the API without its list.
func TestChanges(t *testing.T) {
	tests := map[string]struct {
		file, text, want string
	}{
		"a name is added": {
			"more.go", "package sample\n\nfunc More() {}\n", "sample.txt: +func More()\n",
		},
		"a name is removed": {
			"deep/er/er.go", "package er\n", "deep.er.txt: -func Er()\n",
		},
		"a signature": {
			"deep/er/er.go", "package er\n\nfunc Er(int) {}\n", "deep.er.txt: +func Er(int)\n",
		},
		"a package is added": {
			"new/new.go", "package new\n\nfunc New() {}\n", "new.txt: +func New()\n",
		},
		"a package is removed": {
			"deep/er/er.go", "package main\n\nfunc main() {}\n", "deep.er.txt: -func Er()\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := moduleOf(t)
			put(t, root, test.file, test.text)
			var out bytes.Buffer
			require.ErrorContains(t, run(root, false, &out), "run make api")
			require.Contains(t, out.String(), test.want)
			require.NoError(t, run(root, true, nil))
			require.NoError(t, run(root, false, &out))
		})
	}
}

// TestReleased removes a name that the newest version has.
func TestReleased(t *testing.T) {
	tests := map[string]struct {
		tags []string
		want string // "" where nothing is compared
		err  string
	}{
		"no version":          {},
		"before v1":           {[]string{"v0.1.0"}, "since v0.1.0: ", ""},
		"a nested module's":   {[]string{"cmd/x/v1.0.0"}, "", ""},
		"an unfinished one":   {[]string{"v1.0.0-rc.1"}, "", ""},
		"from v1 on":          {[]string{"v0.1.0", "v1.0.0"}, "since v1.0.0: ", "1 change"},
		"the highest version": {[]string{"v0.9.0", "v0.10.0"}, "since v0.10.0: ", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := moduleOf(t)
			for _, tag := range test.tags {
				_, err := git(root, "tag", tag)
				require.NoError(t, err)
			}
			put(t, root, "deep/er/er.go", "package er\n\nfunc Other() {}\n")
			require.NoError(t, run(root, true, nil))
			var out bytes.Buffer
			err := run(root, false, &out)
			if test.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, test.err)
			}
			require.Equal(t, test.want != "", out.Len() > 0, out.String())
			require.Contains(t, out.String(), test.want)
		})
	}
}

// TestBrokenModule is an error that names the fault, and not an API without names.
func TestBrokenModule(t *testing.T) {
	root := moduleOf(t)
	put(t, root, "sample.go", "package sample\n\nfunc New() Missing { panic(0) }\n")
	require.ErrorContains(t, run(root, false, nil), "Missing")
}
