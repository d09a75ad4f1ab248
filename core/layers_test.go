package core_test

import (
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/authsession/authsession/"

// level returns where a package stands in the house (docs/decisions has the
// picture), or -1 for one that is outside of it. A package imports lower
// levels only; providers/internal lies between core and the providers, and
// above core/providerhttp. "." is the module's root.
func level(pkg string) int {
	switch {
	case pkg == "core", strings.HasPrefix(pkg, "internal/"):
		return 0
	case pkg == "core/providerhttp",
		strings.HasPrefix(pkg, "providers/internal/"),
		pkg == "plugins/proto/v1",
		pkg == "store":
		return 1
	case pkg == "registry",
		pkg == "terminal",
		pkg == "core/providertest",
		pkg == "store/storetest",
		strings.HasPrefix(pkg, "providers/"),
		strings.HasPrefix(pkg, "plugins/internal/"),
		pkg == "plugins/proto":
		return 2
	case strings.HasPrefix(pkg, "registry/"), pkg == "providers", pkg == "plugins",
		pkg == "grpcsession":
		return 3
	case pkg == ".":
		return 4
	case strings.HasPrefix(pkg, "examples/"), strings.HasPrefix(pkg, "plugins/cmd/"), strings.HasPrefix(pkg, "cmd/"):
		return 5
	}
	return -1
}

// heavy are modules that must not come with a level 0, 1 or 2 package, but for
// the protocol of plugins.
var heavy = []string{"github.com/hashicorp/go-plugin", "google.golang.org/grpc", "github.com/knadh/koanf"}

// unlinked are modules that must not come with a package, also by way of
// others: a program that has no store, no plugin or no configuration file does
// not link them.
var unlinked = map[string][]string{
	"core":     heavy,
	"registry": heavy,
	"registry/config": {
		module + "store",
		module + "plugins",
		module + "providers",
		"github.com/zalando/go-keyring",
		"github.com/godbus/dbus",
		"github.com/gofrs/flock",
		"google.golang.org/grpc",
	},
	"providers": heavy,
}

func TestLayers(t *testing.T) {
	root := ".."
	seen := map[string]bool{}
	links := map[string][]string{} // what each package imports
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() {
			if name := d.Name(); file != root && strings.HasPrefix(name, ".") || name == "node_modules" ||
				file == filepath.Join(root, "test") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		require.NoError(t, err)
		pkg := filepath.ToSlash(rel)
		at := level(pkg)
		require.GreaterOrEqual(t, at, 0, "%s has no place in the house", pkg)
		seen[pkg] = true
		source, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range source.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			links[pkg] = append(links[pkg], imported)
			if ours, ok := inModule(imported); ok {
				beside := path.Dir(ours) == path.Dir(pkg)
				switch {
				case beside && (at == 1 || strings.HasPrefix(pkg, "internal/")),
					ours == "core/providerhttp" && strings.HasPrefix(pkg, "providers/internal/"),
					at == 5 && strings.HasPrefix(ours, "examples/internal/"),
					strings.HasPrefix(pkg, "cmd/") && strings.HasPrefix(ours, "cmd/authsession/internal/"):
					continue
				}
				require.Less(t, level(ours), at, "%s imports %s", file, ours)
				if pkg == "grpcsession" {
					require.Zero(t, level(ours), "%s imports %s", file, ours)
				}
				continue
			}
			if pkg == "core" || strings.HasPrefix(pkg, "core/") || strings.HasPrefix(pkg, "internal/") ||
				pkg == "registry" {
				require.NotContains(t, strings.Split(imported, "/")[0], ".", "%s imports %s", file, imported)
			}
			if pkg == "grpcsession" && strings.Contains(strings.Split(imported, "/")[0], ".") {
				require.True(
					t,
					strings.HasPrefix(imported, "google.golang.org/grpc"),
					"%s imports %s",
					file,
					imported,
				)
			}
			if at <= 2 && !strings.HasPrefix(pkg, "plugins/") {
				require.False(
					t,
					slices.ContainsFunc(heavy, func(h string) bool { return strings.HasPrefix(imported, h) }),
					"%s imports %s",
					file,
					imported,
				)
			}
		}
		return nil
	})
	require.NoError(t, err)
	for _, pkg := range []string{"core", "registry", "registry/config", "providers"} {
		_, err := os.Stat(filepath.Join(root, pkg))
		require.NoError(t, err)
	}
	require.True(t, seen["core"])
	for pkg, modules := range unlinked {
		require.True(t, seen[pkg], pkg)
		for _, imported := range linked(links, pkg) {
			of := func(module string) bool { return strings.HasPrefix(imported, module) }
			require.False(t, slices.ContainsFunc(modules, of), "%s links %s", pkg, imported)
		}
	}
	require.Contains(t, linked(links, "."), "github.com/zalando/go-keyring", "what a package links is found")
}

// inModule returns the path of a package of the module, below its root.
func inModule(imported string) (string, bool) {
	if imported+"/" == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module)
}

// linked returns all that comes with a package: what it imports, and what the packages of the
// module among these import.
func linked(links map[string][]string, pkg string) []string {
	seen := map[string]bool{}
	rest := slices.Clone(links[pkg])
	for len(rest) > 0 {
		imported := rest[0]
		rest = rest[1:]
		if seen[imported] {
			continue
		}
		seen[imported] = true
		if ours, ok := inModule(imported); ok {
			rest = append(rest, links[ours]...)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
