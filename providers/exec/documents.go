// The documents that a command prints, and how each of them is recognised.
//
// Read on in output.go.

package exec

import (
	"context"
	"errors"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/headers"
)

// document is one kind of JSON document.
type document struct {
	format Format
	name   string // as errors name it
	// known reports whether a document has the marks of this kind.
	known func(members.Object) bool
	// read returns what is in a document. Its error has a code, or is a phrase that follows "the NAME
	// that the command prints". It contains nothing of the document.
	read func(context.Context, members.Object) (output, error)
}

// documents are the kinds, in the order in which they are looked for. Names of members are
// compared exactly, so that the version of one kind is not the Version of another.
var documents = []document{
	{ExecCredential, "ExecCredential", func(o members.Object) bool {
		return o.Text("kind") == "ExecCredential"
	}, readExecCredential},
	{GCP, "executable-sourced credential", func(o members.Object) bool {
		return o.Has("version") && o.Has("success")
	}, readGCP},
	{AWS, "AWS document", func(o members.Object) bool {
		return o.Has("Version") || o.Has(fieldKeyID) || o.Object("Credentials").Has(fieldKeyID)
	}, readAWS},
	{GCloud, "document of gcloud", func(o members.Object) bool {
		return o.Object("credential").Has("access_token")
	}, readGCloud},
	{Azure, "document of az", func(o members.Object) bool {
		hasTime := o.Has("expiresOn") || o.Has("expires_on")
		return o.Has("accessToken") && (hasTime || o.Has("tokenType")) || o.Has("token") && hasTime
	}, readAzure},
	{Docker, "document of the docker credential helper", func(o members.Object) bool {
		return o.Has("Username") && o.Has("Secret")
	}, readDocker},
}

// documentOf returns the kind with a format.
func documentOf(format Format) (document, bool) {
	i := slices.IndexFunc(documents, func(d document) bool { return d.format == format })
	if i < 0 {
		return document{}, false
	}
	return documents[i], true
}

// recognise returns the kind of a document; false if it is not a known one.
func recognise(o members.Object) (document, bool) {
	i := slices.IndexFunc(documents, func(d document) bool { return d.known(o) })
	if i < 0 {
		return document{}, false
	}
	return documents[i], true
}

// parse reads a document of the kind. object is nil if it is not a JSON object.
func (d document) parse(ctx context.Context, object members.Object) (output, error) {
	if object == nil {
		return output{}, core.Errorf(core.CodeUnavailable,
			"the %s that the command prints cannot be read: it is not a JSON object", d.name)
	}
	out, err := d.read(ctx, object)
	var coded *core.Error
	switch {
	case errors.As(err, &coded):
		return output{}, err
	case err != nil:
		return output{}, core.Errorf(core.CodeUnavailable,
			"the %s that the command prints %w", d.name, err)
	}
	return out, nil
}

// readExecCredential reads the document of
// https://kubernetes.io/docs/reference/config-api/client-authentication.v1/.
// v1beta1 has the same fields.
func readExecCredential(ctx context.Context, o members.Object) (output, error) {
	const group = "client.authentication.k8s.io/"
	status := o.Object("status")
	var token, cert, key string
	err := readTexts(status, "status.", map[string]*string{
		"token": &token, "clientCertificateData": &cert, "clientKeyData": &key,
	})
	version := o.Text("apiVersion")
	switch {
	case o.Text("kind") != "ExecCredential" || version != group+"v1" && version != group+"v1beta1":
		hint := ""
		if version == group+"v1alpha1" {
			hint = "; it prints v1alpha1, which Kubernetes has removed: update the program"
		}
		return output{}, core.Errorf(core.CodeUnavailable,
			"the command does not print an ExecCredential of %sv1%s", group, hint)
	case err != nil:
		return output{}, err
	case token == "" && cert == "" && key == "":
		return output{}, errors.New("holds no credential")
	case (cert == "") != (key == ""):
		return output{}, errors.New("has only one of certificate and key")
	}
	expiry, err := timeAt(status, "expirationTimestamp", "status.expirationTimestamp")
	if err != nil {
		return output{}, err
	}
	out := output{values: map[string]string{}, expiry: expiry}
	if token != "" {
		if out, err = tokenOutput(token, expiry); err != nil {
			return output{}, err
		}
	}
	if cert == "" {
		return out, nil
	}
	pair := certs.Config{Cert: core.NewSecret(cert), Key: core.NewSecret(key),
		NoPasswords: true}
	b, err := pair.Load(ctx, false)
	if err != nil {
		return output{}, core.Errorf(core.CodeUnavailable,
			"the ExecCredential that the command prints: %w", core.Cause(err))
	}
	out.cert = b.Cert
	if out.expiry.IsZero() || b.Leaf.NotAfter.Before(out.expiry) {
		out.expiry = b.Leaf.NotAfter
	}
	return out, nil
}

// readAWS reads the document of
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html,
// or that of "aws sts", which has the same fields in the member Credentials.
func readAWS(_ context.Context, o members.Object) (output, error) {
	if inner := o.Object("Credentials"); inner.Has(fieldKeyID) && !o.Has("Version") {
		o = inner
	} else if o.Number("Version") != "1" {
		return output{}, errors.New("is not of version 1")
	}
	var id, key, session string
	err := readTexts(o, "", map[string]*string{
		fieldKeyID: &id, fieldKey: &key, fieldSession: &session,
	})
	switch {
	case err != nil:
		return output{}, err
	case id == "" || key == "":
		return output{}, errors.New("lacks AccessKeyId or SecretAccessKey")
	}
	out := output{aws: true, values: map[string]string{fieldKeyID: id, fieldKey: key}}
	if session != "" {
		out.values[fieldSession] = session
	}
	for _, value := range out.values {
		if err := headers.Token(value); err != nil {
			return output{}, core.Errorf(core.CodeUnavailable,
				"a field of the AWS document that the command prints %w", err)
		}
	}
	out.expiry, err = timeAt(o, "Expiration", "Expiration")
	return out, err
}

// gcpTokens are the members with the token, by the last part of the type of the token.
var gcpTokens = map[string]string{
	"urn:ietf:params:oauth:token-type:id_token": "id_token",
	"urn:ietf:params:oauth:token-type:jwt":      "id_token",
	"urn:ietf:params:oauth:token-type:saml2":    "saml_response",
}

// readGCP reads the document of an executable-sourced credential of Google Cloud,
// https://google.aip.dev/auth/4117.
func readGCP(_ context.Context, o members.Object) (output, error) {
	if o.Number("version") != "1" {
		return output{}, errors.New("is not of version 1")
	}
	if !o.Bool("success") {
		code := core.CodeUnavailable
		if status := o.Number("code"); status == "401" || status == "403" {
			code = core.CodeDenied
		}
		return output{}, core.Errorf(code,
			"the command prints that it has no credential (success is false)")
	}
	kind, err := textAt(o, "token_type", "token_type")
	if err != nil {
		return output{}, err
	}
	name, ok := gcpTokens[kind]
	if !ok {
		return output{}, errors.New("has a token_type that is neither id_token, jwt nor saml2")
	}
	return tokenFrom(o, name, name, "expiration_time", "expiration_time")
}

// readGCloud reads what "gcloud config config-helper --format=json" prints.
func readGCloud(_ context.Context, o members.Object) (output, error) {
	return tokenFrom(o.Object("credential"), "access_token", "credential.access_token",
		"token_expiry", "credential.token_expiry")
}

// readAzure reads what "az account get-access-token" or "azd auth token" prints. expiresOn of az is
// a local time without a zone, so that expires_on comes first.
func readAzure(_ context.Context, o members.Object) (output, error) {
	token, at := "accessToken", "expires_on"
	if !o.Has(token) {
		token = "token"
	}
	if !o.Has(at) {
		at = "expiresOn"
	}
	return tokenFrom(o, token, token, at, at)
}
