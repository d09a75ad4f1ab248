package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// environmentVariable chooses the environment, unless --env does.
const environmentVariable = "AUTHSESSION_ENVIRONMENT"

// absolute returns the flags that choose this configuration from any directory, and
// without the variables of this process.
func (a *app) absolute() ([]string, error) {
	var words []string
	if a.origin.From != fromUser || userDirMoved() {
		for _, file := range a.origin.Files {
			path, err := lastingPath(file)
			if err != nil {
				return nil, err
			}
			words = append(words, "--config", path)
		}
	}
	if environment := firstOf(a.flags.environment, os.Getenv(environmentVariable)); environment != "" {
		words = append(words, "--env", environment)
	}
	return words, nil
}

// lastingPath returns the absolute path of a configuration that another process can read
// later. A pipe, as a shell makes for <(command), ends with this process.
func lastingPath(file string) (string, error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("the path of %s: %w", file, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", core.Errorf(core.CodeBadConfig, "%w", err)
	}
	perProcess := slices.ContainsFunc([]string{"/dev/", "/proc/"}, func(dir string) bool {
		return strings.HasPrefix(path, dir) && !strings.HasPrefix(path, "/dev/shm/")
	})
	if perProcess || !info.Mode().IsRegular() {
		return "", core.Errorf(core.CodeBadConfig, "the configuration %s is not a file that another "+
			"program can read later: write it to a file, and name that with --config", file)
	}
	return path, nil
}

// userDirMoved reports whether a variable of this process alone says where the user's
// settings are.
func userDirMoved() bool {
	dir := os.Getenv("XDG_CONFIG_HOME")
	home, err := os.UserHomeDir()
	return filepath.IsAbs(dir) && (err != nil || filepath.Clean(dir) != filepath.Join(home, ".config"))
}

// sayVariables tells the person which variables change the configuration and are not
// written into that of another program.
func (a *app) sayVariables() {
	var names []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "AUTHSESSION_") && name != environmentVariable &&
			name != fromVariable {
			names = append(names, name)
		}
	}
	if len(names) > 0 && !a.flags.quiet && !a.json() {
		slices.Sort(names)
		fmt.Fprintf(a.stderr, "not written, although they change the configuration: %s\n",
			printable(strings.Join(names, ", ")))
	}
}
