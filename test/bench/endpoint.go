package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// endpoint is a token endpoint whose mood can be changed while it serves.
type endpoint struct {
	URL      string
	delay    atomic.Int64 // of each answer, in nanoseconds
	life     atomic.Int64 // of each token, in seconds
	mood     atomic.Int32
	requests atomic.Int64

	server *httptest.Server
	over   chan struct{}
}

// The moods of an endpoint.
const (
	healthy  int32 = iota
	failing        // 500
	refusing       // 401 invalid_client
	hanging        // accepts and never answers
)

func newEndpoint(life, delay time.Duration) *endpoint {
	e := &endpoint{over: make(chan struct{})}
	e.life.Store(int64(life / time.Second))
	e.delay.Store(int64(delay))
	e.server = httptest.NewServer(e)
	e.URL = e.server.URL
	return e
}

// close ends the endpoint, and with it every request that hangs.
func (e *endpoint) close() {
	close(e.over)
	e.server.CloseClientConnections()
	e.server.Close()
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := e.requests.Add(1)
	mood := e.mood.Load()
	_, _ = io.Copy(io.Discard, r.Body)
	wait := time.NewTimer(time.Duration(e.delay.Load()))
	defer wait.Stop()
	var answer <-chan time.Time
	if mood != hanging {
		answer = wait.C
	}
	select {
	case <-answer:
	case <-r.Context().Done():
		return
	case <-e.over:
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch mood {
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, `{"error":"server_error"}`)
	case refusing:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error":"invalid_client"}`)
	default:
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, n,
			e.life.Load())
	}
}

// nextRequest waits for another request and returns how long that took, or -1.
func (e *endpoint) nextRequest(limit time.Duration) time.Duration {
	seen, began := e.requests.Load(), time.Now()
	for time.Since(began) < limit {
		if e.requests.Load() > seen {
			return time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	return -1
}

// token is what a library gets that leaves the exchange to its user.
type token struct {
	value  string
	expiry time.Time
}

// exchange is the plainest client credentials request there is.
func exchange(ctx context.Context, client *http.Client, endpoint string) (token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"bench"},
		"client_secret": {"bench"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint,
		strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return token{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return token{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return token{}, errors.New("the endpoint answers " + resp.Status)
	}
	var doc struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return token{}, err
	}
	return token{doc.AccessToken, time.Now().Add(time.Duration(doc.ExpiresIn) * time.Second)}, nil
}
