package command

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// withKubeUser returns a kubeconfig with a user added or replaced. All other lines stay. If
// the user is there as it should be, so does the text. It returns an error if the file
// cannot be changed without changing something else.
func withKubeUser(text string, user kubeUser) (string, error) {
	document, err := parseKubeconfig(text)
	if err != nil {
		return "", err
	}
	wanted, at, err := wantedUsers(document, user)
	if err != nil {
		return "", err
	}
	if same(document, wanted) {
		return text, nil
	}
	entry, err := encodeYAML([]kubeUser{user})
	if err != nil {
		return "", err
	}
	root := document.Content[0]
	if out, ok := editUsers(text, string(entry), root, at); ok && checkUsers(out, wanted) == nil {
		return out, nil
	}
	out, err := encodeUsers(root, user, at)
	if err != nil {
		return "", err
	}
	return out, checkUsers(out, wanted)
}

// checkUsers reports a changed kubeconfig that cannot be read or has other values than
// wanted.
func checkUsers(text string, wanted map[string]any) error {
	changed, err := parseKubeconfig(text)
	if err != nil {
		return fmt.Errorf("without the old user, it cannot be read: %w", err)
	}
	if !same(changed, wanted) {
		return errors.New("the user cannot be changed without changing something else")
	}
	return nil
}

// same reports whether a document has certain values.
func same(document *yaml.Node, values map[string]any) bool {
	var there map[string]any
	return document.Decode(&there) == nil && reflect.DeepEqual(there, values)
}

// wantedUsers returns the values of a kubeconfig with the user in it, and which one of the
// users it is, from 0.
func wantedUsers(document *yaml.Node, user kubeUser) (values map[string]any, at int, err error) {
	var node yaml.Node
	var value any
	err = errors.Join(node.Encode(user), node.Decode(&value), document.Decode(&values))
	if err != nil {
		return nil, 0, err
	}
	users, ok := values["users"].([]any)
	if !ok && values["users"] != nil {
		return nil, 0, errors.New("users: want a list")
	}
	at = len(users)
	for i, u := range users {
		if entry, ok := u.(map[string]any); ok && entry["name"] == user.Name {
			at = i
			break
		}
	}
	if at == len(users) {
		users = append(users, value)
	} else {
		users[at] = value
	}
	values["users"] = users
	return values, at, nil
}

// editUsers puts an entry in the place of the user at, or after the last one. It reports
// whether the lines of the text have a form in which it can.
func editUsers(text, entry string, root *yaml.Node, at int) (string, bool) {
	end := lineEnd(text)
	lines := strings.SplitAfter(withLineBreak(text, end), "\n")
	lines = lines[:len(lines)-1]
	if root.Style&yaml.FlowStyle != 0 {
		return "", false
	}
	users := child(root, "users")
	switch {
	case users == nil && len(lines) == 0:
		return newKubeconfig + "users:\n" + entry, true
	case users == nil:
		return strings.Join(lines, "") + "users:" + end + indented(entry, "", end), true
	case users.Kind != yaml.SequenceNode || len(users.Content) == 0:
		return startUsers(lines, entry, end, keyLine(root, "users"))
	case users.Style&yaml.FlowStyle != 0:
		return "", false
	}
	last := min(at, len(users.Content)-1)
	start := users.Content[last].Line - 1
	margin := indentOf(lines[start])
	if len(margin) != users.Column-1 || !strings.HasPrefix(lines[start][len(margin):], "- ") {
		return "", false
	}
	stop := entryEnd(lines, start, len(margin))
	if at > last {
		start = stop
	}
	return strings.Join(lines[:start], "") + indented(entry, margin, end) +
		strings.Join(lines[stop:], ""), true
}

// entryEnd returns the first line after an entry of a list: those of the entry are indented
// more than its dash. Empty lines and comments at the end are not of it.
func entryEnd(lines []string, start, margin int) int {
	stop := start + 1
	for i := stop; i < len(lines); i++ {
		body := strings.TrimSpace(lines[i])
		if body == "" {
			continue
		}
		if len(indentOf(lines[i])) <= margin {
			break
		}
		stop = i + 1
	}
	return stop
}

// emptyUsers matches a line that gives users no value or an empty one.
var emptyUsers = regexp.MustCompile(`^(["']?users["']?[ \t]*:)[ \t]*` +
	`(?:\[[ \t]*\]|null|~)?([ \t]*#[^\r\n]*)?[ \t]*\r?\n$`)

// startUsers puts the first user into a kubeconfig that has an empty list.
func startUsers(lines []string, entry, end string, at int) (string, bool) {
	if at < 0 {
		return "", false
	}
	m := emptyUsers.FindStringSubmatch(lines[at])
	if m == nil {
		return "", false
	}
	return strings.Join(lines[:at], "") + m[1] + m[2] + end + indented(entry, "", end) +
		strings.Join(lines[at+1:], ""), true
}

// keyLine returns the line of a key of an object, from 0, or -1.
func keyLine(object *yaml.Node, key string) int {
	for i := 0; i+1 < len(object.Content); i += 2 {
		if object.Content[i].Value == key {
			return object.Content[i].Line - 1
		}
	}
	return -1
}

// indented returns lines with a margin and line ends.
func indented(text, margin, end string) string {
	var b strings.Builder
	for _, line := range splitLines(text) {
		b.WriteString(margin + line + end)
	}
	return b.String()
}

// encodeUsers is editUsers for a text that has another form, such as JSON: it is written
// anew.
func encodeUsers(root *yaml.Node, user kubeUser, at int) (string, error) {
	var entry yaml.Node
	if err := entry.Encode(user); err != nil {
		return "", err
	}
	users := child(root, "users")
	if users == nil {
		users = &yaml.Node{}
		root.Content = append(root.Content, textNode("users"), users)
	}
	switch {
	case users.Kind == yaml.AliasNode:
		return "", errors.New("users: it is an alias of another list")
	case users.Kind != yaml.SequenceNode:
		*users = yaml.Node{Kind: yaml.SequenceNode}
	}
	if at < len(users.Content) {
		users.Content[at] = &entry
	} else {
		users.Content = append(users.Content, &entry)
	}
	out, err := encodeYAML(root)
	return string(out), err
}

// newKubeconfig is what a new file begins with.
const newKubeconfig = "apiVersion: v1\nkind: Config\n"

// parseKubeconfig reads a kubeconfig, which is one object. An empty text is that of a
// new file.
func parseKubeconfig(text string) (*yaml.Node, error) {
	var document, another yaml.Node
	d := yaml.NewDecoder(strings.NewReader(text))
	err := d.Decode(&document)
	if errors.Is(err, io.EOF) {
		return &document, yaml.Unmarshal([]byte(newKubeconfig), &document)
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
