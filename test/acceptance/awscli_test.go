//go:build acceptance

package acceptance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stsServer is a Security Token Service. It exchanges good tokens for keys, and
// says whose keys signed a request.
func stsServer(t *testing.T, i *issuer) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		token := r.FormValue("WebIdentityToken")
		switch action := r.FormValue("Action"); {
		case action == "AssumeRoleWithWebIdentity" && i.good(token):
			fmt.Fprintf(
				w,
				`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
					`<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA-%s</AccessKeyId>`+
					`<SecretAccessKey>secret</SecretAccessKey><SessionToken>st</SessionToken><Expiration>%s</Expiration>`+
					`</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
				token,
				inAnHour(),
			)
		case action == "GetCallerIdentity" && r.Header.Get("X-Amz-Security-Token") == "st":
			_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
			key, _, _ = strings.Cut(key, "/")
			fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
				`<GetCallerIdentityResult><Arn>arn:aws:sts::1:%s</Arn><UserId>u</UserId><Account>1</Account>`+
				`</GetCallerIdentityResult></GetCallerIdentityResponse>`, key)
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(
				w,
				`<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`,
			)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestAWS: the AWS CLI runs the helper that setup wrote, once for each command, and
// signs with the keys.
func TestAWS(t *testing.T) {
	i := newIssuer(t)
	sts := stsServer(t, i)
	h := newHome(t, i, "store: {kind: file, path: HOME/store, key_file: HOME/key}\nsessions:\n  work:"+
		oauthSession+"    origins: ["+sts+"]\n  keys:\n    provider: exec\n    origins: [https://aws.example.com]\n"+
		"    settings: {command: HOME/keys.sh, output: aws, headers: {X-Key: \"{AccessKeyId}\"}}\n")
	h.must(
		"authsession",
		"setup",
		"aws",
		"work",
		"--role-arn",
		"arn:aws:iam::1:role/dev",
		"--sts-url",
		sts,
		"--write",
	)
	require.Contains(t, h.must("authsession", "setup", "aws", "work", "--role-arn", "arn:aws:iam::1:role/dev",
		"--sts-url", sts, "--write"), "nothing to change")
	who := func(profile string) string {
		return h.must("aws", "sts", "get-caller-identity", "--profile", profile, "--region", "us-east-1",
			"--endpoint-url", sts, "--query", "Arn", "--output", "text")
	}
	require.Equal(t, "arn:aws:sts::1:ASIA-token-1\n", who("work"))
	require.Equal(t, "arn:aws:sts::1:ASIA-token-1\n", who("work"))
	require.Equal(t, 1, i.count())

	// Keys that a command prints: it runs once for two commands.
	script := fmt.Sprintf(
		"#!/bin/sh\necho run >>%s/runs\necho '%s'\n",
		h.dir,
		`{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"s","SessionToken":"st","Expiration":"`+inAnHour()+`"}`,
	)
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "keys.sh"), []byte(script), 0o700))
	h.must("authsession", "setup", "aws", "keys", "--write")
	require.Equal(t, "arn:aws:sts::1:AKID\n", who("keys"))
	require.Equal(t, "arn:aws:sts::1:AKID\n", who("keys"))
	require.Equal(t, "run\n", h.must("cat", "runs"))
}
