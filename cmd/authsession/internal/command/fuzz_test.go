package command

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
)

// FuzzGit: whatever git writes, the answer is well-formed, and only for the host that
// was asked about.
func FuzzGit(f *testing.F) {
	f.Add("protocol=https\nhost=git.example.com\n\n", "Bearer tok", "u", true)
	f.Add("protocol=https\nhost=git.example.com/@evil\nusername=a\n\n", "Basic dTpw", "", false)
	f.Add("capability[]=authtype\nprotocol=https\nhost=x:443\n\n", "Bearer a\nb", "a\nb", true)
	f.Add("=\n", "", "", false)
	f.Add("host\x00=a\r\n", "Digest x", "", false)
	f.Fuzz(func(t *testing.T, input, header, user string, bearer bool) {
		r, err := parseGit(strings.NewReader(input))
		if err != nil {
			require.Equal(t, exitUsage, (&app{}).kindOf(t.Context(), err).status)
			return
		}
		if u, err := r.url(); err == nil {
			require.Equal(t, r.host, u.Host)
			require.Nil(t, u.User)
		}
		c := core.Credential{
			Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret(header)}},
			Expiry: time.Unix(2_000_000_000, 0),
		}
		lines, err := gitAnswer("s", r, gitOptions{user, bearer}, c)
		if err != nil {
			return
		}
		for _, line := range lines {
			key, _, ok := strings.Cut(line, "=")
			require.True(t, ok)
			require.Contains(t, []string{
				"username", "password", "password_expiry_utc", "capability[]", "authtype", "credential", "ephemeral",
			}, key)
			require.False(t, strings.ContainsAny(line, "\n\r\x00"), "a line break would be another answer")
		}
	})
}

// FuzzExecInfo: whatever KUBERNETES_EXEC_INFO is, the answer has a version that
// Kubernetes has.
func FuzzExecInfo(f *testing.F) {
	f.Add(
		`{"apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":true,"cluster":{"server":"https://a"}}}`,
	)
	f.Add(`{"apiVersion":"client.authentication.k8s.io/v1alpha1"}`)
	f.Add(`{"spec":[]}`)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		info, err := parseExecInfo(text)
		if err != nil {
			require.NotContains(t, err.Error(), "\x1b")
			return
		}
		c := core.Credential{Attach: core.Attachment{
			Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer t")},
		}}
		answer, err := newExecCredential("s", info.APIVersion, c)
		require.NoError(t, err)
		require.Contains(t, []string{execVersion, execVersionBeta}, answer.APIVersion)
		require.Equal(t, "t", answer.Status.Token)
	})
}

// FuzzSTS: an answer has all of the keys or is an error.
func FuzzSTS(f *testing.F) {
	f.Add([]byte(`<A><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>a</AccessKeyId>` +
		`<SecretAccessKey>b</SecretAccessKey><SessionToken>c</SessionToken><Expiration>2026-01-01T00:00:00Z</Expiration>` +
		`</Credentials></AssumeRoleWithWebIdentityResult></A>`))
	f.Add([]byte(`<A></A>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := readSTS(body, "s")
		if err != nil {
			require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
			return
		}
		require.NotEmpty(t, d.AccessKeyID)
		require.NotEmpty(t, d.SecretAccessKey)
		require.NotEmpty(t, d.Expiration)
	})
}

// FuzzKubeconfig: a kubeconfig that is changed can be read, has the user, and is not
// changed again.
func FuzzKubeconfig(f *testing.F) {
	f.Add("")
	f.Add("users:\n- name: a\n  user: {token: x}\n")
	f.Add("users: null\n# end\n")
	f.Add("users: {}\n")
	f.Add("users:\n- name: me\n  user: &u {token: x}\n- name: b\n  user: *u\n")
	f.Add("- a\n")
	f.Fuzz(func(t *testing.T, text string) {
		var user kubeUser
		user.Name = "me"
		user.User.Exec = kubeExec{APIVersion: execVersion, Command: "authsession", Args: []string{"helper"}}
		out, err := withKubeUser(text, user)
		if err != nil {
			return
		}
		var parsed struct{ Users []yaml.Node }
		require.NoError(t, yaml.Unmarshal([]byte(out), &parsed), "%q", out)
		again, err := withKubeUser(out, user)
		require.NoError(t, err)
		require.Equal(t, out, again)
	})
}

// FuzzINI: a file of AWS tools that is changed has the line, and is not changed again.
func FuzzINI(f *testing.F) {
	f.Add("[default]\nregion = x\n")
	f.Add("[profile a]\ncredential_process = old\n[profile b]\n")
	f.Add("[profile a]\r\n  Credential_process:old\r\n   more\r\n\r\n[profile b]")
	f.Add("")
	f.Add("[other]\r")
	f.Fuzz(func(t *testing.T, text string) {
		out := withKey(text, "[profile a]", processKey, "x")
		require.Contains(t, strings.ReplaceAll(out, "\r", ""), processKey+" = x\n")
		require.Equal(t, out, withKey(out, "[profile a]", processKey, "x"))
	})
}

// FuzzAssignment: an assignment names a variable that a process can have.
func FuzzAssignment(f *testing.F) {
	f.Add("env:A=token:x")
	f.Add("file:B")
	f.Add("env:=token")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseAssignment(text)
		if err == nil {
			require.NotEmpty(t, h.variable)
			require.False(t, strings.ContainsAny(h.variable, "=\x00"))
		}
	})
}

// TestShellWord: a word comes back as it was from a shell's reading.
func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"plain": "plain", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "a;b": "'a;b'",
	} {
		require.Equal(t, want, shellWord(word))
	}
}
