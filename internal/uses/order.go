// The order in which a reader goes through the files of a package. This is the last file.

package uses

import (
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Pair names a file that uses another one, and that other one.
type Pair [2]string

// Pairs groups uses by their files.
func Pairs(uses []Use) map[Pair][]Use {
	out := map[Pair][]Use{}
	for _, u := range uses {
		out[Pair{u.From, u.To}] = append(out[Pair{u.From, u.To}], u)
	}
	return out
}

// Backward returns those pairs whose first file comes before the second one in order, so that a
// reader meets names that are declared further on.
func Backward(uses []Use, order []string) map[Pair][]Use {
	out := Pairs(uses)
	maps.DeleteFunc(out, func(pair Pair, _ []Use) bool {
		return slices.Index(order, pair[0]) >= slices.Index(order, pair[1])
	})
	return out
}

// CheckOrder proves that the package in dir can be read in one direction: order has each of its
// files once, the first comment of each file contains "Read on in " with the next one, and at most
// most pairs of files have the earlier file use the later one. It logs these pairs.
func CheckOrder(t testing.TB, dir string, order []string, most int) {
	t.Helper()
	files, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Sorted(slices.Values(order)), files) {
		t.Errorf("the reading order %q does not have each file of %q once", order, files)
		return
	}
	for i, name := range order[:len(order)-1] {
		if next := "Read on in " + order[i+1]; !strings.Contains(firstComment(t, dir, name), next) {
			t.Errorf("the first comment of %s does not contain %q", name, next)
		}
	}
	found, err := Between(dir)
	if err != nil {
		t.Fatal(err)
	}
	against := Backward(found, order)
	for pair, names := range against {
		t.Logf("%s uses %s, which comes later: %v", pair[0], pair[1], names)
	}
	t.Logf("%d of %d pairs are against the order", len(against), len(Pairs(found)))
	if len(against) > most {
		t.Errorf("%d pairs of files are against the order, more than %d", len(against), most)
	}
}

// firstComment returns the first comment of a file that is not a build constraint, as one line.
func firstComment(t testing.TB, dir, name string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil,
		parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, comment := range file.Comments {
		// Text leaves out constraints such as "//go:build unix".
		if text := comment.Text(); text != "" {
			return strings.Join(strings.Fields(text), " ")
		}
	}
	return ""
}
