package command

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
)

func (a *app) setupKubectlCommand() *cobra.Command {
	var o setupOptions
	cmd := a.setupSub("kubectl NAME", "Make kubectl use a session",
		`setup kubectl prints a user for a kubeconfig that runs "authsession helper kubectl". With
--write it puts that user into the file that $KUBECONFIG names first, otherwise into
~/.kube/config. A context has to name the user:
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
		return core.Errorf(core.CodeBadConfig, "%s: %w", path, err)
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

// withKubeUser returns a kubeconfig with a user added or replaced. All else stays,
// with its comments. If the user is there as it should be, so does the text.
func withKubeUser(text string, user kubeUser) (string, error) {
	document, err := parseKubeconfig(text)
	if err != nil {
		return "", err
	}
	root := document.Content[0]
	users := child(root, "users")
	if users == nil {
		users = &yaml.Node{Kind: yaml.SequenceNode}
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "users"}, users)
	}
	if users.Kind != yaml.SequenceNode { // null
		*users = yaml.Node{Kind: yaml.SequenceNode}
	}
	users.Style = 0
	var wanted yaml.Node
	if err := wanted.Encode(user); err != nil {
		return "", err
	}
	found := false
	for _, entry := range users.Content {
		if n := child(entry, "name"); n == nil || n.Value != user.Name {
			continue
		}
		var there, want any
		if entry.Decode(&there) == nil && wanted.Decode(&want) == nil && reflect.DeepEqual(there, want) {
			return text, nil
		}
		*entry, found = wanted, true
		break
	}
	if !found {
		users.Content = append(users.Content, &wanted)
	}
	out, err := encodeYAML(document)
	return string(out), err
}

// parseKubeconfig reads a kubeconfig, which is one object. An empty text is that of a
// new file.
func parseKubeconfig(text string) (*yaml.Node, error) {
	var document, another yaml.Node
	d := yaml.NewDecoder(strings.NewReader(text))
	err := d.Decode(&document)
	if errors.Is(err, io.EOF) {
		return &document, yaml.Unmarshal([]byte("apiVersion: v1\nkind: Config\n"), &document)
	}
	if err != nil {
		return nil, err
	}
	if err := d.Decode(&another); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one document in it")
	}
	var whole map[string]any // it reports what is there twice
	if err := document.Decode(&whole); err != nil {
		return nil, err
	}
	if document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("want an object")
	}
	return &document, nil
}

// child returns the value of a key of an object, or nil.
func child(object *yaml.Node, key string) *yaml.Node {
	if object.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(object.Content); i += 2 {
		if object.Content[i].Value == key {
			return object.Content[i+1]
		}
	}
	return nil
}
