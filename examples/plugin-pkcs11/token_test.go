//go:build cgo && acceptance

package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/plugins"
)

// TestMain makes this binary the plugin that its tests use.
func TestMain(m *testing.M) {
	if os.Getenv("AUTHSESSION_PLUGIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

const (
	library = "/usr/lib/softhsm/libsofthsm2.so"
	pin     = "Pin4711ForTheTest"
)

// newToken starts with an empty token of its own for this test binary.
func newToken(t *testing.T) {
	t.Helper()
	require.FileExists(t, library, "run install.sh")
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	require.NoError(t, os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", conf)
	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "acme", "--so-pin", "officer-"+pin, "--pin", pin).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// makeKeys makes keys that cannot be taken out, in a process of their own, as
// the library looks for its tokens once. It prints their public halves.
func makeKeys() {
	ctx := pkcs11.New(library)
	check(ctx.Initialize())
	slots, err := ctx.GetSlotList(true)
	check(err)
	session, err := ctx.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(err)
	check(ctx.Login(session, pkcs11.CKU_USER, pin))
	private := func(label string) []*pkcs11.Attribute {
		return []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
		}
	}
	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})
	check(err)
	ec, _, err := ctx.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, curve), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true)}, private("ecdsa"))
	check(err)
	point, err := ctx.GetAttributeValue(session, ec, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
	check(err)
	var raw []byte
	_, err = asn1.Unmarshal(point[0].Value, &raw)
	check(err)
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	check(err)
	show(public)

	rsaKey, _, err := ctx.GenerateKeyPair(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_MODULUS_BITS, 2048), pkcs11.NewAttribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
		}, private("rsa"))
	check(err)
	modulus, err := ctx.GetAttributeValue(session, rsaKey, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_MODULUS, nil)})
	check(err)
	show(&rsa.PublicKey{N: new(big.Int).SetBytes(modulus[0].Value), E: 65537})
	check(ctx.Finalize())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func show(public crypto.PublicKey) {
	der, err := x509.MarshalPKIXPublicKey(public)
	check(err)
	check(pem.Encode(os.Stdout, &pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestMakeKeys is the process that makeKeys wants.
func TestMakeKeys(t *testing.T) {
	if os.Getenv("PKCS11_MAKE_KEYS") != "" {
		makeKeys()
		os.Exit(0)
	}
}

// keys makes the keys "ecdsa" and "rsa" in the token, and certificates for
// them.
func keys(t *testing.T, ca *authority) map[string]string {
	t.Helper()
	cmd := exec.Command(self(t), "-test.run", "^TestMakeKeys$")
	cmd.Env = append(os.Environ(), "PKCS11_MAKE_KEYS=1")
	out, err := cmd.Output()
	require.NoError(t, err)
	certs := map[string]string{}
	for _, name := range []string{"ecdsa", "rsa"} {
		var block *pem.Block
		block, out = pem.Decode(out)
		require.NotNil(t, block)
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		require.NoError(t, err)
		certs[name] = ca.issue(t, "client "+name, public)
	}
	return certs
}

func self(t *testing.T) string {
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

// authority issues certificates to both sides.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

func (a *authority) issue(t *testing.T, name string, public crypto.PublicKey) string {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// fromPlugin is the factory, served by this binary.
func fromPlugin(t *testing.T) core.Factory {
	t.Helper()
	file, err := os.ReadFile(self(t))
	require.NoError(t, err)
	b := plugins.Binary{Name: "pkcs11", Path: self(t), SHA256: fmt.Sprintf("%x", sha256.Sum256(file)), Env: []string{"SOFTHSM2_CONF"}}
	host := &plugins.Host{StartTimeout: time.Minute}
	t.Cleanup(func() { require.NoError(t, host.Close(context.Background())) })
	_, err = host.Describe(t.Context(), b)
	require.NoError(t, err)
	factories, err := host.Factories(b)
	require.NoError(t, err)
	return factories[0]
}

func TestConformance(t *testing.T) {
	newToken(t)
	certs := keys(t, newAuthority(t))
	factory := fromPlugin(t)
	for name, cert := range certs {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.Fixture{
				Factory: factory,
				Secrets: []string{pin},
				// The PIN is the token's: the kit cannot choose it.
				Settings: func(providertest.Server) map[string]any {
					return map[string]any{"module": library, "token": "acme", "pin": core.NewSecret(pin), "key": name, "cert": cert}
				},
			})
		})
	}
}

// TestNginx reaches an API that lets nobody in without a certificate, with a
// key that this process never has.
func TestNginx(t *testing.T) {
	newToken(t)
	ca := newAuthority(t)
	certs := keys(t, ca)
	factory := fromPlugin(t)
	for name, cert := range certs {
		for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
			t.Run(name+" "+version, func(t *testing.T) {
				address := startNginx(t, ca, version)
				p, err := factory.Open(t.Context(), "", map[string]any{
					"module": library, "token": "acme", "pin": core.NewSecret(pin), "key": name, "cert": cert, "ca": ca.pem,
				})
				require.NoError(t, err)
				s := core.New("api", p, &core.Options{Provider: "pkcs11", Origins: []string{address}})
				require.NoError(t, s.Init(t.Context()))
				defer func() { require.NoError(t, s.Close(context.Background())) }()
				cred, err := s.Credential(t.Context())
				require.NoError(t, err)
				require.NotContains(t, cred.Attach.Cert.Reveal(), "PRIVATE KEY")
				resp, err := s.Client().Get(address + "/")
				require.NoError(t, err)
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode, "%s", body)
				require.Equal(t, "CN=client "+name, string(body))
			})
		}
	}
}

func TestWhatGoesWrong(t *testing.T) {
	newToken(t)
	ca := newAuthority(t)
	certs := keys(t, ca)
	another := ca.issue(t, "another", &ca.key.PublicKey)
	factory := fromPlugin(t)
	for name, c := range map[string]struct {
		key  string
		to   any
		code core.Code
		want string
	}{
		"no library":        {"module", "/nowhere/lib.so", core.BadConfig, "is not there"},
		"not a library":     {"module", self(t), core.BadConfig, "is no PKCS #11 library"},
		"another token":     {"token", "acne", core.Unavailable, `there is no token "acne"`},
		"another key":       {"key", "ecdsb", core.BadConfig, `has no private key "ecdsb"`},
		"another type":      {"cert", certs["rsa"], core.BadConfig, `has no private key "ecdsa" of the certificate's type`},
		"a key not its own": {"cert", another, core.BadConfig, `is not that of the certificate`},
		"a wrong PIN":       {"pin", "Pin1111ForTheTest", core.Denied, "CKR_PIN_INCORRECT"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := map[string]any{"module": library, "token": "acme", "pin": pin, "key": "ecdsa", "cert": certs["ecdsa"]}
			settings[c.key] = c.to
			p, err := factory.Open(t.Context(), "", settings)
			require.NoError(t, err)
			_, err = p.Authenticate(t.Context(), core.Request{})
			require.Equal(t, c.code, core.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "ForTheTest")
		})
	}
	for key, c := range map[string]struct{ to, want string }{
		"module": {"lib.so", "want an absolute path"}, "cert": {"-----BEGIN", "want a certificate in PEM"}, "ca": {"x", "want PEM certificates"},
	} {
		settings := map[string]any{"module": library, "token": "acme", "pin": pin, "key": "ecdsa", "cert": certs["ecdsa"]}
		settings[key] = c.to
		_, err := factory.Open(t.Context(), "", settings)
		require.ErrorIs(t, err, core.BadConfig)
		require.ErrorContains(t, err, c.want)
	}
}

const nginxConf = `daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	default_type text/plain;
	server {
		listen 127.0.0.1:%[2]s ssl;
		ssl_certificate %[1]s/server.pem;
		ssl_certificate_key %[1]s/server.key;
		ssl_protocols %[3]s;
		ssl_client_certificate %[1]s/ca.pem;
		ssl_verify_client on;
		location / { return 200 "$ssl_client_s_dn"; }
	}
}
`

// startNginx starts nginx, which wants a certificate of ca for the handshake.
func startNginx(t *testing.T, ca *authority, version string) string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, ln.Close())
	for name, text := range map[string]string{
		"server.pem": ca.issue(t, "localhost", &key.PublicKey), "server.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"ca.pem": ca.pem, "nginx.conf": fmt.Sprintf(nginxConf, dir, port, version),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	var log bytes.Buffer
	cmd := exec.Command("/usr/sbin/nginx", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	cmd.Stderr = &log
	require.NoError(t, cmd.Start(), "run install.sh")
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := "https://localhost:" + port
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting(ca)}}
	require.Eventually(t, func() bool {
		resp, err := client.Get(address)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusBadRequest // nobody comes in without a certificate
	}, 5*time.Second, 10*time.Millisecond)
	return address
}

func trusting(ca *authority) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &tls.Config{RootCAs: pool}
}
