package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// server is an authorization server, with a refresh token that it rotates, and an
// API that takes its tokens.
type server struct {
	url  string
	http *httptest.Server

	mu       sync.Mutex
	lifetime int             // of tokens, in seconds
	delay    time.Duration   // of token requests
	down     bool            // token requests are answered with 503
	pending  bool            // a person takes their time
	deny     bool            // a person denies
	norevoke bool            // revocations are answered with 503
	issued   int             // tokens
	renewed  int             // of them, with a refresh token
	asked    int             // people
	refused  int             // refresh tokens that were spent before
	refresh  map[string]bool // tokens that can be used once
	revoked  map[string]bool
	codes    map[string]bool
}

func startServer() (*server, error) {
	s := &server{
		lifetime: 3600, refresh: map[string]bool{}, revoked: map[string]bool{}, codes: map[string]bool{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /device", s.device)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("POST /sts", sts)
	mux.HandleFunc("/api/", s.api)
	s.http = httptest.NewServer(mux)
	s.url = s.http.URL
	return s, nil
}

func (s *server) close() { s.http.Close() }

// device issues a code that anybody enters at once.
func (s *server) device(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"device_code": "the-device-code", "user_code": "WDJB-MJHT", "verification_uri": s.url + "/go",
		"expires_in": 900, "interval": 1,
	})
}

// authorize signs anybody in at once, or when pending ends.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked++
	code := fmt.Sprintf("code%d", s.asked)
	s.codes[code] = true
	s.mu.Unlock()
	for s.isPending() {
		time.Sleep(20 * time.Millisecond)
	}
	q := r.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deny {
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+
			url.Values{"error": {"access_denied"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
		return
	}
	back := q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	http.Redirect(w, r, back, http.StatusFound)
}

func (s *server) isPending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending
}

// wait takes as long as delay says, or until the client has gone.
func (s *server) wait(r *http.Request) {
	_ = r.ParseForm() // only a server that has read the body notices
	s.mu.Lock()
	delay := s.delay
	s.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-time.After(delay):
	}
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	s.wait(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"token_type": "Bearer", "expires_in": s.lifetime}
	switch grant := r.FormValue("grant_type"); {
	case s.down:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case grant == "client_credentials" && clientOf(r) != "wrong":
	case grant == "authorization_code" && s.codes[r.FormValue("code")]:
		delete(s.codes, r.FormValue("code"))
		answer["refresh_token"] = s.newRefresh()
	case r.FormValue("device_code") == "the-device-code" && !s.pending:
		answer["refresh_token"] = s.newRefresh()
	case r.FormValue("device_code") != "":
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": "authorization_pending"})
		return
	case grant == "refresh_token" && s.refresh[r.FormValue("refresh_token")]:
		delete(s.refresh, r.FormValue("refresh_token"))
		s.renewed++
		answer["refresh_token"] = s.newRefresh()
	default:
		if grant == "refresh_token" {
			s.refused++
		}
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"error": "invalid_grant"}
		if grant == "client_credentials" {
			answer = map[string]any{"error": "invalid_client"}
		}
		_ = json.NewEncoder(w).Encode(answer)
		return
	}
	s.issued++
	answer["access_token"] = fmt.Sprintf("token-%d", s.issued)
	_ = json.NewEncoder(w).Encode(answer)
}

func clientOf(r *http.Request) string {
	if name, _, ok := r.BasicAuth(); ok {
		return name
	}
	return r.FormValue("client_id")
}

func (s *server) newRefresh() string {
	token := fmt.Sprintf("refresh-%d", s.issued+1)
	s.refresh[token] = true
	return token
}

func (s *server) revoke(w http.ResponseWriter, r *http.Request) {
	s.wait(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.norevoke {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.revoked[r.FormValue("token")] = true
	delete(s.refresh, r.FormValue("token"))
}

// api answers with what it got, if the token is good.
func (s *server) api(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	good := strings.HasPrefix(token, "token-") && !s.revoked[token]
	s.mu.Unlock()
	switch {
	case !good:
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
	case strings.HasPrefix(r.URL.Path, "/api/status/"):
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/api/status/"))
		http.Error(w, "as you wish", status)
	case r.URL.Path == "/api/away":
		http.Redirect(w, r, "http://localhost:1/elsewhere", http.StatusFound)
	default:
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "yes")
		fmt.Fprintf(w, "%s %s %s %s [%s] %s\n",
			r.Method, r.URL.RequestURI(), token, r.Header.Get("Content-Type"), body, r.Header.Get("X-Extra"))
	}
}

// sts is a Security Token Service.
func sts(w http.ResponseWriter, r *http.Request) {
	role := r.FormValue("RoleArn")
	switch {
	case r.FormValue("Action") != "AssumeRoleWithWebIdentity" || role == "nonsense":
		fmt.Fprint(w, "<html>")
	case strings.HasSuffix(role, "/no"):
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(
			w,
			`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>`+
				`<Code>AccessDenied</Code><Message>not yours</Message></Error></ErrorResponse>`,
		)
	default:
		fmt.Fprintf(
			w,
			`<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
				`<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA-%s</AccessKeyId>`+
				`<SecretAccessKey>%s</SecretAccessKey><SessionToken>session&amp;1</SessionToken>`+
				`<Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
			r.FormValue("WebIdentityToken"),
			role,
			time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		)
	}
}

// control is what scripts say to the server.
func (s *server) control(what string, args []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := 0
	if len(args) > 0 {
		var err error
		if number, err = strconv.Atoi(args[0]); err != nil && what != "revoke" {
			return err
		}
	}
	expect := func(got int) error {
		if got != number {
			return fmt.Errorf("%s: %d, want %d", what, got, number)
		}
		return nil
	}
	switch what {
	case "lifetime":
		s.lifetime = number
	case "delay":
		s.delay = time.Duration(number) * time.Millisecond
	case "down":
		s.down = number != 0
	case "norevoke":
		s.norevoke = number != 0
	case "deny":
		s.deny = number != 0
	case "pending":
		s.pending = number != 0
	case "revoke": // an access token
		s.revoked[args[0]] = true
	case "forget": // the refresh tokens
		clear(s.refresh)
	case "issued":
		return expect(s.issued)
	case "renewed":
		return expect(s.renewed)
	case "asked":
		return expect(s.asked)
	case "spent":
		return expect(s.refused)
	case "revoked":
		return expect(len(s.revoked))
	default:
		return fmt.Errorf("unknown: %s", what)
	}
	return nil
}
