package authsession_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestWorkflows reads the workflows, which run only where the repository is hosted: they change
// nothing there, end by themselves, and run only actions of a commit that is named.
func TestWorkflows(t *testing.T) {
	pinned := regexp.MustCompile(`(?m)^ +(?:- )?uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	uses := regexp.MustCompile(`(?m)^ +(?:- )?uses:.*$`)
	files, err := filepath.Glob(".github/workflows/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct {
				Timeout     int `yaml:"timeout-minutes"`
				Permissions map[string]string
			}
		}
		text := unmarshal(t, file, &workflow)
		require.Equal(t, map[string]string{"contents": "read"}, workflow.Permissions, file)
		require.NotEmpty(t, workflow.Jobs, file)
		for name, job := range workflow.Jobs {
			require.Positive(t, job.Timeout, "%s: job %s has no limit", file, name)
			require.Empty(t, job.Permissions, "%s: job %s", file, name)
		}
		for _, line := range uses.FindAllString(text, -1) {
			require.Regexp(t, pinned, line, file)
		}
	}
}

// TestDependabot compares the folders that are watched for new versions with those that name some.
func TestDependabot(t *testing.T) {
	var config struct {
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directory   string
			Directories []string
		}
	}
	unmarshal(t, ".github/dependabot.yml", &config)
	watched := map[string][]string{}
	for _, u := range config.Updates {
		folders := u.Directories
		if u.Directory != "" {
			folders = append(folders, u.Directory)
		}
		watched[u.Ecosystem] = append(watched[u.Ecosystem], folders...)
	}
	require.ElementsMatch(t, folders(t, "go.mod"), watched["gomod"])
	require.ElementsMatch(t, folders(t, "package.json"), watched["npm"])
	require.ElementsMatch(t, []string{"/"}, watched["github-actions"])
}

// TestIssueForms parses the forms: each asks something, and names what it asks once.
func TestIssueForms(t *testing.T) {
	files, err := filepath.Glob(".github/ISSUE_TEMPLATE/*.yml")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		var form struct {
			Name, Description string
			Body              []struct {
				Type, ID   string
				Attributes struct{ Label, Value string }
			}
		}
		unmarshal(t, file, &form)
		if filepath.Base(file) == "config.yml" {
			continue
		}
		require.NotEmpty(t, form.Name, file)
		require.NotEmpty(t, form.Description, file)
		require.NotEmpty(t, form.Body, file)
		var ids []string
		for _, field := range form.Body {
			if field.Type == "markdown" {
				require.NotEmpty(t, field.Attributes.Value, file)
				continue
			}
			require.Contains(t, []string{"input", "textarea", "dropdown"}, field.Type, file)
			require.NotEmpty(t, field.Attributes.Label, file)
			require.NotContains(t, ids, field.ID, file)
			ids = append(ids, field.ID)
		}
	}
}

// unmarshal reads a YAML file into v and returns its text.
func unmarshal(t *testing.T, file string, v any) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, v), file)
	return string(text)
}

// folders returns the folders of the repository that hold a file of that name, as "/" and "/test".
func folders(t *testing.T, name string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "node_modules", "testdata"}, entry.Name()):
			return filepath.SkipDir
		case entry.Name() == name:
			found = append(found, path.Join("/", filepath.ToSlash(filepath.Dir(file))))
		}
		return nil
	}))
	return found
}
