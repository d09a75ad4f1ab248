package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// origin says where the configuration was found.
type origin struct {
	From  string   `json:"from"` // one of the constants below
	Files []string `json:"files"`
	// Ignored are files of the same place that lost against the first one.
	Ignored []string `json:"ignored,omitempty"`
}

const (
	fromFlag      = "--config"
	fromVariable  = "AUTHSESSION_CONFIG"
	fromDirectory = "working directory"
	fromUser      = "user's settings"
)

// localNames are looked for in the working directory; the first one is taken.
var localNames = []string{
	"authsession.yaml", "authsession.yml", "authsession.toml", "authsession.json",
}

var errNoConfig = errors.New("there is no configuration")

// filesOfVariable returns the files that the variable names. Empty names do not count, as in
// "a.yaml:$MORE" without MORE.
func filesOfVariable() []string {
	return slices.DeleteFunc(filepath.SplitList(os.Getenv(fromVariable)),
		func(name string) bool { return name == "" })
}

// findFiles returns the files of the configuration: those of the first place
// that has any.
func (a *app) findFiles() (origin, error) {
	if len(a.flags.config) > 0 {
		return origin{From: fromFlag, Files: a.flags.config}, nil
	}
	if files := filesOfVariable(); len(files) > 0 {
		return origin{From: fromVariable, Files: files}, nil
	}
	if local := localFiles(); len(local) > 0 {
		return origin{fromDirectory, local[:1], local[1:]}, checkLocal(local[0])
	}
	files, err := userFiles()
	if err != nil {
		return origin{}, err
	}
	if len(files) > 0 {
		return origin{From: fromUser, Files: files}, nil
	}
	return origin{}, then(core.Errorf(core.CodeBadConfig,
		"%w: none of %s here, no %s and no %s, and %s is not set",
		errNoConfig, strings.Join(localNames, ", "), filepath.Join(shownUserDir(), "config.yaml"),
		filepath.Join(shownUserDir(), "config.d", "*.yaml"), fromVariable), "init")
}

// localFiles returns those of the working directory.
func localFiles() (found []string) {
	for _, name := range localNames {
		if _, err := os.Lstat(name); !errors.Is(err, os.ErrNotExist) {
			found = append(found, name)
		}
	}
	return found
}

// sayOrigin tells the person where the configuration is.
func (a *app) sayOrigin() {
	if !a.flags.quiet && !a.json() {
		fmt.Fprintf(a.stderr, "configuration: %s (%s)\n",
			strings.Join(a.origin.Files, ", "), a.origin.From)
	}
	a.sayIgnored()
}

// sayIgnored tells the person which files are beside it and are not used.
func (a *app) sayIgnored() {
	if !a.flags.quiet && !a.json() && len(a.origin.Ignored) > 0 {
		fmt.Fprintf(a.stderr, "not used: %s\n", strings.Join(a.origin.Ignored, ", "))
	}
}

// userDir returns the folder of the user's settings, or "" if there is nothing that says
// where it is.
func userDir() string {
	if dir := os.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "authsession")
	}
	if runtime.GOOS == "windows" {
		if dir, err := os.UserConfigDir(); err == nil {
			return filepath.Join(dir, "authsession")
		}
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".config", "authsession")
}

// shownUserDir is userDir for a message.
func shownUserDir() string {
	return firstOf(userDir(), filepath.Join("~", ".config", "authsession"))
}

// userFiles returns config.yaml and the files of config.d, in their order.
func userFiles() (files []string, err error) {
	if userDir() == "" {
		return nil, nil
	}
	userFile := filepath.Join(userDir(), "config.yaml")
	if _, err := os.Lstat(userFile); !errors.Is(err, os.ErrNotExist) {
		files = append(files, userFile) // Load says what is wrong with it
	}
	dir := filepath.Join(userDir(), "config.d")
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return files, nil
	case err != nil:
		return nil, core.Errorf(core.CodeBadConfig, "%w", err)
	}
	var more []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".yaml") {
			more = append(more, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(more)
	return append(files, more...), nil
}

// checkLocal reports a file of the working directory that is not the user's own:
// a configuration names commands to run, and a user who enters a folder has not
// chosen them.
func checkLocal(name string) error {
	path, err := filepath.Abs(name)
	if err != nil {
		path = name
	}
	problem, err := ownedByOthers(name)
	if err != nil {
		return core.Errorf(core.CodeBadConfig, "%s: %w", path, err)
	}
	if problem == "" {
		return nil
	}
	return core.Errorf(core.CodeBadConfig,
		"%s %s: it is not used, as a configuration names commands to run; "+
			"correct that, or name the file with --config", path, problem)
}

// commandLine returns the text of a command of this program, with the flags that
// choose the configuration.
func (a *app) commandLine(args []string) string {
	words := []string{"authsession"}
	if len(args) == 0 || args[0] != "init" && args[0] != "help" {
		for _, file := range a.flags.config {
			words = append(words, "-c", file)
		}
		if a.flags.environment != "" {
			words = append(words, "-e", a.flags.environment)
		}
	}
	return strings.Join(quoted(append(words, args...)), " ")
}

// quoted returns words as a POSIX shell wants them.
func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = shellWord(word)
	}
	return out
}

// plain are the characters that mean nothing to a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

// shellWord quotes a word for a POSIX shell, if that is needed.
func shellWord(word string) string {
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
