//go:build cgo && acceptance

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/plugins"
)

// TestMain makes this binary the plugin that its tests use, and the process
// that fills its token.
func TestMain(m *testing.M) {
	if os.Getenv("AUTHSESSION_PLUGIN") != "" {
		main()
		return
	}
	if what := os.Getenv(helper); what != "" {
		help(what)
		return
	}
	os.Exit(m.Run())
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

// fromPlugin is the factory, served by this binary.
func fromPlugin(t *testing.T) core.Factory {
	t.Helper()
	file, err := os.ReadFile(self(t))
	require.NoError(t, err)
	b := plugins.Binary{
		Name:   "pkcs11",
		Path:   self(t),
		SHA256: fmt.Sprintf("%x", sha256.Sum256(file)),
		Env:    []string{"SOFTHSM2_CONF"},
	}
	host := &plugins.Host{StartTimeout: time.Minute}
	t.Cleanup(func() { require.NoError(t, host.Close(context.Background())) })
	_, err = host.Describe(t.Context(), b)
	require.NoError(t, err)
	factories, err := host.Factories(b)
	require.NoError(t, err)
	return factories[0]
}

// settings are those that all tests share, and more.
func settings(more map[string]any) map[string]any {
	all := map[string]any{"module": library, "token": "acme", "pin": core.NewSecret(pin)}
	maps.Copy(all, more)
	return all
}

func TestConformance(t *testing.T) {
	newToken(t)
	ca := newAuthority(t, "authority", nil)
	keys := makeKeys(t)
	factory := fromPlugin(t)
	for name, key := range keys {
		cert := ca.issue(t, "client "+name, key, 0)
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.Fixture{
				Factory: factory,
				Secrets: []string{pin},
				// The PIN is the token's: the kit cannot choose it.
				Settings: func(providertest.Server) map[string]any { return settings(map[string]any{"key": name, "cert": cert}) },
			})
		})
	}
}

// TestNginx reaches an API that lets nobody in without a certificate, with a
// key that this process never has. nginx knows the root only: the issuer
// between must come from the plugin.
func TestNginx(t *testing.T) {
	newToken(t)
	root := newAuthority(t, "root", nil)
	between := newAuthority(t, "between", root)
	keys := makeKeys(t)
	ecdsaChain := between.issue(t, "client ecdsa", keys["ecdsa"], 0) + between.pem()
	rsaChain := between.issue(t, "client rsa", keys["rsa"], 0) + between.pem()
	file := filepath.Join(t.TempDir(), "client.pem")
	require.NoError(t, os.WriteFile(file, []byte(rsaChain), 0o600))
	putCertificates(
		t,
		entry{[]byte{1}, der(t, ecdsaChain), "ecdsa"},
		entry{[]byte{2}, der(t, rsaChain), "rsa"},
		entry{nil, between.cert.Raw, "between"},
		entry{nil, root.cert.Raw, "root"},
	)
	factory := fromPlugin(t)
	for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
		address := startNginx(t, root, version)
		for name, c := range map[string]struct {
			key  string
			from map[string]any
		}{
			"ECDSA, text": {"ecdsa", map[string]any{"key": "ecdsa", "cert": ecdsaChain}},
			"RSA, file": {
				"rsa",
				map[string]any{"key": "rsa", "key_id": "02", "cert_file": file},
			},
			"ECDSA, id, certificates of the token":  {"ecdsa", map[string]any{"key_id": "01"}},
			"RSA, label, certificates of the token": {"rsa", map[string]any{"key": "rsa"}},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				c.from["ca"] = root.pem()
				p, err := factory.Open(t.Context(), "", settings(c.from))
				require.NoError(t, err)
				reach(t, p, address, root, "CN=client "+c.key)
			})
		}
	}
	notHere(t)
}

// notHere tells that the token's library is not in the memory of the host.
func notHere(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "linux" {
		loaded, err := os.ReadFile("/proc/self/maps")
		require.NoError(t, err)
		require.NotContains(t, string(loaded), "softhsm")
	}
}

// reach says who nginx sees: once with the session's client and once with its
// TLS configuration alone.
func reach(t *testing.T, p core.Provider, address string, root *authority, want string) {
	s := core.New("api", p, &core.Options{Kind: "pkcs11", Origins: []string{address}})
	require.NoError(t, s.Init(t.Context()))
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	cred, err := s.Credential(t.Context())
	require.NoError(t, err)
	holdsNoKey(t, cred, 2)

	config := s.TLSConfig(trusting(root))
	cert, err := config.GetClientCertificate(&tls.CertificateRequestInfo{})
	require.NoError(t, err)
	require.Implements(t, (*crypto.Signer)(nil), cert.PrivateKey)
	require.NotImplements(
		t,
		(*interface{ Equal(crypto.PrivateKey) bool })(nil),
		cert.PrivateKey,
		"a key and not a way to one",
	)

	plain := &http.Transport{TLSClientConfig: config}
	defer plain.CloseIdleConnections()
	for _, client := range []*http.Client{s.Client(), {Transport: plain}} {
		resp, err := client.Get(address + "/")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode, "%s", body)
		require.Equal(t, want, string(body))
	}
}

// holdsNoKey tells that a credential is certificates and nothing else.
func holdsNoKey(t *testing.T, cred core.Credential, certificates int) {
	t.Helper()
	require.Empty(t, cred.Attach.Header)
	require.True(t, cred.RefreshState.IsZero())
	rest := []byte(cred.Attach.Cert.Reveal())
	for range certificates {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		require.NotNil(t, block)
		require.Equal(t, "CERTIFICATE", block.Type)
	}
	require.Empty(t, rest)
	_, err := tls.X509KeyPair([]byte(cred.Attach.Cert.Reveal()), []byte(cred.Attach.Cert.Reveal()))
	require.Error(t, err)
}

func der(t *testing.T, chain string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(chain))
	require.NotNil(t, block)
	return block.Bytes
}

// TestSign asks for each signature that TLS may want.
func TestSign(t *testing.T) {
	newToken(t)
	keys := makeKeys(t)
	factory := fromPlugin(t)
	for name, public := range keys {
		p, err := factory.Open(t.Context(), "", settings(map[string]any{"key": name}))
		require.NoError(t, err)
		for h := range hashes {
			digest := make([]byte, h.Size())
			sign := func(salt int) []byte {
				signature, err := p.(core.TLSSigner).SignDigest(
					t.Context(),
					core.SignatureRequest{Digest: digest, Hash: h, PSSSalt: salt},
				)
				require.NoError(t, err, "%s %v %d", name, h, salt)
				return signature
			}
			switch key := public.(type) {
			case *ecdsa.PublicKey:
				require.True(t, ecdsa.VerifyASN1(key, digest, sign(0)))
			case *rsa.PublicKey:
				require.NoError(t, rsa.VerifyPKCS1v15(key, h, digest, sign(0)))
				require.NoError(t, rsa.VerifyPSS(key, h, digest, sign(h.Size()), &rsa.PSSOptions{SaltLength: h.Size(), Hash: h}))
			}
		}
	}
}

func TestBaseURL(t *testing.T) {
	newToken(t)
	cert := newAuthority(t, "authority", nil).issue(t, "client", makeKeys(t)["ecdsa"], 0)
	p, err := fromPlugin(
		t,
	).Open(t.Context(), "", settings(map[string]any{"key": "ecdsa", "cert": cert, "base_url": "https://api.example.com/v1"}))
	require.NoError(t, err)
	cred, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, []string{"https://api.example.com"}, cred.Origins)
	require.Equal(t, map[string]string{"base_url": "https://api.example.com/v1"}, cred.Attributes)
	require.Equal(t, "client", cred.Subject)
	holdsNoKey(t, cred, 1)
}

func TestWhatGoesWrong(t *testing.T) {
	newToken(t)
	ca := newAuthority(t, "authority", nil)
	keys := makeKeys(t)
	cert := ca.issue(t, "client", keys["ecdsa"], 0)
	another := ca.issue(t, "another", &ca.key.PublicKey, 0)
	putCertificates(t, entry{[]byte{2}, der(t, cert), "x"}, entry{[]byte{2}, der(t, another), "y"})
	keyed := filepath.Join(t.TempDir(), "keyed.pem")
	secret, err := x509.MarshalPKCS8PrivateKey(ca.key)
	require.NoError(t, err)
	require.NoError(
		t,
		os.WriteFile(
			keyed,
			append([]byte(cert), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...),
			0o600,
		),
	)
	factory := fromPlugin(t)
	for name, c := range map[string]struct {
		settings map[string]any
		code     core.Code
		want     string
	}{
		"no library":        {map[string]any{"module": "/nowhere/lib.so"}, core.CodeBadConfig, "is not there"},
		"not a library":     {map[string]any{"module": self(t)}, core.CodeBadConfig, "is no PKCS #11 library"},
		"another token":     {map[string]any{"token": "acne"}, core.CodeUnavailable, `there is no token "acne"`},
		"another key":       {map[string]any{"key": "ecdsb"}, core.CodeBadConfig, `has no private key "ecdsb"`},
		"another id":        {map[string]any{"key_id": "02"}, core.CodeBadConfig, `has no private key "ecdsa"`},
		"another type":      {map[string]any{"key": "rsa"}, core.CodeBadConfig, "is not that of the certificate"},
		"a key not its own": {map[string]any{"cert": another}, core.CodeBadConfig, "is not that of the certificate"},
		"expired": {
			map[string]any{"cert": ca.issue(t, "old", keys["ecdsa"], 2*time.Hour)},
			core.CodeBadConfig,
			"the certificate is valid from",
		},
		"no file": {
			map[string]any{"cert": "", "cert_file": "/nowhere/client.pem"},
			core.CodeBadConfig,
			"cert_file: open /nowhere/client.pem",
		},
		"a key in the file": {
			map[string]any{"cert": "", "cert_file": keyed},
			core.CodeBadConfig,
			"cert_file: want certificates only",
		},
		"none in the token": {map[string]any{"cert": ""}, core.CodeBadConfig, `has no certificate for the key "ecdsa"`},
		"two in the token": {
			map[string]any{"cert": "", "key": "rsa"},
			core.CodeBadConfig,
			`has several certificates for the key "rsa"`,
		},
		"a wrong PIN": {
			map[string]any{"pin": core.NewSecret("Pin1111ForTheTest")},
			core.CodeDenied,
			"CKR_PIN_INCORRECT",
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := settings(map[string]any{"key": "ecdsa", "cert": cert})
			maps.Copy(all, c.settings)
			p, err := factory.Open(t.Context(), "", all)
			require.NoError(t, err)
			_, err = p.Authenticate(t.Context(), core.Request{})
			require.Equal(t, c.code, core.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "ForTheTest")
		})
	}
}
