// Command mutation measures how well the tests of core notice a change of its engine. It runs
// gremlins (github.com/go-gremlins/gremlins), which changes one operator at a time and runs core's
// own tests, and prints one line for each file. It fails where too many changes stay unnoticed:
//
//	make mutate
//	cd test && go run ./mutation -files backoff.go,record.go
//
// The random test is switched off, as it takes longer than all others together.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// gremlins is the tool, with its version.
const gremlins = "github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0"

// walked is what the walk runs, and engine all that is measured.
const (
	walked = "machine.go,settle.go,ending.go,backoff.go"
	engine = walked + ",attempt.go,source.go,stored.go,storeaccess.go,record.go,lifetime.go," +
		"transport.go"
)

func main() {
	root := flag.String("root", "..", "the folder of the module")
	pkg := flag.String("package", "core", "the folder of the package in it")
	files := flag.String("files", engine, "the files to change, joined by commas")
	workers := flag.Int("workers", 2, "how many changes to test at the same time")
	overall := flag.Float64("overall", 95, "the least share of noticed changes, in percent")
	each := flag.Float64("each", 90, "the least share in percent of each file")
	flag.Parse()
	names := strings.Split(*files, ",")
	result, err := runAll(*root, *pkg, names, *workers)
	if err == nil {
		err = report(os.Stdout, result, names, filepath.Join(*root, *pkg), *overall, *each)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

// runAll runs gremlins over files of a package: over those that the walk runs with all tests, and
// over the others without the walk, which takes half of the time.
func runAll(root, pkg string, names []string, workers int) (*result, error) {
	var all result
	for _, walk := range []bool{true, false} {
		group := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			return slices.Contains(strings.Split(walked, ","), name) != walk
		})
		if len(group) == 0 {
			continue
		}
		env := environment("")
		if !walk {
			env = environment(" -skip=^TestWalk$")
		}
		r, err := run(root, pkg, group, workers, env)
		if err != nil {
			return nil, err
		}
		all.Files = append(all.Files, r.Files...)
	}
	return &all, nil
}

// run runs gremlins over files of a package.
func run(root, pkg string, names []string, workers int, env []string) (*result, error) {
	out, err := os.CreateTemp("", "mutation-*.json")
	if err != nil {
		return nil, err
	}
	_ = out.Close()
	defer os.Remove(out.Name())
	exclude, err := others(filepath.Join(root, pkg), names)
	if err != nil {
		return nil, err
	}
	// Without --test-cpu: gremlins 0.6.0 passes it to "go test" in a form that makes every run fail,
	// so that every change would count as noticed. A test that hangs is given three times as long as
	// gremlins' first run of the tests, which -count=1 keeps from being answered from the cache.
	// Without vet, a run takes half the time, and no change counts as noticed by vet. A run ends with
	// the first test that fails.
	args := append([]string{"run", gremlins, "unleash", "./" + pkg, "-o", out.Name(),
		"--workers", strconv.Itoa(workers), "--timeout-coefficient", "3"}, exclude...)
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stderr, os.Stderr
	cmd.Env = env
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("gremlins: %w", err)
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		return nil, err
	}
	var r result
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, err
	}
	return &r, testUncovered(&r, root, pkg, env)
}

// environment returns what the tests of the package run in, with more flags for go test.
func environment(more string) []string {
	flags := os.Getenv("GOFLAGS") + " -count=1 -failfast -vet=off -ldflags=-w" + more
	return append(os.Environ(), "GOWORK=off", "AUTHSESSION_CHAOS=0",
		"GOFLAGS="+strings.TrimSpace(flags))
}

// others returns the arguments that make gremlins leave out all files of a folder but those named.
func others(dir string, names []string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var args []string
	found := 0
	for _, e := range entries {
		switch {
		case slices.Contains(names, e.Name()):
			found++
		case e.IsDir():
			args = append(args, "-E", "^"+e.Name()+"/")
		case strings.HasSuffix(e.Name(), ".go"):
			args = append(args, "-E", "^"+strings.ReplaceAll(e.Name(), ".", `\.`)+"$")
		}
	}
	if found < len(names) {
		return nil, fmt.Errorf("%s does not have all of %q", dir, names)
	}
	return args, nil
}
