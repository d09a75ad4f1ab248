package oauth2

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/stretchr/testify/require"
)

// answers is a transport that gives one answer.
type answers struct {
	status int
	kind   string
	body   string
}

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {a.kind}},
		Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// renewed returns the error of a renewal that a grant makes, and of the request that may follow.
func renewed(t *testing.T, name string, a answers) error {
	t.Helper()
	cfg := Config{Grant: name, TokenURL: "https://login.example.com/token?key=hidden", ClientID: "app",
		RefreshToken: core.NewSecret("w0xcanaryq9")}
	meta := &metadata{TokenEndpoint: cfg.TokenURL}
	conn := &connection{cfg: &cfg, meta: meta, client: &grant.Client{TokenURL: cfg.TokenURL, ID: "app",
		AuthMethod: cfg.authMethod(), HTTP: &http.Client{Transport: a}}}
	g := grantNamed(name)
	conn.client.Advice = adviser(g, conn)
	_, err := g.renew(t.Context(), conn, core.NewSecret("kq7zcanaryz1"),
		func() (grant.Token, error) { return g.request(t.Context(), conn, nil) })
	require.NotContains(t, err.Error(), "canary")
	require.NotContains(t, err.Error(), "hidden")
	return err
}

func TestUnclearAnswersInARow(t *testing.T) {
	for name, tt := range map[string]struct {
		grant string
		want  core.Code
	}{
		"a person": {AuthorizationCode, core.CodeInteractive},
		"a device": {DeviceCode, core.CodeInteractive},
		"program":  {ClientCredentials, core.CodeDenied},
		"token":    {RefreshToken, core.CodeDenied},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				page := renewed(t, tt.grant, answers{403, "text/html", "<html>"})
				var u unclearAnswers
				g := grantNamed(tt.grant)
				judge := func(err error) core.Code { return core.CodeOf(u.judge(err, g)) }
				for range 5 {
					require.Equal(t, core.CodeUnavailable, judge(page), "within a minute")
					time.Sleep(10 * time.Second)
				}
				time.Sleep(10 * time.Second)
				err := u.judge(page, g)
				require.Equal(t, tt.want, core.CodeOf(err))
				require.ErrorContains(t, err, "answers 403")
				require.ErrorContains(t, err, "answer 6 of this kind in a row")
				require.Equal(t, tt.want, judge(page), "and so on")

				require.Zero(t, judge(nil))
				require.Equal(t, core.CodeUnavailable, judge(page), "a success ends the row")
				time.Sleep(2 * time.Minute)
				require.Equal(t, core.CodeUnavailable, judge(page), "the second one")
				outage := renewed(t, tt.grant, answers{503, "text/html", "<html>"})
				require.Equal(t, core.CodeUnavailable, judge(outage))
				time.Sleep(2 * time.Minute)
				require.Equal(t, core.CodeUnavailable, judge(page), "another answer ends the row")
			})
		})
	}
}

// TestBasicThatIsNotDecoded has the ids and secrets that HTTP Basic sends form-encoded, as RFC 6749
// §2.3.1 requires. Servers that do not decode them refuse the client, and the error names the
// setting.
func TestBasicThatIsNotDecoded(t *testing.T) {
	const hint = "set client_auth: client_secret_post"
	for name, tt := range map[string]struct {
		id, secret, method string
		want               bool
	}{
		"plain":               {"app", "s3cret-._", SecretBasic, false},
		"plain, default":      {"app", "s3cret", "", false},
		"plus":                {"app", "a+b", SecretBasic, true},
		"slash, default":      {"app", "a/b", "", true},
		"tilde":               {"app", "a~b", SecretBasic, false},
		"equals sign":         {"app", "YWI=", SecretBasic, true},
		"space":               {"app", "a b", SecretBasic, true},
		"percent":             {"app", "a%20b", SecretBasic, true},
		"id with a colon":     {"urn:app", "s3cret", SecretBasic, true},
		"id that is a URL":    {"https://app.example.com", "s3cret", SecretBasic, true},
		"in the form":         {"app", "a+b", SecretPost, false},
		"id of a JWT's":       {"urn:app", "s3cret-s3cret-s3cret-s3cret-s3cr", SecretJWT, false},
		"id of public client": {"urn:app", "", NoClientAuth, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{ClientID: tt.id, ClientSecret: core.NewSecret(tt.secret), ClientAuth: tt.method}
			advice := (&connection{cfg: &cfg, meta: &metadata{}}).clientAdvice()
			require.Contains(t, advice, "check client_id")
			require.Equal(t, tt.want, strings.Contains(advice, hint), advice)
		})
	}
}
