package oauth2_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
)

const (
	clientID = "app:1"
	secret   = "s+e c/r&t=~%41"
)

// server is an authorization server for one client. It refuses what RFC 6749 lets a server refuse.
type server struct {
	*httptest.Server
	mu        sync.Mutex // guards all below
	requests  []request
	refresh   string // the refresh token that is good; "": none is given
	rotate    bool   // each use of a refresh token brings another
	metadata  map[string]map[string]any
	override  http.HandlerFunc // instead of a token
	revoked   []string
	proof     func(*http.Request) bool // instead of the secret
	expiresIn any
}

type request struct {
	path string
	form url.Values
	auth string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{metadata: map[string]map[string]any{}, expiresIn: 3600}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request{r.URL.Path, r.PostForm, r.Header.Get("Authorization")})
	if doc, ok := s.metadata[r.URL.Path]; ok {
		writeJSON(w, 200, doc)
		return
	}
	switch r.URL.Path {
	case "/token":
		if s.override != nil {
			s.override(w, r)
			return
		}
		s.token(w, r)
	case "/revoke":
		if s.authenticated(r) {
			s.revoked = append(s.revoked, r.PostForm.Get("token_type_hint"))
			return
		}
		writeJSON(w, 401, map[string]any{"error": "invalid_client"})
	default:
		http.NotFound(w, r)
	}
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	answer := map[string]any{"access_token": "at-" + rand.Text(), "token_type": "bearer",
		"expires_in": s.expiresIn}
	switch grant := r.PostForm.Get("grant_type"); {
	case !s.authenticated(r):
		writeJSON(w, 401,
			map[string]any{"error": "invalid_client",
				"error_description": "no: " + r.Header.Get("Authorization") + secret})
		return
	case grant == "refresh_token" && r.PostForm.Get("refresh_token") != s.refresh:
		writeJSON(w, 400, map[string]any{"error": "invalid_grant"})
		return
	case grant == "refresh_token" && s.rotate, grant != "refresh_token" && s.refresh != "":
		s.refresh = "rt-" + rand.Text()
		answer["refresh_token"] = s.refresh
	}
	writeJSON(w, 200, answer)
}

// authenticated checks the client's one way of authentication.
func (s *server) authenticated(r *http.Request) bool {
	if s.proof != nil {
		return s.proof(r)
	}
	user, pass, basic := r.BasicAuth()
	if basic {
		id, _ := url.QueryUnescape(user)
		key, _ := url.QueryUnescape(pass)
		return id == clientID && key == secret && !r.PostForm.Has("client_secret")
	}
	return r.PostForm.Get("client_id") == clientID && r.PostForm.Get("client_secret") == secret
}

func writeJSON(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

// seen returns the requests to a path.
func (s *server) seen(path string) []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []request
	for _, r := range s.requests {
		if r.path == path {
			list = append(list, r)
		}
	}
	return list
}

// set changes the server under its lock.
func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// settings returns valid settings for s, with changes.
func (s *server) settings(changes map[string]any) map[string]any {
	settings := map[string]any{"token_url": s.URL + "/token", "client_id": clientID,
		"client_secret": secret}
	for name, value := range changes {
		if value == nil {
			delete(settings, name)
		} else {
			settings[name] = value
		}
	}
	return settings
}

// open makes a provider for s.
func (s *server) open(t *testing.T, changes map[string]any) core.Provider {
	t.Helper()
	p, err := oauth2.Factory.Open(t.Context(), "", s.settings(changes))
	require.NoError(t, err)
	return p
}

func requireClean(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err),
		fmt.Sprintf("%#v", err)} {
		require.False(t,
			strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)),
			"an error shows the secret")
	}
}
