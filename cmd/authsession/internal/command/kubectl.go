package command

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
)

func (a *app) helperKubectlCommand() *cobra.Command {
	var interactive bool
	cmd := &cobra.Command{
		Use:   "kubectl NAME",
		Short: "Print an ExecCredential for kubectl and other Kubernetes clients",
		Long: `helper kubectl prints an ExecCredential (client.authentication.k8s.io) with the bearer
token or the client certificate of a session, in the version that the client wants. It
is valid for a minute at least, if the session's credentials live that long.

A client does not say that a server refused the token: it runs the helper again. So a
second call by the same process, for the same cluster, while it was given this same
token, counts as a refusal: the token is renewed.

Nobody is asked to sign in unless --interactive is given and the client allows it
(interactiveMode in its configuration).`,
		Example: `  authsession setup kubectl cluster --write
  authsession helper kubectl cluster`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.helpKubectl(cmd.Context(), args[0], interactive)
		},
	}
	cmd.Flags().BoolVar(&interactive, "interactive", false,
		"sign in if that is needed and the client allows it")
	return cmd
}

// execInfo is what a Kubernetes client says in KUBERNETES_EXEC_INFO.
type execInfo struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		Interactive bool `json:"interactive"`
		Cluster     struct {
			Server string `json:"server"`
		} `json:"cluster"`
	} `json:"spec"`
}

const (
	execInfoVariable = "KUBERNETES_EXEC_INFO"
	execVersion      = "client.authentication.k8s.io/v1"
	execVersionBeta  = "client.authentication.k8s.io/v1beta1"
)

// parseExecInfo reads KUBERNETES_EXEC_INFO. Without it, as by hand, it is that of a
// client that wants version 1 and asks nobody.
func parseExecInfo(text string) (execInfo, error) {
	info := execInfo{APIVersion: execVersion, Kind: "ExecCredential"}
	if text == "" {
		return info, nil
	}
	info = execInfo{}
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return info, wrong("%s is not JSON, as a Kubernetes client writes it", execInfoVariable)
	}
	if info.APIVersion != execVersion && info.APIVersion != execVersionBeta {
		return info, wrong("%s wants the version %q: set apiVersion to %s in the kubeconfig",
			execInfoVariable, printable(info.APIVersion), execVersion)
	}
	return info, nil
}

// execCredential is the answer.
type execCredential struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Status     execStatus `json:"status"`
}

type execStatus struct {
	Expires     string `json:"expirationTimestamp,omitempty"`
	Token       string `json:"token,omitempty"`
	Certificate string `json:"clientCertificateData,omitempty"`
	Key         string `json:"clientKeyData,omitempty"`
}

// newExecCredential makes the answer of a credential.
func newExecCredential(name, version string, c core.Credential) (execCredential, error) {
	out := execCredential{APIVersion: version, Kind: "ExecCredential"}
	if !c.Expiry.IsZero() {
		out.Status.Expires = c.Expiry.UTC().Format(time.RFC3339)
	}
	var err error
	if !c.Attach.Cert.IsZero() {
		out.Status.Certificate, out.Status.Key, err = splitPEM(name, c.Attach.Cert)
	}
	token, ok := c.Token()
	if ok {
		out.Status.Token = token.Reveal()
	}
	switch others := len(c.Attach.Header) + len(c.Attach.Query) + len(c.Attach.Cookie); {
	case err != nil:
		return execCredential{}, err
	case ok && others != 1, !ok && others != 0, !ok && c.Attach.Cert.IsZero():
		return execCredential{}, thenOf(name, core.Errorf(core.CodeBadConfig,
			"session %q has neither a bearer token "+
				"nor a client certificate alone, and kubectl takes nothing else", name),
			"config", "explain", name)
	}
	return out, nil
}

// splitPEM parts the chain from the key.
func splitPEM(name string, text core.Secret) (chain, key string, err error) {
	var certificates, keys bytes.Buffer
	for rest := []byte(text.Reveal()); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			_ = pem.Encode(&certificates, block) // a buffer takes everything
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			_ = pem.Encode(&keys, block)
		}
	}
	if keys.Len() == 0 || certificates.Len() == 0 {
		return "", "", thenOf(name, core.Errorf(core.CodeBadConfig,
			"the key of the client certificate of session %q "+
				"stays with its provider, and kubectl needs it", name), "help", "request")
	}
	return certificates.String(), keys.String(), nil
}

func (a *app) helpKubectl(ctx context.Context, name string, interactive bool) error {
	info, err := parseExecInfo(os.Getenv(execInfoVariable))
	if err != nil {
		return err
	}
	h, err := a.helped(ctx, name)
	if err != nil {
		return err
	}
	h.ask = interactive && info.Spec.Interactive && !a.flags.noInput
	n := need{minimum: defaultMinimum}
	c, err := h.obtain(ctx, n)
	if err != nil {
		return err
	}
	defer func() { h.close(ctx, c) }()
	given := a.givenTo(name, info.Spec.Cluster.Server)
	if token, ok := c.Token(); ok && given.holds(token) {
		if err := h.reject(ctx, token); err != nil {
			return err
		}
		if c, err = h.obtain(ctx, n); err != nil {
			return err
		}
	}
	answer, err := newExecCredential(name, info.APIVersion, c)
	if err != nil {
		return err
	}
	if err := writeJSONLine(a.stdout, answer); err != nil {
		return err
	}
	if token, ok := c.Token(); ok {
		given.save(token)
	}
	return nil
}
