package servers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// Apache is an API behind Apache with mod_oauth2, which checks access tokens by
// itself: the signature, and that the request proves the key (RFC 9449) or the
// connection has the certificate (RFC 8705 §3) that the token is bound to. It
// answers with the subject, or with 401.
type Apache struct {
	URL               string
	DPoP, Certificate string // the URLs of the two APIs there

	log string
}

// StartApache starts Apache with a certificate of ca, or skips the test if
// mod_oauth2 is not installed. key is the issuer's public key, for ES256.
func StartApache(t testing.TB, ca *CA, key any) *Apache {
	t.Helper()
	const modules = "/usr/lib/apache2/modules"
	program, err := exec.LookPath("/usr/sbin/apache2")
	if err == nil {
		_, err = os.Stat(filepath.Join(modules, "mod_oauth2.so"))
	}
	if err != nil {
		t.Skip("Apache's mod_oauth2 is not installed")
	}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("OAuth2_CLAIM_sub"))
	}))
	t.Cleanup(api.Close)
	dir := daemonDir(t, ca, []*CA{ca})
	jwk, err := json.Marshal(jose.JSONWebKey{Key: key, Algorithm: "ES256", Use: "sig"})
	require.NoError(t, err)
	a := &Apache{log: filepath.Join(dir, "log")}
	d := startDaemon(t, daemonConfig{
		dir: dir, ports: 1, stop: syscall.SIGTERM,
		text: func(ports []int) string {
			text := ""
			for _, name := range []string{"mpm_event", "authn_core", "authz_core", "authz_user",
				"proxy", "proxy_http", "ssl", "oauth2"} {
				text += fmt.Sprintf("LoadModule %s_module %s/mod_%s.so\n", name, modules, name)
			}
			text += fmt.Sprintf(`ServerRoot %[2]s
ServerName localhost
DefaultRuntimeDir %[2]s
PidFile %[2]s/pid
ErrorLog %[3]s
LogLevel oauth2:debug
User nobody
Group nogroup
StartServers 1
ThreadsPerChild 16
MinSpareThreads 4
MaxSpareThreads 16
MaxRequestWorkers 16
Listen 127.0.0.1:%[1]d https
SSLEngine on
SSLCertificateFile %[2]s/server.pem
SSLCertificateKeyFile %[2]s/server.key
SSLVerifyClient optional_no_ca
SSLOptions +StdEnvVars +ExportCertData
ProxyPass / %[4]s/
`, ports[0], dir, a.log, api.URL)
			for path, kind := range map[string]string{"dpop": "type=dpop", "certificate": "type=mtls&mtls.policy=required"} {
				text += fmt.Sprintf(`<Location /%s>
AuthType oauth2
OAuth2TokenVerify jwk "%s" %s
OAuth2AcceptTokenIn header name=Authorization&type=%s
OAuth2TargetPass prefix=OAuth2_CLAIM_
Require valid-user
</Location>
`, path, escaped(string(jwk)), kind, map[bool]string{true: "dpop", false: "bearer"}[path == "dpop"])
			}
			return text
		},
		command: func() *exec.Cmd {
			return exec.Command(program, "-DFOREGROUND", "-f", filepath.Join(dir, "conf"))
		},
	})
	a.URL = "https://" + d.Address
	a.DPoP, a.Certificate = a.URL+"/dpop", a.URL+"/certificate"
	t.Cleanup(func() {
		if text, err := os.ReadFile(a.log); err == nil && t.Failed() {
			t.Logf("apache says: %s", text)
		}
	})
	return a
}

// escaped returns a text for between the quotes of Apache's configuration.
func escaped(s string) (out string) {
	for _, r := range s {
		if r == '"' || r == '\\' {
			out += `\`
		}
		out += string(r)
	}
	return out
}
