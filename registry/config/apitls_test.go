package config_test

import (
	"context"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/registry/config"
)

// tokens is a kind of provider that asks a server for its token.
func tokens() core.Factory {
	type settings struct {
		URL string `json:"url"`
	}
	return core.NewFactory(core.Info{Kind: "tokens"},
		func(_ context.Context, _ core.Environment, c settings) (core.Provider, error) {
			return core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
				client := providerhttp.NewClient(&providerhttp.Options{AllowHTTP: true})
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
				if err != nil {
					return core.Credential{}, err
				}
				resp, err := client.Do(r)
				if err != nil {
					return core.Credential{}, providerhttp.ClientError(err)
				}
				_ = resp.Body.Close()
				return core.Credential{Attach: core.Attachment{
					Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
				}}, nil
			}), nil
		})
}

// TestSessionProxy proves that the key proxy is for a session's API and its token
// requests, and for no other session.
func TestSessionProxy(t *testing.T) {
	var mu sync.Mutex
	var hosts, auths []string
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		hosts, auths = append(hosts, r.Host), append(auths, r.Header.Get("Proxy-Authorization"))
	}))
	defer proxy.Close()
	opts := options(t, "a.yaml", `
sessions:
  a:
    provider: tokens
    lazy: true
    allow_http: true
    proxy: "http://me:${env:PASSWORD}@`+strings.TrimPrefix(proxy.URL, "http://")+`"
    settings: {url: "http://token.example"}
  b:
    provider: tokens
    lazy: true
    proxy: none
    settings: {url: "`+proxy.URL+`"}
`, "PASSWORD=s3cr3t")
	opts.Factories = append(opts.Factories, tokens())
	cfg := load(t, opts)
	for name, target := range map[string]string{"a": "http://api.example", "b": proxy.URL} {
		s, err := cfg.Session(name)
		require.NoError(t, err)
		resp, err := s.Client().Get(target)
		require.NoError(t, err)
		_ = resp.Body.Close()
	}
	own := strings.TrimPrefix(proxy.URL, "http://")
	require.ElementsMatch(t, []string{"token.example", "api.example", own, own}, hosts)
	require.ElementsMatch(t, []string{"Basic bWU6czNjcjN0", "Basic bWU6czNjcjN0", "", ""}, auths)
	source, err := cfg.Source("a", "proxy")
	require.NoError(t, err)
	require.Equal(t, "REDACTED", source.Value)
}

func TestProxyFaults(t *testing.T) {
	const want = "a.yaml:1:39: sessions.a.proxy: want the URL of an http, https, socks5 or socks5h " +
		`proxy, such as "http://proxy.example.com:8080", or none; in a user name or password, ` +
		`write "@", ":", "/" and "%" as %40, %3A, %2F and %25`
	for _, text := range []string{
		"canary", "canary:8080", "ftp://canary", "http://", "http://me:canary/x@proxy:1",
		"http://me:canary%zz@proxy:1", "http://proxy/canary", "direct://canary", "None", "false",
	} {
		for _, value := range []string{"'" + text + "'", "'${env:P}'"} {
			opts := options(t, "a.yaml",
				"sessions: {a: {provider: apikey, proxy: "+value+", settings: {key: k}}}", "P="+text)
			got := faults(t, opts)
			require.Len(t, got, 1, text)
			require.Contains(t, got[0], want[len("a.yaml:1:39: "):], text)
			require.NotContains(t, got[0], "canary")
		}
	}
	for _, good := range []string{
		"", "none", "http://p:1", "https://p", "socks5://me:pass@p:1", "socks5h://p:1", "http://p:1\n",
	} {
		load(t, options(t, "a.yaml",
			"sessions: {a: {provider: apikey, proxy: '${env:P:-}', settings: {key: k}}}", "P="+good))
	}
}

// TestSessionTLS proves that the key tls is for a session's API, that Watch follows
// its file, and that an unchanged one keeps the credential.
func TestSessionTLS(t *testing.T) {
	api := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer api.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}))
	file := write(t, "", "ca.pem", "\ufeff"+ca)
	opts := options(t, "a.yaml", `
sessions:
  file: {provider: apikey, lazy: true, tls: {ca_file: '`+file+`', min_version: "1.3"}, settings: {key: k}}
  text: {provider: apikey, lazy: true, tls: {ca: "${file:`+file+`}"}, settings: {key: k}}
  name: {provider: apikey, lazy: true, tls: {ca_file: '`+file+`', server_name: other.example}, settings: {key: k}}
  none: {provider: apikey, lazy: true, settings: {key: k}}
`)
	outcomes := make(chan error, 9)
	opts.Interval, opts.OnReload = 5*time.Millisecond, func(err error) { outcomes <- err }
	cfg := load(t, opts)
	get := func(name string) error {
		s, err := cfg.Session(name)
		require.NoError(t, err)
		resp, err := s.Client().Get(api.URL)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	require.ErrorContains(t, get("name"), "other.example")
	require.Error(t, get("none"))
	for range 2 {
		require.NoError(t, get("file"))
		require.NoError(t, get("text"))
		require.NoError(t, cfg.Reload(t.Context()))
	}
	s, err := cfg.Session("file")
	require.NoError(t, err)
	require.Equal(t, uint64(1), s.Status().Authentications)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go cfg.Watch(ctx)
	require.NoError(t, os.WriteFile(file, []byte("canary"), 0o600))
	err = <-outcomes
	require.ErrorContains(t, err, "sessions.file.tls.ca_file: the file holds no PEM")
	require.NotContains(t, err.Error(), "canary")
}

func TestTLSFaults(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"{ca_file: '" + filepath.Join(dir, "none") + "'}": "sessions.a.tls.ca_file: the file ",
		"{ca_file: '" + dir + "'}":                        "sessions.a.tls.ca_file: the file ",
		"{ca: canary}":                                    "sessions.a.tls.ca: the text holds no PEM",
		"{ca: canary, ca_file: canary}":                   "sessions.a.tls.ca: give it or ca_file, not both",
		"{min_version: '1.1'}":                            "sessions.a.tls.min_version: want one of 1.2, 1.3",
		"{min_version: 1.3}":                              "sessions.a.tls.min_version: want a string, found a number: put it in quotes",
		"{renegotiation: always}":                         "sessions.a.tls.renegotiation: want one of never, once, freely",
		"{renegotiation: true}":                           "sessions.a.tls.renegotiation: want a string, found true or false",
		"{ca: \"-----BEGIN CERTIFICATE REQUEST-----\\nMAA=\\n-----END CERTIFICATE REQUEST-----\"}": "sessions.a.tls.ca: " +
			"the text holds no certificate, but a certificate request",
		"{ca: \"-----BEGIN CERTIFICATE-----\\nMAA=\\n-----END CERTIFICATE-----\"}": "sessions.a.tls.ca: " +
			"the text holds no certificate that can be used: certificate 1 cannot be read (x509: ",
		"{server_name: 'https://canary.example'}": "sessions.a.tls.server_name: want the name of a host",
		"{server_name: 'canary.example:443'}":     "sessions.a.tls.server_name: want the name of a host",
		"{server_name: '*.canary.example'}":       "sessions.a.tls.server_name: want the name of a host",
		"{server_name: 'canary example'}":         "sessions.a.tls.server_name: want the name of a host",
		"{server_name: \"canary.example\\n\"}":    "sessions.a.tls.server_name: want the name of a host",
		"{server_name: \"canary.example\u200b\"}": "sessions.a.tls.server_name: want the name of a host",
		"{server_name: '[::1]'}":                  "sessions.a.tls.server_name: want the name of a host",
		"{insecure: true}":                        "sessions.a.tls.insecure: unknown key",
		"canary":                                  "sessions.a.tls: want an object, found a string",
	} {
		opts := options(t, "a.yaml", "sessions: {a: {provider: apikey, tls: "+text+", settings: {key: k}}}")
		got := faults(t, opts)
		require.Len(t, got, 1, text)
		require.Contains(t, got[0], want)
		require.NotContains(t, got[0], "canary")
	}
	for _, name := range []string{"api.example.com", "127.0.0.1", "'::1'", "api_1.example", "münchen.example", "''"} {
		load(t, options(t, "a.yaml", "sessions: {a: {provider: apikey, tls: {server_name: "+name+"}, settings: {key: k}}}"))
	}
	missing := options(t, "a.yaml",
		"sessions: {a: {provider: apikey, tls: {ca_file: none.pem}, settings: {key: k}}}")
	require.NoError(t, config.Check(t.Context(), missing), "it needs no file")
}

// TestRootsThatAreSkipped proves that a root that cannot be read does not make the others
// unusable, that it is logged once for each content, and that keys in the bundle do not matter.
func TestRootsThatAreSkipped(t *testing.T) {
	api := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer api.Close()
	encode := func(label string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
	}
	bundle := encode("CERTIFICATE", []byte("canary")) + encode("PRIVATE KEY", []byte("canary")) +
		encode("CERTIFICATE", api.Certificate().Raw)
	file := write(t, "", "ca.pem", bundle)
	for form, ca := range map[string]string{
		"file": "ca_file: '" + file + "'", "text": `ca: "${file:` + file + `}"`,
		"variable": "ca: '${env:ROOTS}'",
	} {
		t.Run(form, func(t *testing.T) {
			opts := options(t, "a.yaml",
				"sessions: {a: {provider: apikey, lazy: true, tls: {"+ca+"}, settings: {key: k}}}",
				"ROOTS="+strings.ReplaceAll(bundle, "\n", `\n`))
			var log strings.Builder
			opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
			cfg := load(t, opts)
			require.NoError(t, cfg.Reload(t.Context()))
			s, err := cfg.Session("a")
			require.NoError(t, err)
			resp, err := s.Client().Get(api.URL)
			require.NoError(t, err)
			_ = resp.Body.Close()
			require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
			require.Contains(t, log.String(), `"certificate 1 cannot be read`)
			require.Contains(t, log.String(), "sessions.a.tls")
			require.NotContains(t, log.String(), "canary")
		})
	}
}

// TestRenegotiationIsLoaded proves that the key is read, also from a variable. Package acceptance
// has a server that asks for a renegotiation.
func TestRenegotiationIsLoaded(t *testing.T) {
	for _, value := range []string{"never", "once", "freely", "'${env:R}'"} {
		load(t, options(t, "a.yaml", "sessions: {a: {provider: apikey, tls: {renegotiation: "+value+
			"}, settings: {key: k}}}", "R=once"))
	}
}
