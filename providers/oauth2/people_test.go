package oauth2_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// people is an authorization server with a public client that signs in any person. It refuses what
// RFC 6749, 7636, 8628 and 9126 let a server refuse.
type people struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu       sync.Mutex // guards all below
	meta     map[string]any
	codes    map[string]url.Values // code → the authorization request
	pushed   map[string]url.Values
	refresh  string
	requests []request
	answer   func(url.Values)     // changes the answer in the browser
	claims   func(map[string]any) // changes the ID token
	sign     func(string) string  // changes the signed ID token
	device   []map[string]any     // answers to polls, in turn; then a token
	override map[string]http.HandlerFunc
}

func newPeople(t *testing.T) *people {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s := &people{key: key, codes: map[string]url.Values{}, pushed: map[string]url.Values{},
		override: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	s.meta = map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize?tenant=t1",
		"token_endpoint":                s.URL + "/token",
		"device_authorization_endpoint": s.URL + "/device", "jwks_uri": s.URL + "/jwks",
		"authorization_response_iss_parameter_supported": true,
	}
	return s
}

func (s *people) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// ServeHTTP implements http.Handler.
func (s *people) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request{r.URL.Path, r.Form, r.Header.Get("Authorization")})
	if h := s.override[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/oauth-authorization-server":
		writeJSON(w, 200, s.meta)
	case "/jwks":
		writeJSON(w, 200,
			jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), Algorithm: "ES256"}}})
	case "/par":
		name := "urn:ietf:params:oauth:request_uri:" + rand.Text()
		s.pushed[name] = maps.Clone(r.PostForm)
		writeJSON(w, 201, map[string]any{"request_uri": name, "expires_in": 60})
	case "/authorize":
		s.authorize(w, r)
	case "/device":
		writeJSON(w, 200, map[string]any{
			"device_code": "the-device-code", "user_code": "WDJB-MJHT", "verification_uri": s.URL + "/go",
			"verification_uri_complete": s.URL + "/go?user_code=WDJB-MJHT", "expires_in": 900, "interval": 1,
		})
	case "/token":
		s.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *people) authorize(w http.ResponseWriter, r *http.Request) {
	form := r.URL.Query()
	if name := form.Get("request_uri"); name != "" {
		form = s.pushed[name]
		delete(s.pushed, name)
	}
	if form.Get("response_type") != "code" || form.Get("code_challenge_method") != "S256" ||
		form.Get("client_id") != clientID || r.URL.Query().Get("tenant") != "t1" {
		http.Error(w, "not a good request", 400)
		return
	}
	code := rand.Text()
	s.codes[code] = form
	answer := url.Values{"code": {code}, "state": form["state"], "iss": {s.URL}}
	if s.answer != nil {
		s.answer(answer)
	}
	http.Redirect(w, r, form.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (s *people) token(w http.ResponseWriter, r *http.Request) {
	form := r.PostForm
	nonce := ""
	switch form.Get("grant_type") {
	case "authorization_code":
		asked, ok := s.codes[form.Get("code")]
		delete(s.codes, form.Get("code"))
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") ||
			form.Get("redirect_uri") != asked.Get("redirect_uri") || form.Has("scope") {
			writeJSON(w, 400, map[string]any{"error": "invalid_grant"})
			return
		}
		nonce = asked.Get("nonce")
	case "refresh_token":
		if s.refresh == "" || form.Get("refresh_token") != s.refresh {
			writeJSON(w, 400, map[string]any{"error": "invalid_grant"})
			return
		}
	case "urn:ietf:params:oauth:grant-type:device_code":
		if len(s.device) > 0 {
			next := s.device[0]
			s.device = s.device[1:]
			writeJSON(w, 400, next)
			return
		}
	default:
		writeJSON(w, 400, map[string]any{"error": "unsupported_grant_type"})
		return
	}
	s.refresh = "rt-" + rand.Text()
	access := "at-" + rand.Text()
	writeJSON(w, 200, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": s.refresh,
		"id_token": s.idToken(access, nonce),
	})
}

// idToken makes an ID token. s.mu is held.
func (s *people) idToken(access, nonce string) string {
	sum := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": s.URL, "sub": "person-1", "aud": clientID, "exp": time.Now().Add(time.Hour).Unix(),
		"iat":     time.Now().Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]), "email": "ada@example.com",
		"preferred_username": "ada",
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if s.claims != nil {
		s.claims(claims)
	}
	payload, _ := json.Marshal(claims)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key}, nil)
	if err != nil {
		panic(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	if s.sign != nil {
		text = s.sign(text)
	}
	return text
}

// open makes a provider that signs people in.
func (s *people) open(t *testing.T, changes map[string]any) core.Provider {
	t.Helper()
	settings := map[string]any{"grant": "authorization_code", "issuer": s.URL, "client_id": clientID,
		"scopes": []any{"openid", "read"}}
	for name, value := range changes {
		if settings[name] = value; value == nil {
			delete(settings, name)
		}
	}
	p, err := oauth2.Factory.Open(t.Context(), "", settings)
	require.NoError(t, err)
	return p
}

// seen returns the requests to a path.
func (s *people) seen(path string) []request {
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

// window is the browser of a person: it follows redirects and keeps the last
// page.
type window struct {
	pages chan string
}

var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
	Timeout: 20 * time.Second}

func newWindow() *window { return &window{pages: make(chan string, 10)} }

// visit opens a URL and returns the page that it ends on.
func visit(url string) string {
	resp, err := web.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

func (w *window) ui() core.UI {
	return core.UI{Open: func(_ context.Context, url string) error {
		go func() { w.pages <- visit(url) }()
		return nil
	}}
}

// signIn signs a person in and returns the page that they saw last.
func signIn(t *testing.T, p core.Provider) (core.Credential, string, error) {
	t.Helper()
	w := newWindow()
	c, err := p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, w.ui())
	select {
	case page := <-w.pages:
		return c, page, err
	case <-time.After(10 * time.Second):
		require.FailNow(t, "the person saw no page")
		return c, "", err
	}
}

var errBrowser = errors.New("exec: xdg-open is not there")

func contains(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
