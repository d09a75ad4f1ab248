package oauth2_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// proofs checks proofs as RFC 9449 §4.3 says, each once.
type proofs struct {
	nonce string          // that a proof must hold; "": none is wanted
	each  bool            // another nonce with each answer
	seen  map[string]bool // by jti
	fast  time.Duration   // of this server's clock
}

// check returns the thumbprint of the key, or the error code for what is wrong.
func (p *proofs) check(r *http.Request, token string) (thumbprint, code string) {
	jws, err := jose.ParseSignedCompact(r.Header.Get("DPoP"),
		[]jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.RS256, jose.PS256})
	if err != nil || len(r.Header.Values("DPoP")) != 1 {
		return "", "invalid_dpop_proof"
	}
	header := jws.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != "dpop+jwt" || header.JSONWebKey == nil ||
		!header.JSONWebKey.IsPublic() {
		return "", "invalid_dpop_proof"
	}
	body, err := jws.Verify(header.JSONWebKey)
	var c struct {
		ID, Method, Target, Hash, Nonce string
		Issued                          int64
	}
	var raw map[string]any
	if err != nil || json.Unmarshal(body, &raw) != nil {
		return "", "invalid_dpop_proof"
	}
	for name, into := range map[string]*string{"jti": &c.ID, "htm": &c.Method, "htu": &c.Target,
		"ath": &c.Hash, "nonce": &c.Nonce} {
		*into, _ = raw[name].(string)
	}
	issued, _ := raw["iat"].(float64)
	off := time.Now().Add(p.fast).Sub(time.Unix(int64(issued), 0)).Abs()
	hash := ""
	if token != "" {
		sum := sha256.Sum256([]byte(token))
		hash = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if c.Method != r.Method || c.Target != "http://"+r.Host+r.URL.EscapedPath() || c.Hash != hash ||
		off > time.Minute || c.ID == "" || p.seen[c.ID] {
		return "", "invalid_dpop_proof"
	}
	if c.Nonce != p.nonce {
		return "", "use_dpop_nonce"
	}
	p.seen[c.ID] = true
	print, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", "invalid_dpop_proof"
	}
	return base64.RawURLEncoding.EncodeToString(print), ""
}

// tell writes the nonce for the next proof.
func (p *proofs) tell(w http.ResponseWriter) {
	if p.each {
		p.nonce = "n-" + rand.Text()
	}
	if p.nonce != "" {
		w.Header().Set("DPoP-Nonce", p.nonce)
	}
	w.Header().Set("Date", time.Now().Add(p.fast).UTC().Format(http.TimeFormat))
}

// boundServers are an authorization server and an API that want proofs.
type boundServers struct {
	login, api *httptest.Server
	mu         sync.Mutex // guards all below
	loginWants proofs
	apiWants   proofs
	bound      map[string]string // thumbprints by access token and by refresh token
	answer     map[string]any    // what is other in a token answer
	refresh    bool              // a refresh token is given, another each time
	grants     []string          // of the token requests that were good
	tokens     int               // token requests, also refused ones
	calls      int               // requests to the API, also refused ones
	bodies     []string          // of the calls that were good
}

func newBoundServers(t *testing.T) *boundServers {
	t.Helper()
	s := &boundServers{bound: map[string]string{}, answer: map[string]any{},
		loginWants: proofs{seen: map[string]bool{}}, apiWants: proofs{seen: map[string]bool{}}}
	s.login = httptest.NewServer(http.HandlerFunc(s.token))
	s.api = httptest.NewServer(http.HandlerFunc(s.call))
	t.Cleanup(s.login.Close)
	t.Cleanup(s.api.Close)
	return s
}

// wantNonces makes both servers want a nonce, another each time.
func (s *boundServers) wantNonces() *boundServers {
	s.loginWants.nonce, s.loginWants.each = "first-of-login", true
	s.apiWants.nonce, s.apiWants.each = "first-of-api", true
	return s
}

func (s *boundServers) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *boundServers) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens++
	key, code := s.loginWants.check(r, "")
	s.loginWants.tell(w)
	refresh := r.PostForm.Get("refresh_token")
	if code == "" && r.PostForm.Get("grant_type") == "refresh_token" && s.bound[refresh] != key {
		code = "invalid_grant"
	}
	if code != "" {
		writeJSON(w, 400,
			map[string]any{"error": code, "error_description": "a proof of " + r.Header.Get("DPoP")})
		return
	}
	delete(s.bound, refresh)
	s.grants = append(s.grants, r.PostForm.Get("grant_type"))
	access := "at-" + rand.Text()
	answer := map[string]any{"access_token": access, "token_type": "DPoP", "expires_in": 3600}
	s.bound[access] = key
	if s.refresh {
		next := "rt-" + rand.Text()
		answer["refresh_token"], s.bound[next] = next, key
	}
	maps.Copy(answer, s.answer)
	writeJSON(w, 200, answer)
}

func (s *boundServers) call(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP ")
	key, code := s.apiWants.check(r, token)
	s.apiWants.tell(w)
	if code == "" && s.bound[token] != key {
		code = "invalid_token"
	}
	switch {
	case code != "":
		w.Header().Set("WWW-Authenticate", `DPoP error="`+code+`", algs="ES256"`)
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/moved":
		http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
	default:
		s.bodies = append(s.bodies, string(body))
	}
}

// open makes a provider for s, with dpop.
func (s *boundServers) open(t *testing.T, changes map[string]any) core.Provider {
	t.Helper()
	settings := map[string]any{"token_url": s.login.URL + "/token", "client_id": clientID,
		"client_secret": secret, "dpop": true}
	maps.Copy(settings, changes)
	p, err := oauth2.Factory.Open(t.Context(), "", settings)
	require.NoError(t, err)
	return p
}

// session is an initialised session for the API of s.
func (s *boundServers) session(t *testing.T, changes map[string]any) *core.Session {
	t.Helper()
	session := core.New("bound", s.open(t, changes), &core.Options{Origins: []string{s.api.URL}})
	require.NoError(t, session.Init(t.Context()))
	t.Cleanup(func() { _ = session.Close(t.Context()) })
	return session
}
