package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// meUser is the user of the tests below, and meLines are its lines.
func meUser() kubeUser {
	var user kubeUser
	user.Name = "me"
	user.User.Exec = kubeExec{APIVersion: execVersion, Command: "c", Args: []string{"a"}, Interactive: "Never"}
	return user
}

const meLines = `- name: me
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: c
      args:
      - a
      interactiveMode: Never
      provideClusterInfo: false
`

// TestWithKubeUser: the lines of one user are added or replaced, and all others stay.
func TestWithKubeUser(t *testing.T) {
	deeper := "  " + strings.TrimSuffix(strings.ReplaceAll(meLines, "\n", "\n  "), "  ")
	for name, c := range map[string]struct{ before, after string }{
		"empty":        {"", newKubeconfig + "users:\n" + meLines},
		"no users":     {"kind:   Config # x", "kind:   Config # x\nusers:\n" + meLines},
		"null":         {"users:\nkind: Config\n", "users:\n" + meLines + "kind: Config\n"},
		"empty list":   {"a: 1\nusers: [] # none\n", "a: 1\nusers: # none\n" + meLines},
		"empty, tilde": {"users: ~\nb:   2\n", "users:\n" + meLines + "b:   2\n"},
		"added": {"users:\n- name: b\n  user:   {token:  x}\n\n# end\nkind:   Config\n",
			"users:\n- name: b\n  user:   {token:  x}\n" + meLines + "\n# end\nkind:   Config\n"},
		"replaced": {"users:\n- name: me\n  user: {token: x}\n\n# of b\n- user: {a:   1}\n  name: b\n",
			"users:\n" + meLines + "\n# of b\n- user: {a:   1}\n  name: b\n"},
		"replaced, deeper": {"users:\n  - user:\n      token: |\n        x\n\n        y\n    name: me\n  - name: b\nk:   1\n",
			"users:\n" + deeper + "  - name: b\nk:   1\n"},
		"an alias replaced": {"b: &me {name: me}\nusers:\n- *me\n", "b: &me {name: me}\nusers:\n" + meLines},
		"another alias": {"users:\n- name: me\n- name: b\n  user:   &u {a: 1}\n- name: c\n  user: *u\n",
			"users:\n" + meLines + "- name: b\n  user:   &u {a: 1}\n- name: c\n  user: *u\n"},
		"start and end marks": {"---\nusers:\n- name: me\n...\n", "---\nusers:\n" + meLines + "...\n"},
		"CRLF": {"kind: Config\r\nusers:\r\n- name: b\r\n",
			"kind: Config\r\nusers:\r\n- name: b\r\n" + strings.ReplaceAll(meLines, "\n", "\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := withKubeUser(c.before, meUser())
			require.NoError(t, err)
			require.Equal(t, c.after, got)
			again, err := withKubeUser(got, meUser())
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
}

// TestWithKubeUserAnew: a kubeconfig of another form keeps its values.
func TestWithKubeUserAnew(t *testing.T) {
	for _, text := range []string{
		`{"kind": "Config", "users": [{"name": "me", "user": {"token": "x"}}, {"name": "b"}]}`,
		`{"kind": "Config"}`,
		"kind: Config\nusers: [{name: b}]\n",
		"kind: Config\nusers:\n  [\n  ]\n",
	} {
		got, err := withKubeUser(text, meUser())
		require.NoError(t, err, text)
		document, err := parseKubeconfig(got)
		require.NoError(t, err)
		var c struct {
			Kind  string
			Users []kubeUser
		}
		require.NoError(t, document.Decode(&c))
		require.Equal(t, "Config", c.Kind)
		require.Contains(t, c.Users, meUser())
	}
}

// TestWithKubeUserRefuses: a file is not changed if that would change something else.
func TestWithKubeUserRefuses(t *testing.T) {
	for _, text := range []string{
		"users: foo\n", "users: {}\n", "users: {me: {token: x}}\n", "users: 5\n",
		"users:\n- name: me\n  user: &u {token: x}\n- name: b\n  user: *u\n",
		"users:\n- &u\n  name: me\n- <<: *u\n  name: b\n",
		"users:\n- name: &n me\n  user: {token: x}\ncontexts:\n- context: {user: *n}\n",
		"x: &l [{name: b}]\nusers: *l\n",
		"kind: &a {x: 1}\nusers:\n- name: me\n  user: &a {x: 2}\n- name: b\n  user: *a\n",
		"{users: [{name: me, user: &u {a: 1}}, {name: b, user: *u}]}",
		"users: [\n", "- a\n", "a: 1\n---\nb: 2\n", "a: 1\na: 2\n",
	} {
		_, err := withKubeUser(text, meUser())
		require.Error(t, err, text)
	}
}
