package servers

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Check says whom a bearer token speaks for, or that it is no good.
type Check func(ctx context.Context, token string) (subject string, err error)

// API is a resource server over TLS. It answers each request with the subject
// that the token speaks for, or with 401 and a challenge (RFC 6750 §3).
type API struct {
	URL string

	mu     sync.Mutex
	tokens []string // guarded by mu: every token seen, also refused ones
}

// StartAPI starts an API that asks check about each token.
func StartAPI(t testing.TB, ca *CA, check Check) *API {
	t.Helper()
	api := &API{}
	api.URL = StartTLS(t, ca.Issue(t, "localhost"), api.handler(check))
	return api
}

// StartPlainAPI is StartAPI without TLS.
func StartPlainAPI(t testing.TB, check Check) *API {
	t.Helper()
	api := &API{}
	s := httptest.NewServer(api.handler(check))
	t.Cleanup(s.Close)
	api.URL = s.URL
	return api
}

func (a *API) handler(check Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		a.mu.Lock()
		a.tokens = append(a.tokens, token)
		a.mu.Unlock()
		subject, err := check(r.Context(), token)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, subject)
	})
}

// Tokens returns the different tokens seen so far, in order of appearance.
func (a *API) Tokens() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []string
	seen := map[string]bool{}
	for _, token := range a.tokens {
		if !seen[token] {
			seen[token] = true
			list = append(list, token)
		}
	}
	return list
}

// StartTLS serves h on a free port with the certificate of pair, and returns
// its URL.
func StartTLS(t testing.TB, pair Pair, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair.TLS}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// introspect returns a check that asks an introspection endpoint (RFC 7662).
func introspect(client *http.Client, endpoint, id, secret string) Check {
	return func(ctx context.Context, token string) (string, error) {
		form := url.Values{"token": {token}, "client_id": {id}, "client_secret": {secret}}
		var answer struct {
			Active  bool   `json:"active"`
			Subject string `json:"sub"`
			Client  string `json:"client_id"`
		}
		if err := postForm(ctx, client, endpoint, form, &answer); err != nil {
			return "", err
		}
		if !answer.Active {
			return "", errors.New("the token is not active")
		}
		if answer.Subject != "" {
			return answer.Subject, nil
		}
		return answer.Client, nil
	}
}

func postForm(ctx context.Context, client *http.Client, endpoint string, form url.Values,
	into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint,
		strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", endpoint, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// freePort returns a port that was free a moment ago, for a server that cannot
// choose one itself.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
