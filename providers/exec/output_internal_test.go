package exec

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/internal/headers"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

func documentText(t testing.TB, doc object) string {
	t.Helper()
	text, err := json.MarshalIndent(doc, "", "  ")
	require.NoError(t, err)
	return string(text) + "\n"
}

func execCredential(t testing.TB, status object) string {
	t.Helper()
	return documentText(t,
		object{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
			"spec": object{}, "status": status})
}

func awsDocument(t testing.TB, more object) string {
	t.Helper()
	doc := object{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s/k+y"}
	for k, v := range more {
		doc[k] = v
	}
	return documentText(t, doc)
}

func (p *provider) made(t testing.TB, printed string) (core.Credential, error) {
	t.Helper()
	return p.cfg.credential(t.Context(), []byte(printed))
}

func newProvider(t testing.TB, cfg Config) *provider {
	t.Helper()
	cfg.Command = "get-token"
	p, err := New(cfg)
	require.NoError(t, err)
	return p.(*provider)
}

func revealed(c core.Credential) map[string]string {
	out := map[string]string{}
	for name, value := range c.Attach.Header {
		out[name] = value.Reveal()
	}
	return out
}

func TestHeaders(t *testing.T) {
	prefix, none := "Key ", ""
	aws := map[string]string{"X-Key": "{AccessKeyId}:{SecretAccessKey}",
		"X-Amz-Security-Token": "{SessionToken}"}
	for _, c := range []struct {
		name    string
		cfg     Config
		printed string
		want    map[string]string
	}{
		{"token", Config{}, "tok\n", map[string]string{"Authorization": "Bearer tok"}},
		{"token by name", Config{Output: Token}, "\r\ntok\r\n",
			map[string]string{"Authorization": "Bearer tok"}},
		{"header", Config{Header: "X-Token"}, "tok", map[string]string{"X-Token": "tok"}},
		{"prefix", Config{Prefix: &prefix}, "tok", map[string]string{"Authorization": "Key tok"}},
		{"no prefix", Config{Prefix: &none}, "tok", map[string]string{"Authorization": "tok"}},
		{"several", Config{Headers: map[string]string{"A": "{token}", "B": "b={token};"}}, "tok",
			map[string]string{"A": "tok", "B": "b=tok;"}},
		{"ExecCredential", Config{}, execCredential(t, object{"token": "tok"}),
			map[string]string{"Authorization": "Bearer tok"}},
		{"AWS", Config{Headers: aws}, awsDocument(t, object{"SessionToken": "sess"}),
			map[string]string{"X-Key": "AKID:s/k+y", "X-Amz-Security-Token": "sess"}},
		{"AWS without session", Config{Output: AWS, Headers: aws}, awsDocument(t, nil),
			map[string]string{"X-Key": "AKID:s/k+y"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cred, err := newProvider(t, c.cfg).made(t, c.printed)
			require.NoError(t, err)
			require.Equal(t, c.want, revealed(cred))
			require.Zero(t, cred.Expiry)
		})
	}
}

// The fields of an AWS document are there for a provider that signs.
func TestRenewalHoldsTheDocument(t *testing.T) {
	cred, err := newProvider(t, Config{Headers: map[string]string{"X": "{AccessKeyId}"}}).made(t,
		awsDocument(t, object{"SessionToken": "sess"}))
	require.NoError(t, err)
	require.JSONEq(t, `{"AccessKeyId": "AKID", "SecretAccessKey": "s/k+y", "SessionToken": "sess"}`,
		cred.RefreshState.Reveal())
}

func TestCertificate(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair := ca.Issue(t, certstest.Options{Name: "client"})
	other := ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(-time.Hour)})
	status := object{"clientCertificateData": string(pair.Cert), "clientKeyData": string(pair.Key)}
	cred, err := newProvider(t, Config{}).made(t, execCredential(t, status))
	require.NoError(t, err)
	require.Equal(t, string(pair.Cert)+string(pair.Key), cred.Attach.Cert.Reveal())
	require.Empty(t, cred.Attach.Header)
	require.True(t, pair.X509.NotAfter.Equal(cred.Expiry))

	status["token"], status["expirationTimestamp"] = "tok",
		time.Now().Add(time.Minute).Format(time.RFC3339)
	cred, err = newProvider(t, Config{}).made(t, execCredential(t, status))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Authorization": "Bearer tok"}, revealed(cred))
	require.False(t, cred.Attach.Cert.IsZero())
	require.WithinDuration(t, time.Now().Add(time.Minute), cred.Expiry, 5*time.Second)

	for want, key := range map[string]string{"do not belong together": string(other.Key),
		"holds no PEM": "hunter2", "only one of certificate and key": ""} {
		_, err = newProvider(t, Config{}).made(t,
			execCredential(t, object{"clientCertificateData": string(pair.Cert), "clientKeyData": key}))
		require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err = newProvider(t, Config{}).made(t,
		execCredential(t,
			object{"clientCertificateData": string(other.Cert), "clientKeyData": string(other.Key)}))
	require.ErrorContains(t, err, "expired at")
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
		jwt := func(d time.Duration) string {
			return "e30." +
				base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp": %d}`, now.Add(d).Unix())) +
				".c2ln"
		}
		aws := map[string]string{"X": "{AccessKeyId}"}
		for _, c := range []struct {
			name       string
			cfg        Config
			printed    string
			want       time.Duration // zero: none
			renewAfter time.Duration
			code       core.Code
		}{
			{"none", Config{}, "tok", 0, 0, 0},
			{"lifetime", Config{Lifetime: time.Hour}, "tok", time.Hour, 0, 0},
			{"JWT", Config{Lifetime: time.Hour}, jwt(time.Minute), time.Minute, 0, 0},
			{"ExecCredential", Config{},
				execCredential(t, object{"token": "tok", "expirationTimestamp": at(time.Minute)}), time.Minute,
				0, 0},
			{"its word before the JWT's", Config{},
				execCredential(t, object{"token": jwt(time.Hour), "expirationTimestamp": at(time.Minute)}),
				time.Minute, 0, 0},
			{"JWT in ExecCredential", Config{}, execCredential(t, object{"token": jwt(time.Hour)}),
				time.Hour, 0, 0},
			{"null", Config{}, execCredential(t, object{"token": "tok", "expirationTimestamp": nil}), 0, 0,
				0},
			{"AWS", Config{Headers: aws}, awsDocument(t, object{"Expiration": at(time.Minute)}), time.Minute,
				0, 0},
			{"just over", Config{Lifetime: time.Hour},
				execCredential(t, object{"token": "tok", "expirationTimestamp": at(-time.Minute)}),
				4 * time.Minute, 10 * time.Second, 0},
			{"JWT just over", Config{}, jwt(-time.Minute), 4 * time.Minute, 10 * time.Second, 0},
			{"long over", Config{},
				execCredential(t, object{"token": "tok", "expirationTimestamp": at(-time.Hour)}), 0, 0,
				core.CodeUnavailable},
		} {
			cred, err := newProvider(t, c.cfg).made(t, c.printed)
			require.Equal(t, c.code, core.CodeOf(err), c.name)
			requireAfter(t, c.name, now, c.want, cred.Expiry)
			requireAfter(t, c.name, now, c.renewAfter, cred.RenewAfter)
		}
	})
}

// requireAfter requires that at is d after now, or zero if d is zero.
func requireAfter(t *testing.T, name string, now time.Time, d time.Duration, at time.Time) {
	t.Helper()
	if d == 0 {
		require.Zero(t, at, name)
		return
	}
	require.True(t, now.Add(d).Equal(at), name)
}

func TestGarbage(t *testing.T) {
	aws := map[string]string{"X": "{AccessKeyId}"}
	for _, c := range []struct{ name, printed, want string }{
		{"nothing", " \n", "prints nothing"},
		{"two lines", "hunter2\nhunter2", "the token that the command prints has a control character"},
		{"quotes", `"hunter2"`, "the token that the command prints has quotes around it"},
		{"UTF-16", "\xff\xfeh\x00u\x00n\x00", "what the command prints is in UTF-16"},
		{"Latin-1", "hunter2\xfc", "what the command prints is not in UTF-8"},
		{"two words", "Token: hunter2", "the token that the command prints has a character"},
		{"HTML", "<html>hunter2 sign in</html>", "the token that the command prints has a character"},
		{"JSON of another kind", `{"access_token": "hunter2"}`,
			"neither an ExecCredential nor an AWS document"},
		{"a list", `["hunter2"]`, "neither"},
		{"JSON cut short", `{"kind": "ExecCredential", "hunter2`, "neither"},
		{"two documents", awsDocument(t, nil) + awsDocument(t, nil), "neither"},
		{"other version of the API", `{"kind": "ExecCredential", "apiVersion": "hunter2"}`,
			"does not print an ExecCredential of client.authentication.k8s.io/v1"},
		{"earlier version of the API", `{"kind": "ExecCredential", "apiVersion":
			"client.authentication.k8s.io/v1alpha1", "status": {"token": "hunter2"}}`, "; it prints v1alpha1"},
		{"no status", `{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"}`,
			"holds no credential"},
		{"empty status", execCredential(t, object{}), "holds no credential"},
		{"token of another type", execCredential(t, object{"token": 5}), "cannot be read"},
		{"time of another kind",
			execCredential(t, object{"token": "hunter2", "expirationTimestamp": "soon"}), "cannot be read"},
		{"control characters", execCredential(t, object{"token": "hunter2\r\nX: y"}),
			"has a control character"},
		{"AWS version 2", awsDocument(t, object{"Version": 2}), "is not of version 1"},
		{"AWS without key", awsDocument(t, object{"SecretAccessKey": ""}),
			"lacks AccessKeyId or SecretAccessKey"},
		{"AWS of other types", awsDocument(t, object{"AccessKeyId": 5}), "cannot be read"},
		{"AWS with control characters", awsDocument(t, object{"SecretAccessKey": "hunter2\n"}),
			"a field of the AWS document that the command prints ends in a line break"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newProvider(t, Config{Headers: aws}).made(t, c.printed)
			require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	for name, printed := range map[string]string{"execcredential": "tok", "aws": "tok"} {
		cfg := Config{Output: Format(name),
			Headers: map[string]string{"X": map[string]string{"execcredential": "{token}",
				"aws": "{AccessKeyId}"}[name]}}
		_, err := newProvider(t, cfg).made(t, printed)
		require.ErrorContains(t, err, "cannot be read")
	}
}

// TestWhatIsPrintedBesides proves that the error of an output that is neither a token nor one
// document says what is in it besides, or in its place, and repeats nothing of it.
func TestWhatIsPrintedBesides(t *testing.T) {
	document := execCredential(t, object{"token": "hunter2"})
	json := Config{Output: JSON, Token: "data.token"}
	for _, c := range []struct {
		name    string
		cfg     Config
		printed string
		want    string
	}{
		{"colours", Config{}, "\x1b[32mhunter2\x1b[0m\n", "; the output has colours of a terminal in it"},
		{"coloured document", Config{}, "\x1b[1m" + document, "; the output has colours of a terminal"},
		{"coloured members", json, "{\x1b[34m\"data\"\x1b[0m: 1}", "; the output has colours of a terminal"},
		{"progress", Config{}, "Fetching hunter2\n" + document, "; the output has text before its JSON"},
		{"progress of json", json, "hunter2...\n{\"data\":{}}", "; the output has text before its JSON"},
		{"progress of execcredential", Config{Output: ExecCredential}, "hunter2\n" + document,
			"; the output has text before its JSON"},
		{"text below", Config{}, document + "done hunter2\n", "; the output has text after its JSON"},
		{"two documents", Config{}, document + document, "; the output is more than one JSON document"},
		{"document of each line", json, "{}\n{}\n{}\n", "; the output is more than one JSON document"},
		{"dictionary of Python", Config{}, "{'token': 'hunter2'}", "; the output begins as JSON and is not"},
		{"cut short", Config{}, document[:len(document)/2], "; the output begins as JSON and is not JSON, or"},
		{"list", Config{}, `["hunter2"]`, "; the output is a list, not an object"},
		{"list for json", json, `[{"data":{"token":"hunter2"}}]`, "; the output is a list, not an object"},
		{"page", Config{}, "<!DOCTYPE html><html>hunter2 sign in</html>", "; the output is HTML or XML"},
		{"page for json", json, "<html>hunter2</html>", "; the output is HTML or XML"},
		{"message", Config{}, "Error: hunter2 is not signed in", "; the output has spaces in it, as a message"},
		{"password store", Config{}, "hunter2\nlogin: me\n", "; the output has more than one line"},
		{"YAML", Config{}, "kind: ExecCredential\nstatus: {token: hunter2}\n", "has more than one line"},
		{"error of a server", Config{}, `{"error": "hunter2"}`, "another that is known; it reports an error"},
		{"error of an API", Config{}, `{"errors": ["hunter2"]}`, "another that is known; it reports an error"},
		{"error for json", json, `{"error": {"message": "hunter2"}}`, "which token names; it reports an error"},
		{"name in capitals", json, `{"data": {"Token": "hunter2"}}`, `which token names, did you mean "Token"?`},
		{"name that is like it", json, `{"data": {"tokne": "hunter2"}}`, `did you mean "tokne"?`},
		{"null", json, `{"data": {"token": null}}`, "which token names; it is null or empty"},
		{"empty text", json, `{"data": {"token": ""}}`, "which token names; it is null or empty"},
		{"text null", json, `{"data": {"token": "null"}}`, `is "null", which programs print for a value`},
		{"null of jq", Config{}, "null\n", `is "null", which programs print for a value that is missing`},
		{"None of Python", Config{}, "None\n", `is "None", which programs print for a value`},
		{"undefined", Config{Header: "X-Key"}, "undefined", "print for a value that is missing"},
		{"null in an ExecCredential", Config{}, execCredential(t, object{"token": "null"}),
			"print for a value that is missing"},
		{"lifetime of 0", Config{Output: JSON, Token: "t", ExpiresIn: "e"}, `{"t": "hunter2", "e": 0}`,
			"its field e is not a number of seconds, above 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newProvider(t, c.cfg).made(t, c.printed)
			require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := newProvider(t, Config{}).made(t, `{"access_token": "hunter2"}`)
	require.ErrorContains(t, err, "another that is known: set output to json, and token to the field")
}

// What the settings do not fit is a matter of the settings.
func TestSettingsThatDoNotFit(t *testing.T) {
	_, err := newProvider(t, Config{}).made(t, awsDocument(t, nil))
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "name the headers that carry its fields")
	_, err = newProvider(t, Config{Headers: map[string]string{"X": "{token}"}}).made(t,
		awsDocument(t, nil))
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "none of the fields that headers names")
}

func FuzzExecCredential(f *testing.F) {
	pair := certstest.NewCA(f, "root").Issue(f, certstest.Options{})
	f.Add([]byte(execCredential(f,
		object{"token": "tok", "expirationTimestamp": "2030-01-02T03:04:05Z"})))
	f.Add([]byte(execCredential(f,
		object{"clientCertificateData": string(pair.Cert), "clientKeyData": string(pair.Key)})))
	f.Add([]byte(awsDocument(f, object{"SessionToken": "s", "Expiration": "2030-01-02T03:04:05Z"})))
	f.Add([]byte("tok\n"))
	f.Add([]byte(`{"kind": "ExecCredential", "status": {"token": "\u0000"}}`))
	f.Fuzz(func(t *testing.T, printed []byte) {
		p := newProvider(t,
			Config{Headers: map[string]string{"X-Token": "{token}",
				"X-Key": "{AccessKeyId} {SecretAccessKey} {SessionToken}"}})
		for _, format := range []Format{Auto, ExecCredential, AWS, Token} {
			p.cfg.Output = format
			cred, err := p.cfg.credential(t.Context(), printed)
			if err != nil {
				require.Contains(t, []core.Code{core.CodeUnavailable, core.CodeBadConfig}, core.CodeOf(err))
				continue
			}
			require.True(t, len(cred.Attach.Header) > 0 || !cred.Attach.Cert.IsZero())
			require.True(t, cred.Expiry.IsZero() || cred.Expiry.After(time.Now().Add(-time.Minute)))
			for _, value := range cred.Attach.Header {
				require.NoError(t, headers.Value(value.Reveal()))
			}
		}
	})
}
