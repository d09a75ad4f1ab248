package acceptance

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// behindProxy is a token server and an API that only a forward proxy can name.
type behindProxy struct {
	text     string // of a configuration; $PROXY is the key proxy of its sessions
	api      string
	requests atomic.Int64 // to either
}

func startBehindProxy(t *testing.T) *behindProxy {
	t.Helper()
	b := &behindProxy{}
	ca := servers.NewCA(t)
	named := func(name string, h http.HandlerFunc) string {
		u, err := url.Parse(servers.StartTLS(t, ca.Issue(t, name, name), h))
		require.NoError(t, err)
		return "https://" + net.JoinHostPort(name, u.Port())
	}
	issuer := ""
	issuer = named("token.test", func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(r.URL.Path, "well-known") {
			_, _ = fmt.Fprintf(w, `{"issuer":%[1]q,"token_endpoint":"%[1]s/token",`+
				`"jwks_uri":"%[1]s/keys","authorization_endpoint":"%[1]s/a"}`, issuer)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"t1","token_type":"Bearer","expires_in":600}`)
	})
	b.api = named("api.test", func(w http.ResponseWriter, r *http.Request) {
		b.requests.Add(1)
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+r.Header.Get("X-Key"))
	})
	b.text = fmt.Sprintf(`
sessions:
  tokens:
    provider: oauth2
    origins: [%[1]q]
    tls: {ca_file: %[3]q}
    proxy: "$PROXY"
    settings:
      issuer: %[2]q
      client_id: me
      client_secret: s3cr3t-client
      tls: {ca_file: %[3]q}
  key:
    provider: apikey
    origins: [%[1]q]
    tls: {ca_file: %[3]q}
    proxy: "$PROXY"
    settings: {header: X-Key, key: k1}
`, b.api, issuer, ca.File)
	return b
}

// call initialises a session and calls the API, and returns the answer.
func (b *behindProxy) call(t *testing.T, proxy, session string) (string, error) {
	cfg := setup{}.load(t, strings.ReplaceAll(b.text, "$PROXY", proxy))
	s, err := cfg.Session(session)
	require.NoError(t, err)
	if err := s.Init(t.Context()); err != nil {
		return "", err
	}
	resp, err := s.Client().Get(b.api)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

var proxyLogin = servers.Login{User: "ada", Password: "s3cr3t/%"}

func startProxy(t *testing.T, digest bool) *servers.Squid {
	return servers.StartSquid(t, servers.SquidOptions{
		Login: proxyLogin, Digest: digest, Hosts: []string{"token.test", "api.test"},
	})
}

// TestForwardProxy proves with squid what sessions say of a proxy that wants credentials: the
// requests for tokens and metadata, and those to the API.
func TestForwardProxy(t *testing.T) {
	basic, digest := startProxy(t, false), startProxy(t, true)
	b := startBehindProxy(t)
	for name, tc := range map[string]struct {
		squid *servers.Squid
		proxy *url.URL
		want  string // of the error; empty: none
	}{
		"right": {basic, basic.URL(proxyLogin.User, proxyLogin.Password), ""},
		"none":  {basic, basic.URL("", ""), "wants credentials (407)"},
		"wrong": {basic, basic.URL("ada", "s3cr3t-wrong"), "refuses the user name or the password"},
		"Digest": {
			digest, digest.URL(proxyLogin.User, proxyLogin.Password), "wants credentials by Digest",
		},
		"Digest, none": {digest, digest.URL("", ""), "wants credentials by Digest"},
	} {
		for session, answer := range map[string]string{"tokens": "Bearer t1", "key": "k1"} {
			t.Run(name+"/"+session, func(t *testing.T) {
				before := b.requests.Load()
				got, err := b.call(t, tc.proxy.String(), session)
				if tc.want == "" {
					require.NoError(t, err)
					require.Equal(t, answer, got)
					return
				}
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.ErrorContains(t, err, tc.want)
				require.ErrorContains(t, err, tc.squid.Addr+", the session's proxy,")
				require.NotContains(t, err.Error(), "s3cr3t")
				require.Equal(t, before, b.requests.Load())
			})
		}
	}
	// squid writes the line of a connection when it ends.
	soon(t, func() bool {
		log := basic.Log(t)
		return strings.Contains(log, "CONNECT token.test:") && strings.Contains(log, "CONNECT api.test:")
	})
}

// proxyChild names the variable by which TestForwardProxyVariable runs itself with a proxy in
// its environment, which net/http reads once.
const proxyChild = "AUTHSESSION_ACCEPTANCE_PROXY_CHILD"

// TestForwardProxyVariable proves the same of HTTPS_PROXY, and that nothing is sent directly
// if the variable cannot be read.
func TestForwardProxyVariable(t *testing.T) {
	if text := os.Getenv(proxyChild); text != "" {
		api, text, _ := strings.Cut(text, "\n")
		b := &behindProxy{text: text, api: api}
		for _, session := range []string{"tokens", "key"} {
			got, err := b.call(t, "", session)
			code := core.CodeOf(err)
			fmt.Printf("<%s|%v|%v>\n", got, errors.Is(code, core.CodeBadConfig), err)
		}
		return
	}
	squid := startProxy(t, false)
	b := startBehindProxy(t)
	for name, tc := range map[string]struct{ variable, value, want string }{
		"right": {"HTTPS_PROXY", squid.URL(proxyLogin.User, proxyLogin.Password).String(), ""},
		"lower": {"https_proxy", squid.URL(proxyLogin.User, proxyLogin.Password).String(), ""},
		"none":  {"HTTPS_PROXY", squid.URL("", "").String(), "wants credentials (407)"},
		"wrong": {"https_proxy", squid.URL("ada", "s3cr3t").String(), "refuses the user name"},
		"slash": {"HTTPS_PROXY", "http://ada:s3cr3t/x@" + squid.Addr, "write @, :, /, #"},
		"port":  {"https_proxy", "http://ada:12/s3cr3t@" + squid.Addr, "write @, :, /, #"},
		"%":     {"HTTPS_PROXY", "http://ada:s3cr3t%x@" + squid.Addr, "write @, :, /, #"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestForwardProxyVariable$") //nolint:gosec // this test
			cmd.Env = append(os.Environ(), tc.variable+"="+tc.value, "NO_PROXY=", "REQUEST_METHOD=",
				proxyChild+"="+b.api+"\n"+b.text)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			text := string(out)
			if tc.want == "" {
				require.Contains(t, text, "<Bearer t1|false|<nil>>")
				require.Contains(t, text, "<k1|false|<nil>>")
				return
			}
			require.Equal(t, 2, strings.Count(text, "|true|"), text)
			require.Equal(t, 2, strings.Count(text, tc.want), text)
			require.Equal(t, 2, strings.Count(text, "variable "+tc.variable), text)
			require.Equal(t, 2, strings.Count(text, squid.Addr), text)
			require.NotContains(t, text, "s3cr3t")
		})
	}
}
