// What a command prints, and the credential that is made of it.
//
// Read on in group_unix.go.

package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/textfile"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/headers"
	"github.com/authsession/authsession/providers/internal/jwtexpiry"
)

// retryExpired is the time until the command is run again if its credential has expired by this
// machine's clock, but may be valid by the API's.
const retryExpired = 10 * time.Second

// output is what a command printed, in any of the formats.
type output struct {
	values map[string]string // by the name of the field
	cert   core.Secret       // the client certificate and its key, in PEM; zero: none
	expiry time.Time         // zero: unknown
	aws    bool              // whether it is an AWS document
}

// credential returns the credential of what the command printed.
func (p *provider) credential(ctx context.Context, printed []byte) (core.Credential, error) {
	a, err := parse(ctx, printed, p.cfg.Output)
	if err != nil {
		return core.Credential{}, err
	}
	if a.aws && len(p.cfg.Headers) == 0 {
		return core.Credential{}, core.Errorf(core.CodeBadConfig,
			"the command prints an AWS document: name the headers that carry its fields")
	}
	cred := core.Credential{Subject: p.cfg.Subject}
	cred.Attach.Cert = a.cert
	if cred.Attach.Header, err = fill(p.headers, a.values); err != nil {
		return core.Credential{}, err
	}
	if len(cred.Attach.Header) == 0 && a.cert.IsZero() {
		return core.Credential{}, core.Errorf(core.CodeBadConfig,
			"the command prints none of the fields that headers names")
	}
	if a.aws {
		document, _ := json.Marshal(a.values) // cannot fail, as the values are strings
		cred.RefreshState = core.NewSecret(string(document))
	}
	var ended bool
	if cred.Expiry, ended = jwtexpiry.Until(a.expiry); ended {
		return core.Credential{}, core.Errorf(core.CodeUnavailable,
			"the command prints a credential that expired at %s", a.expiry.UTC().Format(time.RFC3339))
	}
	switch {
	case cred.Expiry.After(a.expiry):
		cred.RenewAfter = time.Now().Add(retryExpired)
	case a.expiry.IsZero() && p.cfg.Lifetime > 0:
		cred.Expiry = time.Now().Add(p.cfg.Lifetime)
	}
	baseurl.Apply(&cred, p.cfg.BaseURL)
	return cred, nil
}

// parse parses what a command printed. Its errors contain nothing of it.
func parse(ctx context.Context, printed []byte, format Format) (output, error) {
	printed, err := textfile.Text(printed)
	if err != nil {
		return output{}, core.Errorf(core.CodeUnavailable, "what the command prints %w", err)
	}
	printed = bytes.TrimSpace(printed)
	if len(printed) == 0 {
		return output{}, core.Errorf(core.CodeUnavailable, "the command prints nothing")
	}
	if format == Auto {
		format = detectFormat(printed)
	}
	switch format {
	case ExecCredential:
		return parseExecCredential(ctx, printed)
	case AWS:
		return parseAWS(printed)
	case Token:
		token := string(printed)
		if err := headers.Token(token); err != nil {
			return output{}, core.Errorf(core.CodeUnavailable, "the token that the command prints %w", err)
		}
		return output{values: map[string]string{fieldToken: token}, expiry: jwtexpiry.Of(token)}, nil
	}
	return output{}, core.Errorf(core.CodeUnavailable,
		"the command prints JSON that is neither an ExecCredential nor an AWS document")
}

// detectFormat returns the format of what was printed; "" for JSON of another kind.
func detectFormat(printed []byte) Format {
	if printed[0] != '{' && printed[0] != '[' {
		return Token
	}
	var head struct {
		Kind    string          `json:"kind"`
		Version json.RawMessage `json:"Version"`
	}
	switch json.Unmarshal(printed, &head); {
	case head.Kind == "ExecCredential":
		return ExecCredential
	case head.Version != nil:
		return AWS
	}
	return ""
}

// parseExecCredential parses the document of
// https://kubernetes.io/docs/reference/config-api/client-authentication.v1/.
// v1beta1 has the same fields.
func parseExecCredential(ctx context.Context, printed []byte) (a output, err error) {
	var doc struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Status     *struct {
			Token  string     `json:"token"`
			Cert   string     `json:"clientCertificateData"`
			Key    string     `json:"clientKeyData"`
			Expiry *time.Time `json:"expirationTimestamp"`
		} `json:"status"`
	}
	if json.Unmarshal(printed, &doc) != nil {
		return a, core.Errorf(core.CodeUnavailable,
			"the ExecCredential that the command prints cannot be read")
	}
	const group = "client.authentication.k8s.io/"
	switch {
	case doc.Kind != "ExecCredential" || doc.APIVersion != group+"v1" &&
		doc.APIVersion != group+"v1beta1":
		return a, core.Errorf(core.CodeUnavailable,
			"the command does not print an ExecCredential of %sv1",
			group)
	case doc.Status == nil || doc.Status.Token == "" && doc.Status.Cert == "" && doc.Status.Key == "":
		return a, core.Errorf(core.CodeUnavailable,
			"the ExecCredential that the command prints holds no credential")
	case (doc.Status.Cert == "") != (doc.Status.Key == ""):
		return a, core.Errorf(core.CodeUnavailable,
			"the ExecCredential that the command prints has only one of certificate and key")
	}
	a.values = map[string]string{fieldToken: doc.Status.Token}
	if doc.Status.Token != "" {
		if err := headers.Token(doc.Status.Token); err != nil {
			return a, core.Errorf(core.CodeUnavailable, "the token that the command prints %w", err)
		}
		a.expiry = jwtexpiry.Of(doc.Status.Token)
	}
	if doc.Status.Expiry != nil {
		a.expiry = *doc.Status.Expiry
	}
	if doc.Status.Cert == "" {
		return a, nil
	}
	pair := certs.Config{Cert: core.NewSecret(doc.Status.Cert), Key: core.NewSecret(doc.Status.Key),
		NoPasswords: true}
	b, err := pair.Load(ctx, false)
	if err != nil {
		return output{}, core.Errorf(core.CodeUnavailable,
			"the ExecCredential that the command prints: %w",
			core.Cause(err))
	}
	a.cert = b.Cert
	if a.expiry.IsZero() || b.Leaf.NotAfter.Before(a.expiry) {
		a.expiry = b.Leaf.NotAfter
	}
	return a, nil
}

// parseAWS parses the document of
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html.
func parseAWS(printed []byte) (output, error) {
	var doc struct {
		Version         json.Number
		AccessKeyId     string
		SecretAccessKey string
		SessionToken    string
		Expiration      *time.Time
	}
	if json.Unmarshal(printed, &doc) != nil {
		return output{}, core.Errorf(core.CodeUnavailable,
			"the AWS document that the command prints cannot be read")
	}
	switch {
	case doc.Version != "1":
		return output{}, core.Errorf(core.CodeUnavailable,
			"the AWS document that the command prints is not of version 1")
	case doc.AccessKeyId == "" || doc.SecretAccessKey == "":
		return output{}, core.Errorf(core.CodeUnavailable,
			"the AWS document that the command prints lacks AccessKeyId or SecretAccessKey")
	}
	a := output{
		aws:    true,
		values: map[string]string{fieldKeyID: doc.AccessKeyId, fieldKey: doc.SecretAccessKey},
	}
	if doc.SessionToken != "" {
		a.values[fieldSession] = doc.SessionToken
	}
	for _, value := range a.values {
		if err := headers.Token(value); err != nil {
			return output{}, core.Errorf(core.CodeUnavailable,
				"a field of the AWS document that the command prints %w", err)
		}
	}
	if doc.Expiration != nil {
		a.expiry = *doc.Expiration
	}
	return a, nil
}
