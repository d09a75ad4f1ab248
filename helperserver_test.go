package authsession_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"
)

// firstToken is what the servers do with the first access token.
type firstToken struct {
	life        int // in seconds
	refused     bool
	refusedOnce bool // but one time only
}

// rotating is a token server that exchanges the refresh token at each renewal, and an API.
type rotating struct {
	*httptest.Server
	first firstToken
	spent chan struct{} // closed when the first refresh token is spent

	mu      sync.Mutex // guards all below
	meeting int        // how many processes meet
	expiry  time.Time  // of the first access token
	issued  int        // access and refresh tokens, numbered from 1
	signIns int
	reused  int
	refused int
	waiting map[string][]chan struct{}
}

func newRotating(t *testing.T, first firstToken, meeting int) *rotating {
	s := &rotating{
		first: first, meeting: meeting,
		spent: make(chan struct{}), waiting: map[string][]chan struct{}{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /api", s.api)
	mux.HandleFunc("GET /meet", s.meet)
	mux.HandleFunc("GET /spent", func(_ http.ResponseWriter, r *http.Request) { wait(r, s.spent) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// count returns one of the counters.
func (s *rotating) count(of *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *of
}

// meetAlone lets each process continue at once.
func (s *rotating) meetAlone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meeting = 0
}

func (s *rotating) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.signIns++
	s.mu.Unlock()
	back := r.FormValue("redirect_uri") + "?code=c&state=" + url.QueryEscape(r.FormValue("state"))
	http.Redirect(w, r, back, http.StatusFound)
}

func (s *rotating) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	renewal := r.FormValue("grant_type") == "refresh_token"
	if renewal && r.FormValue("refresh_token") != "r"+strconv.Itoa(s.issued) {
		s.reused++
		s.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error": "invalid_grant"}`)
		return
	}
	s.issued++ // the old refresh token is spent when the request arrives
	n, life := s.issued, 3600
	if n == 1 {
		life = s.first.life
		s.expiry = time.Now().Add(time.Duration(life) * time.Second)
	}
	if n == 2 {
		close(s.spent)
	}
	s.mu.Unlock()
	if n > 1 {
		time.Sleep(50 * time.Millisecond) // while the others want one, too
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": fmt.Sprintf("a%d", n), "refresh_token": fmt.Sprintf("r%d", n),
		"token_type": "Bearer", "expires_in": life,
	})
}

func (s *rotating) api(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := r.Header.Get("Authorization") == "Bearer a1"
	if first && s.first.refused && (s.refused == 0 || !s.first.refusedOnce) {
		s.refused++
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// meet answers when enough requests wait at the same place, and not before a first access token
// that lives for seconds has expired.
func (s *rotating) meet(_ http.ResponseWriter, r *http.Request) {
	at, released := r.FormValue("at"), make(chan struct{})
	s.mu.Lock()
	s.waiting[at] = append(s.waiting[at], released)
	if len(s.waiting[at]) >= s.meeting {
		for _, c := range s.waiting[at] {
			close(c)
		}
		s.waiting[at] = nil
	}
	expiry := s.expiry
	s.mu.Unlock()
	if s.first.life < 60 {
		time.Sleep(time.Until(expiry))
	}
	wait(r, released)
}

// wait returns when a channel is closed, or the client has gone away.
func wait(r *http.Request, c <-chan struct{}) {
	select {
	case <-c:
	case <-r.Context().Done():
	}
}
