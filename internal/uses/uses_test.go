package uses_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/uses"
)

// TestBetween proves which uses are found, and which of them are against an order.
func TestBetween(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"low.go": `package core
			import "sync/atomic"
			type low struct { Field int; next atomic.Pointer[low] }
			func (l *low) method() {}`,
		"mid.go": `package core
			import "net/http"
			const size = 1
			type caller interface { call() }
			func mid(l *low, r *http.Request) { l.next.Load().method(); _ = r.Body }
			func (l *low) other() { local := l.Field; _ = local }`,
		"high.go": `package core
			var _ = size
			func high(c caller) { c.call() }`,
		"low_test.go": `package core
			func test() { high(nil) }`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600))
	}
	found, err := uses.Between(dir)
	require.NoError(t, err)
	var texts []string
	for _, u := range found {
		texts = append(texts, u.String())
	}
	require.Equal(t, []string{
		"high.go:2 uses size of mid.go", "high.go:3 uses call of mid.go",
		"high.go:3 uses caller of mid.go", "mid.go:5 uses low of low.go",
		"mid.go:5 uses method of low.go", "mid.go:5 uses next of low.go",
		"mid.go:6 uses Field of low.go", "mid.go:6 uses low of low.go",
	}, texts)
	require.Empty(t, uses.Backward(found, []string{"low.go", "mid.go", "high.go"}))
	require.Len(t, uses.Backward(found, []string{"high.go", "low.go", "mid.go"}), 1)
	require.Len(t, uses.Backward(found, []string{"high.go", "mid.go", "low.go"}), 2)
}

// TestSystems proves that a name that each operating system declares in a file of its own is found
// in all of them.
func TestSystems(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"system_linux.go":   "package core\nfunc system() {}",
		"system_windows.go": "package core\nfunc system() { all() }",
		"system_other.go":   "//go:build !linux && !windows\n\npackage core\nfunc system() {}",
		"all.go":            "package core\nfunc all() { system() }",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600))
	}
	found, err := uses.Between(dir)
	require.NoError(t, err)
	require.Equal(t, map[uses.Pair][]uses.Use{
		{"all.go", "system_linux.go"}:   {{"all.go", "system_linux.go", "system", 2}},
		{"all.go", "system_other.go"}:   {{"all.go", "system_other.go", "system", 2}},
		{"all.go", "system_windows.go"}: {{"all.go", "system_windows.go", "system", 2}},
		{"system_windows.go", "all.go"}: {{"system_windows.go", "all.go", "all", 2}},
	}, uses.Pairs(found))
}

// TestInternalImports proves that the types of the module's internal packages are known.
func TestInternalImports(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"go.mod": "module github.com/authsession/authsession",
		"internal/box/box.go": `package box
			type Box[T any] struct{}
			func (Box[T]) Get() (t T) { return t }`,
		"core/item.go": "package core\ntype item struct { size int }",
		"core/boxes.go": `package core
			import "github.com/authsession/authsession/internal/box"
			var size = box.Box[item]{}.Get().size`,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(source), 0o600))
	}
	found, err := uses.Between(filepath.Join(dir, "core"))
	require.NoError(t, err)
	require.Equal(t, []uses.Use{
		{"boxes.go", "item.go", "item", 3}, {"boxes.go", "item.go", "size", 3},
	}, found)
}

// recorder records the faults that a check reports.
type recorder struct {
	testing.TB
	faults []string
}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// TestCheckOrder proves that each promise of a reading order is checked.
func TestCheckOrder(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"a.go": "//go:build linux\n\n// Read on\n// in b.go.\n\npackage core\nfunc a() { b() }",
		"b.go": "package core\n// b says nothing of what comes next.\nfunc b() {}",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600))
	}
	for _, test := range []struct {
		name  string
		order []string
		most  int
		fault string
	}{
		{"as it is", []string{"a.go", "b.go"}, 1, ""},
		{"too many against it", []string{"a.go", "b.go"}, 0, "are against the order, more than 0"},
		{"a missing file", []string{"a.go"}, 1, "does not have each file"},
		{"a repeated file", []string{"a.go", "b.go", "b.go"}, 1, "does not have each file"},
		{"another next file", []string{"b.go", "a.go"}, 1,
			`comment of b.go does not contain "Read on in a.go"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			to := &recorder{TB: t}
			uses.CheckOrder(to, dir, test.order, test.most)
			if test.fault == "" {
				require.Empty(t, to.faults)
				return
			}
			require.Len(t, to.faults, 1)
			require.Contains(t, to.faults[0], test.fault)
		})
	}
}
