package mtls_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/mtls"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

type object = map[string]any

// pairFiles are the two files of a client.
type pairFiles struct{ cert, key string }

func newFiles(t *testing.T, p certstest.Pair) pairFiles {
	t.Helper()
	dir := t.TempDir()
	f := pairFiles{filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")}
	write(t, f.cert, p.Cert)
	write(t, f.key, p.Key)
	return f
}

func (f pairFiles) settings() object { return object{"cert_file": f.cert, "key_file": f.key} }

func write(t *testing.T, path string, parts ...[]byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, bytes.Join(parts, nil), 0o600))
}

func TestConformance(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair := ca.Issue(t, certstest.Options{Name: "client"})
	files := newFiles(t, pair)
	t.Run("files", func(t *testing.T) {
		providertest.Run(t, providertest.Fixture{
			Factory:  mtls.Factory,
			Settings: func(providertest.Server) map[string]any { return files.settings() },
			Secrets:  []string{string(pair.Key)},
		})
	})
	t.Run("PKCS #12", func(t *testing.T) {
		providertest.Run(t, providertest.Fixture{
			Factory: mtls.Factory,
			Settings: func(s providertest.Server) map[string]any {
				p12, err := pkcs12.Modern.WithIterations(1).Encode(pair.Signer, pair.X509, nil, s.Secret)
				require.NoError(t, err)
				return object{"p12": base64.StdEncoding.EncodeToString(p12), "p12_password": s.Secret,
					"ca": string(ca.PEM)}
			},
		})
	})
}

// TestCertificateSettings checks that the settings of a certificate have the names that they have
// in oauth2.
func TestCertificateSettings(t *testing.T) {
	ours, theirs := reflect.TypeFor[mtls.Config](), reflect.TypeFor[oauth2.Certificates]()
	for i := range theirs.NumField() {
		want := theirs.Field(i)
		if want.Name == "Renegotiation" { // for the API, it is a key of the session's tls
			continue
		}
		got, ok := ours.FieldByName(want.Name)
		require.True(t, ok, want.Name)
		require.Equal(t, want.Type, got.Type)
		require.Equal(t, want.Tag.Get("json"), got.Tag.Get("json"))
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings object
		want     string
	}{
		{"nothing", object{}, "cert_file: missing: give cert_file, cert, p12_file or p12"},
		{"roots alone", object{"ca_file": "f"}, "cert_file: missing"},
		{"key alone", object{"key_file": "f"}, "cert: a key is given without a certificate"},
		{"cert twice", object{"cert_file": "f", "cert": "x"}, "cert: give either cert or cert_file"},
		{"inline garbage", object{"cert": "hunter2", "key": "hunter2"},
			"cert: holds no PEM; key: holds no PEM"},
		{"too often", object{"cert_file": "f", "interval": "10ms"}, "interval: want at least 1s"},
		{"base URL", object{"cert_file": "f", "base_url": "x"}, "base_url: want the address"},
		{"misspelt", object{"cert_fil": "f"}, `cert_fil: unknown key, did you mean "cert_file"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := mtls.Factory.Check("", c.settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := mtls.New(mtls.Config{})
	require.EqualError(t, err, "bad config: cert_file: missing: give cert_file, cert, p12_file or p12")
}

func TestCredential(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair := ca.Issue(t, certstest.Options{Name: "client", URI: "spiffe://example.org/desk"})
	plain := ca.Issue(t, certstest.Options{Name: "client"})
	nameless := ca.Issue(t, certstest.Options{})
	for _, c := range []struct {
		name, subject string
		pair          certstest.Pair
		want          string
	}{
		{"SPIFFE id", "", pair, "spiffe://example.org/desk"},
		{"common name", "", plain, "client"},
		{"DNS name", "", nameless, "localhost"},
		{"line break in the name", "", ca.Issue(t, certstest.Options{Name: "desk\n1"}), "desk1"},
		{"soft hyphen", "", ca.Issue(t, certstest.Options{Name: "de\u00adsk"}), "desk"},
		{"direction of writing", "", ca.Issue(t, certstest.Options{Name: "de\u202esk"}), "desk"},
		{"colours", "", ca.Issue(t, certstest.Options{Name: "\x1b[1mdesk"}), "[1mdesk"},
		{"letters", "", ca.Issue(t, certstest.Options{Name: "Zoë, デスク"}), "Zoë, デスク"},
		{"long name", "", ca.Issue(t, certstest.Options{Name: strings.Repeat("a", 5000)}),
			strings.Repeat("a", 200) + "…"},
		{"setting", "desk", pair, "desk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := mtls.New(mtls.Config{Cert: core.NewSecret(string(c.pair.Cert)),
				Key: core.NewSecret(string(c.pair.Key)), CA: core.NewSecret(string(ca.PEM)),
				Subject: c.subject})
			require.NoError(t, err)
			cred, err := p.Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Equal(t, c.want, cred.Subject)
			require.NoError(t, core.New("trades", p, nil).Init(t.Context()))
			require.Equal(t, string(c.pair.Cert)+string(c.pair.Key), cred.Attach.Cert.Reveal())
			require.Equal(t, string(ca.PEM), cred.Attach.Roots)
			require.True(t, c.pair.X509.NotAfter.Equal(cred.Expiry))
			require.Zero(t, cred.RenewAfter, "text in the settings does not change")
		})
	}
}

func TestFilesThatDidNotChange(t *testing.T) {
	files := newFiles(t, certstest.NewCA(t, "root").Issue(t, certstest.Options{}))
	p, err := mtls.Factory.Open(t.Context(), "", files.settings())
	require.NoError(t, err)
	first, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(10*time.Second), first.RenewAfter, 5*time.Second)
	again, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: first})
	require.NoError(t, err)
	require.True(t, first.Attach.Cert.Equal(again.Attach.Cert))
}

func TestBadFiles(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair, other := ca.Issue(t, certstest.Options{}), ca.Issue(t, certstest.Options{})
	past := ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(-time.Second)})
	future := ca.Issue(t, certstest.Options{NotBefore: time.Now().Add(time.Hour)})
	for _, c := range []struct {
		name           string
		cert, key      []byte
		want           string
		first, renewal core.Code
	}{
		{"torn", pair.Cert, other.Key, "do not belong together", core.CodeBadConfig, core.CodeUnavailable},
		{"cut short", pair.Cert[:200], pair.Key, "damaged or cut short", core.CodeBadConfig,
			core.CodeUnavailable},
		{"empty key", pair.Cert, nil, "is empty", core.CodeBadConfig, core.CodeUnavailable},
		{"expired", past.Cert, past.Key, "expired at", core.CodeBadConfig, core.CodeBadConfig},
		{"not yet valid", future.Cert, future.Key, "is not valid before", core.CodeBadConfig, core.CodeBadConfig},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := newFiles(t, certstest.Pair{Cert: c.cert, Key: c.key})
			p, err := mtls.Factory.Open(t.Context(), "", files.settings())
			require.NoError(t, err)
			for reason, code := range map[core.Reason]core.Code{core.ReasonInitial: c.first,
				core.ReasonExpiring: c.renewal, core.ReasonRejected: c.renewal} {
				_, err = p.Authenticate(t.Context(), core.Request{Reason: reason})
				require.Equal(t, code, core.CodeOf(err))
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, "client.")
				var coded *core.Error
				require.ErrorAs(t, err, &coded)
				require.True(t, coded.Local)
			}
		})
	}
}

// A certificate is not served past its end: the session has an error then.
func TestSessionPastTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := certstest.NewCA(t, "root")
		files := newFiles(t, ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(time.Minute)}))
		p, err := mtls.Factory.Open(t.Context(), "", files.settings())
		require.NoError(t, err)
		s := core.New("api", p, nil)
		require.NoError(t, s.Init(t.Context()))
		defer s.Close(t.Context())
		time.Sleep(59 * time.Second)
		_, err = s.Credential(t.Context())
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "expired at")

		next := ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(24 * time.Hour)})
		write(t, files.cert, next.Cert)
		write(t, files.key, next.Key)
		time.Sleep(time.Minute)
		_, err = s.Credential(t.Context())
		require.NoError(t, err)
	})
}

// A torn pair is kept out while the old one is served.
func TestSessionTornPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := certstest.NewCA(t, "root")
		one, two := ca.Issue(t, certstest.Options{Name: "one"}),
			ca.Issue(t, certstest.Options{Name: "two"})
		files := newFiles(t, one)
		p, err := mtls.Factory.Open(t.Context(), "", files.settings())
		require.NoError(t, err)
		s := core.New("api", p, &core.Options{KeepFresh: true})
		require.NoError(t, s.Init(t.Context()))
		defer s.Close(t.Context())

		write(t, files.cert, two.Cert)
		time.Sleep(15 * time.Second)
		require.Equal(t, "one", s.Status().Subject)
		require.ErrorIs(t, s.Status().LastError, core.CodeUnavailable)
		write(t, files.key, two.Key)
		time.Sleep(15 * time.Second)
		require.Equal(t, "two", s.Status().Subject)
		require.NoError(t, s.Status().LastError)
	})
}
