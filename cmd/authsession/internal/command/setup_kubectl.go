package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
)

func (a *app) setupKubectlCommand() *cobra.Command {
	var o setupOptions
	cmd := a.setupSub("kubectl NAME", "Make kubectl use a session",
		`setup kubectl prints a user for a kubeconfig that runs "authsession helper kubectl". With
--write it puts that user into the file that $KUBECONFIG names first, otherwise into
~/.kube/config. All else in the file stays as it is; a file that cannot be changed in this
way is left alone. A context has to name the user:
  kubectl config set-context --current --user NAME`,
		"  authsession setup kubectl cluster\n  authsession setup kubectl cluster --write",
		&o, a.setupKubectl)
	f := cmd.Flags()
	f.StringVar(&o.name, "user", "",
		"`name` of the user in the kubeconfig; without it, that of the session")
	f.StringVar(&o.apiVersion, "api-version", "v1",
		"`version` of the protocol: v1, or v1beta1 for clients before 1.22")
	f.BoolVar(&o.interactive, "interactive", false, "let kubectl ask a person to sign in")
	return cmd
}

// kubeUser is a user of a kubeconfig.
type kubeUser struct {
	Name string `yaml:"name"`
	User struct {
		Exec kubeExec `yaml:"exec"`
	} `yaml:"user"`
}

type kubeExec struct {
	APIVersion  string   `yaml:"apiVersion"`
	Command     string   `yaml:"command"`
	Args        []string `yaml:"args"`
	Interactive string   `yaml:"interactiveMode"`
	ClusterInfo bool     `yaml:"provideClusterInfo"`
}

func (a *app) setupKubectl(_ context.Context, name string, words []string, o setupOptions) error {
	var user kubeUser
	user.Name = o.name
	if user.Name == "" {
		user.Name = name
	}
	user.User.Exec = kubeExec{
		Command: words[0], Args: append(words[1:], "helper", "kubectl", name),
		Interactive: "Never", ClusterInfo: true,
	}
	switch o.apiVersion {
	case "v1":
		user.User.Exec.APIVersion = execVersion
	case "v1beta1":
		user.User.Exec.APIVersion = execVersionBeta
	default:
		return wrong("--api-version: want v1 or v1beta1")
	}
	if o.interactive {
		user.User.Exec.Interactive = "IfAvailable"
		user.User.Exec.Args = append(user.User.Exec.Args, "--interactive")
	}
	if !o.write {
		text, err := encodeYAML(map[string][]kubeUser{"users": {user}})
		if err == nil {
			_, err = a.stdout.Write(text)
		}
		return err
	}
	path, err := kubeconfig()
	if err != nil {
		return err
	}
	c, err := readForChange(path)
	if err != nil {
		return err
	}
	if c.after, err = withKubeUser(c.before, user); err != nil {
		lines, _ := encodeYAML([]kubeUser{user})
		return core.Errorf(core.CodeBadConfig,
			"%s is not changed: %w\nadd these lines to it by hand, below users:\n%s", path, err, lines)
	}
	return a.apply(c)
}

// kubeconfig returns the file that kubectl changes.
func kubeconfig() (string, error) {
	for _, path := range filepath.SplitList(os.Getenv("KUBECONFIG")) {
		if path != "" {
			return path, nil
		}
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".kube", "config"), err
}

func encodeYAML(document any) ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	e.CompactSeqIndent() // as kubectl writes it
	err := e.Encode(document)
	return b.Bytes(), err
}
