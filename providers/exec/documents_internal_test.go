package exec

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

// later is a time that the documents of the tests name.
var later = time.Date(2099, 1, 2, 15, 4, 5, 0, time.UTC)

const laterText = "2099-01-02T15:04:05Z"

func basic(login string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(login))
}

// sample is a document, and what is made of it with the default settings.
type sample struct {
	name, printed string
	want          string // Authorization
	noExpiry      bool
}

func samples(t testing.TB) []sample {
	unix := later.Unix()
	return []sample{
		{"az", documentText(t, object{"accessToken": "tok", "tokenType": "Bearer", "tenant": "t",
			"subscription": "s", "expires_on": unix, "expiresOn": "2099-01-02 16:04:05.000000"}),
			"Bearer tok", false},
		{"az, expires_on in a text", documentText(t, object{"accessToken": "tok", "tokenType": "Bearer",
			"expires_on": fmt.Sprint(unix)}), "Bearer tok", false},
		{"az, time with a zone", documentText(t, object{"accessToken": "tok", "expiresOn": laterText}),
			"Bearer tok", false},
		{"azd", documentText(t, object{"token": "tok", "expiresOn": laterText}), "Bearer tok", false},
		{"gcloud", documentText(t, object{"configuration": object{"active_configuration": "default"},
			"credential": object{"access_token": "tok", "id_token": "x", "token_expiry": laterText}}),
			"Bearer tok", false},
		{"GCP, id_token", documentText(t, object{"version": 1, "success": true, "id_token": "tok",
			"token_type": "urn:ietf:params:oauth:token-type:id_token", "expiration_time": unix}),
			"Bearer tok", false},
		{"GCP, jwt", documentText(t, object{"version": 1, "success": true, "id_token": "tok",
			"token_type": "urn:ietf:params:oauth:token-type:jwt"}), "Bearer tok", true},
		{"GCP, saml2", documentText(t, object{"version": 1, "success": true, "saml_response": "dG9r",
			"token_type": "urn:ietf:params:oauth:token-type:saml2", "expiration_time": unix}),
			"Bearer dG9r", false},
		{"docker", documentText(t, object{"ServerURL": "https://index.docker.io/v1/", "Username": "u",
			"Secret": "p w:ü"}), basic("u:p w:ü"), true},
		{"docker, token", documentText(t, object{"ServerURL": "https://r.example.com",
			"Username": "<token>", "Secret": "tok"}), "Bearer tok", true},
		{"git", "protocol=https\nhost=git.example.com\nusername=u\npassword=p=w\n", basic("u:p=w"), true},
		{"git with an expiry", "capability[]=authtype\r\nusername=u\r\npassword=p\r\n" +
			fmt.Sprintf("password_expiry_utc=%d\r\noauth_refresh_token=r\r\n\r\n", unix),
			basic("u:p"), false},
		{"git, authtype", "authtype=Bearer\ncredential=tok\nusername=u\n", "Bearer tok", true},
		{"git, password alone", "password=tok\n", "Bearer tok", true},
		{"ExecCredential", execCredential(t, object{"token": "tok", "expirationTimestamp": laterText}),
			"Bearer tok", false},
		{"ExecCredential, zone without a colon", execCredential(t, object{"token": "tok",
			"expirationTimestamp": "2099-01-02T15:04:05+0000"}), "Bearer tok", false},
		{"ExecCredential, no time", execCredential(t, object{"token": "tok", "expirationTimestamp": ""}),
			"Bearer tok", true},
		{"token", "tok\n", "Bearer tok", true},
	}
}

func TestDocuments(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			cred, err := newProvider(t, Config{}).made(t, s.printed)
			require.NoError(t, err)
			require.Equal(t, map[string]string{"Authorization": s.want}, revealed(cred))
			if s.noExpiry {
				require.Zero(t, cred.Expiry)
			} else {
				require.True(t, later.Equal(cred.Expiry), "%v", cred.Expiry)
			}
		})
	}
}

// TestDocumentsInOtherHeaders checks that settings of a header win over HTTP Basic.
func TestDocumentsInOtherHeaders(t *testing.T) {
	prefix := "token "
	git := "username=u\npassword=p\n"
	for _, c := range []struct {
		cfg     Config
		printed string
		want    map[string]string
	}{
		{Config{Prefix: &prefix}, git, map[string]string{"Authorization": "token p"}},
		{Config{Header: "Private-Token"}, git, map[string]string{"Private-Token": "p"}},
		{Config{Output: Git, Headers: map[string]string{"X-Login": "{username}/{password}"}}, git,
			map[string]string{"X-Login": "u/p"}},
		{Config{Output: Docker, Headers: map[string]string{"X-Login": "{Username}/{Secret}"}},
			`{"Username":"u","Secret":"p"}`, map[string]string{"X-Login": "u/p"}},
	} {
		cred, err := newProvider(t, c.cfg).made(t, c.printed)
		require.NoError(t, err)
		require.Equal(t, c.want, revealed(cred))
	}
}

// TestAWSTimes checks the times of terraform-provider-aws#43451 and others like them.
func TestAWSTimes(t *testing.T) {
	aws := Config{Headers: map[string]string{"X": "{AccessKeyId}"}}
	for at, want := range map[any]time.Time{
		"": {}, laterText: later, "2099-01-02T15:04:05+0000": later, "2099-01-02T15:04:05UTC": later,
		"2099-01-02 15:04:05 UTC": later, "2099-01-02t15:04:05z": later, later.Unix(): later,
		later.UnixMilli(): later, fmt.Sprint(later.Unix()): later, "2099-01-02T15:04:05.000Z": later,
	} {
		cred, err := newProvider(t, aws).made(t, awsDocument(t, object{"Expiration": at}))
		require.NoError(t, err, at)
		require.True(t, want.Equal(cred.Expiry), "%v is read as %v", at, cred.Expiry)
	}
	for _, at := range []any{
		"2099-01-02 15:04:05", "2099-01-02", 3600, true, "hunter2", "02/01/2099",
	} {
		_, err := newProvider(t, aws).made(t, awsDocument(t, object{"Expiration": at}))
		require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
		require.ErrorContains(t, err,
			"the AWS document that the command prints cannot be read: its field Expiration is ")
		require.ErrorContains(t, err, "want RFC 3339")
		require.NotContains(t, err.Error(), "hunter2")
	}
	cred, err := newProvider(t, aws).made(t, documentText(t, object{"AssumedRoleUser": object{},
		"Credentials": object{"AccessKeyId": "AKID", "SecretAccessKey": "k", "SessionToken": "s",
			"Expiration": laterText}}))
	require.NoError(t, err, "the document of aws sts assume-role")
	require.True(t, later.Equal(cred.Expiry))
	require.Contains(t, cred.RefreshState.Reveal(), `"SessionToken":"s"`)
}

// TestDocumentFaults checks that an error names the document and the field.
func TestDocumentFaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		printed string
		want    string
		code    core.Code
	}{
		{"GCP is not AWS", `{"version":1,"success":true,"hunter2":"x"}`,
			"the executable-sourced credential that the command prints has a token_type", 0},
		{"GCP, version 2", `{"version":2,"success":true}`, "is not of version 1", 0},
		{"GCP, failed", `{"version":1,"success":false,"code":"500","message":"hunter2"}`,
			"it has no credential (success is false)", 0},
		{"GCP, refused", `{"version":1,"success":false,"code":"401","message":"hunter2"}`,
			"it has no credential (success is false)", core.CodeDenied},
		{"GCP, no token", `{"version":1,"success":true,
			"token_type":"urn:ietf:params:oauth:token-type:saml2","id_token":"hunter2"}`,
			"has no field saml_response", 0},
		{"az, local time", `{"accessToken":"hunter2","expiresOn":"2099-01-02 15:04:05.000000"}`,
			"the document of az that the command prints cannot be read: " +
				"its field expiresOn is a time without a zone", 0},
		{"az, number for a token", `{"accessToken":5,"tokenType":"Bearer"}`,
			"its field accessToken is not a text", 0},
		{"gcloud", `{"credential":{"access_token":"hunter2","token_expiry":"hunter2"}}`,
			"its field credential.token_expiry is not a time", 0},
		{"docker, colon", `{"Username":"a:b","Secret":"hunter2"}`, "has a colon in its name", 0},
		{"docker, line break", `{"Username":"a","Secret":"hunter2\n"}`, "has a control character", 0},
		{"docker, no secret", `{"Username":"hunter2","Secret":""}`, "has no field Secret", 0},
		{"docker, two words in a token", `{"Username":"<token>","Secret":"hunter2 x"}`,
			"the token that the command prints has a character", 0},
		{"git, quit", "quit=true\n", "has no password for what input names", 0},
		{"git, time", "username=u\npassword=hunter2\npassword_expiry_utc=3600\n",
			"its field password_expiry_utc is a number that is too small", 0},
		{"git, scheme", "authtype=a b\ncredential=hunter2\n", "has an authtype that is not", 0},
		{"git, other lines", "username=u\nhunter2\npassword=x\n", "the token that the command prints", 0},
		{"ExecCredential", execCredential(t, object{"token": "hunter2",
			"expirationTimestamp": "2099-01-02 15:04:05"}),
			"its field status.expirationTimestamp is a time without a zone", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newProvider(t, Config{}).made(t, c.printed)
			want := c.code
			if want == 0 {
				want = core.CodeUnavailable
			}
			require.Equal(t, want, core.CodeOf(err))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestJSON(t *testing.T) {
	cfg := Config{Output: JSON, Token: "data.token", Expiry: "data.until", ExpiresIn: "data.lifetime"}
	at := later.Format(time.RFC1123)
	for _, c := range []struct {
		name, printed, want string
		expiry              bool
	}{
		{"both", `{"data":{"token":"tok","until":"` + laterText + `"}}`, "", true},
		{"token alone", `{"data":{"token":"tok"}}`, "", false},
		{"a name with a dot", fmt.Sprintf(`{"data.token":"tok","data.until":%d}`, later.Unix()), "",
			true},
		{"no time", `{"data":{"token":"tok","until":null}}`, "", false},
		{"zone by name", `{"data":{"token":"tok","until":"` + at + `"}}`, "", true},
		{"no token", `{"data":{"tokn":"hunter2"}}`, "has no field data.token", false},
		{"another type", `{"data":{"token":["hunter2"]}}`, "its field data.token is not a text", false},
		{"no zone", `{"data":{"token":"hunter2","until":"2099-01-02T15:04:05"}}`,
			"its field data.until is a time without a zone", false},
		{"no lifetime", `{"data":{"token":"hunter2","lifetime":"soon"}}`,
			"its field data.lifetime is not a number of seconds", false},
		{"no JSON", `hunter2`, "the command does not print a JSON object", false},
		{"a list", `["hunter2"]`, "the command does not print a JSON object", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cred, err := newProvider(t, cfg).made(t, c.printed)
			if c.want != "" {
				require.Equal(t, core.CodeUnavailable, core.CodeOf(err))
				require.ErrorContains(t, err, c.want)
				require.NotContains(t, err.Error(), "hunter2")
				return
			}
			require.NoError(t, err)
			require.Equal(t, "Bearer tok", revealed(cred)["Authorization"])
			require.Equal(t, c.expiry, later.Equal(cred.Expiry), "%v", cred.Expiry)
		})
	}
	cred, err := newProvider(t, cfg).made(t, `{"data":{"token":"tok","lifetime":"600"}}`)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(10*time.Minute), cred.Expiry, time.Minute)
	cred, err = newProvider(t, Config{Output: JSON, Token: "items.1.token"}).made(t,
		`{"items":[{"token":"a"},{"token":"b"}]}`)
	require.NoError(t, err)
	require.Equal(t, "Bearer b", revealed(cred)["Authorization"])
}

// mutations is how many variants of each document are read.
const mutations = 1000

// TestMutatedDocuments reads damaged documents: no error repeats a secret of the document.
func TestMutatedDocuments(t *testing.T) {
	const secret = "hunter2-s3cret-0123456789"
	pair := certstest.NewCA(t, "root").Issue(t, certstest.Options{})
	printed := []string{
		execCredential(t, object{"token": secret, "expirationTimestamp": laterText}),
		execCredential(t, object{"clientCertificateData": string(pair.Cert),
			"clientKeyData": string(pair.Key), "expirationTimestamp": secret}),
		awsDocument(t, object{"SecretAccessKey": secret, "SessionToken": secret,
			"Expiration": laterText}),
		documentText(t, object{"version": 1, "success": false, "code": "401", "message": secret}),
	}
	for _, s := range samples(t) {
		printed = append(printed, replaceToken(s.printed, secret))
	}
	random := rand.New(rand.NewPCG(1, 2))
	configs := []Config{
		{}, {Headers: map[string]string{"X": "{AccessKeyId}{SecretAccessKey}"}},
		{Output: JSON, Token: "status.token", Expiry: "status.expirationTimestamp"},
		{Output: JSON, Token: "accessToken", ExpiresIn: "expires_on"},
	}
	for _, text := range printed {
		for range mutations {
			changed := mutate(random, []byte(text))
			p := newProvider(t, configs[random.IntN(len(configs))])
			began := time.Now()
			_, err := p.cfg.credential(t.Context(), changed)
			require.Less(t, time.Since(began), 20*time.Second, "%q", changed)
			if err != nil {
				require.NotContains(t, err.Error(), secret[:8], "%q", changed)
				require.NotContains(t, err.Error(), "PRIVATE", "%q", changed)
			}
		}
	}
}

// replaceToken puts a secret in the place of the token of a sample.
func replaceToken(text, secret string) string {
	var doc map[string]any
	if json.Unmarshal([]byte(text), &doc) != nil {
		return text + "password=" + secret + "\n"
	}
	var replace func(map[string]any)
	replace = func(in map[string]any) {
		for name, value := range in {
			switch value := value.(type) {
			case map[string]any:
				replace(value)
			case string:
				if value == "tok" || value == "dG9r" || name == "Secret" {
					in[name] = secret
				}
			}
		}
	}
	replace(doc)
	out, _ := json.Marshal(doc)
	return string(out)
}

// mutate changes a text at some places: bytes, parts that are removed, repeated or exchanged, and
// values of other types.
func mutate(random *rand.Rand, text []byte) []byte {
	text = slices.Clone(text)
	for range 1 + random.IntN(3) {
		if len(text) == 0 {
			return text
		}
		from := random.IntN(len(text))
		to := min(len(text), from+1+random.IntN(30))
		switch random.IntN(6) {
		case 0:
			text[from] = byte(random.IntN(256))
		case 1:
			text = slices.Delete(text, from, to)
		case 2:
			text = slices.Insert(text, from, text[from:to]...)
		case 3:
			text = text[:from]
		case 4:
			values := []string{`null`, `[]`, `{}`, `-1`, `1e999`, `"\u0000"`, `true`, "\n", "=", `"`}
			text = slices.Insert(text, from, []byte(values[random.IntN(len(values))])...)
		case 5:
			other := random.IntN(len(text))
			text[from], text[other] = text[other], text[from]
		}
	}
	return text
}

func FuzzDocuments(f *testing.F) {
	for _, s := range samples(f) {
		f.Add([]byte(s.printed))
	}
	f.Add([]byte(awsDocument(f, object{"Expiration": laterText})))
	f.Fuzz(func(t *testing.T, printed []byte) {
		for _, d := range append([]Format{Auto, JSON}, Azure, GCloud, GCP, Docker, Git) {
			cfg := Config{Output: d}
			if d == JSON {
				cfg.Token, cfg.Expiry = "a.b", "c"
			}
			cred, err := newProvider(t, cfg).made(t, string(printed))
			if err == nil {
				require.NotEmpty(t, cred.Attach.Header)
			}
		}
	})
}
