//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/apikey"
	"github.com/authsession/authsession/providers/basic"
	"github.com/authsession/authsession/providers/bearer"
	"github.com/authsession/authsession/providers/exec"
	"github.com/authsession/authsession/providers/gs"
	"github.com/authsession/authsession/providers/mtls"
	"github.com/authsession/authsession/providers/oauth2"
)

type object = map[string]any

// noCA is a certificate that verifies nothing.
var noCA = pemOf(newPair().cert.Raw)

// fixtures has at least one for each kind, as the kinds' own tests have.
func fixtures(t *testing.T) map[string]providertest.Fixture {
	pair := newPair()
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	tokenFile := file("token", "TokenOfTheFile\n")
	certFile, keyFile := file("client.pem", pemOf(pair.cert.Raw)), file("client.key", pair.keyPEM)
	static := func(f core.Factory,
		settings func(providertest.Server) map[string]any) providertest.Fixture {
		return providertest.Fixture{Factory: f, Settings: settings}
	}
	all := map[string]providertest.Fixture{
		"apikey": static(apikey.Factory, func(s providertest.Server) map[string]any {
			return object{"base_url": "https://api.example.com/v1",
				"keys": []any{object{"query": "key", "key": s.Secret},
					object{"cookie": "sid", "key": s.Secret + "2"}}}
		}),
		"basic": static(basic.Factory,
			func(s providertest.Server) map[string]any {
				return object{"username": "reports",
					"password": s.Secret}
			}),
		"bearer": static(bearer.Factory,
			func(s providertest.Server) map[string]any { return object{"token": s.Secret} }),
		"bearer file": {
			Factory: bearer.Factory, Secrets: []string{"TokenOfTheFile"},
			Settings: func(providertest.Server) map[string]any { return object{"token_file": tokenFile} },
		},
		"exec": static(exec.Factory, func(s providertest.Server) map[string]any {
			return object{"command": "/usr/bin/printenv", "args": []any{"TICKET"},
				"env": object{"TICKET": s.Secret}}
		}),
		"gs token": static(gs.Factory,
			func(s providertest.Server) map[string]any { return object{"token": s.Secret} }),
		"gs": {Factory: gs.Factory, Good: http.HandlerFunc(good),
			Settings: func(s providertest.Server) map[string]any {
				return object{
					"client_id": "app", "client_secret": core.NewSecret(s.Secret),
					"api_url": "https://api.example.com", "token_url": s.TLSURL + "/token", "ca": s.CA,
				}
			}},
		"mtls files": {
			Factory: mtls.Factory, Secrets: []string{pair.keyPEM},
			Settings: func(providertest.Server) map[string]any {
				return object{"cert_file": certFile,
					"key_file": keyFile}
			},
		},
		"mtls PKCS #12": static(mtls.Factory, func(s providertest.Server) map[string]any {
			p12, err := pkcs12.Modern.Encode(pair.key, pair.cert, nil, s.Secret)
			require.NoError(t, err)
			return object{"p12": base64.StdEncoding.EncodeToString(p12), "p12_password": s.Secret}
		}),
		"oauth2": {Factory: oauth2.Factory, Good: http.HandlerFunc(good),
			Settings: func(s providertest.Server) map[string]any {
				return object{"token_url": s.TLSURL + "/token", "client_id": "app", "client_secret": s.Secret,
					"scopes": []any{"read"}, "tls": object{"ca": s.CA}}
			}},
		"oauth2 refresh": {
			Factory: oauth2.Factory, Good: http.HandlerFunc(good),
			Secrets: []string{"the-first-Kx93bQ7w"},
			Settings: func(s providertest.Server) map[string]any {
				return object{
					"token_url": s.URL + "/token", "client_id": "app", "client_secret": s.Secret,
					"grant": "refresh_token", "refresh_token": "the-first-Kx93bQ7w",
				}
			},
		},
	}
	for name, f := range all {
		if f.Factory.Info().Kind != "gs" {
			continue
		}
		settings := f.Settings
		f.Environment = gs.QA
		f.Settings = func(s providertest.Server) map[string]any {
			// The kit takes every header of a credential for a secret, and
			// looks for these two in all that is printed.
			out := settings(s)
			out["application"], out["version"] = "kit-application", "kit-version"
			return out
		}
		all[name] = f
	}
	return all
}

// good is an authorization server that trusts everybody.
func good(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object{"access_token": "an-access-token", "token_type": "Bearer",
		"expires_in": 3600, "refresh_token": "a-refresh-token"})
}

type pair struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	keyPEM string
}

func newPair() pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pair{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))}
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func asFaults(err error, to *core.Faults) bool { return errors.As(err, to) }
