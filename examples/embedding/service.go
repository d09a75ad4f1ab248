package main

import (
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/registry/config"
)

// newService listens on the loopback and answers /reports and /prices with what
// the API tells the session of that name. A handler keeps its session for
// good: it stays the same one when its provider changes.
func newService(cfg *config.Config) (*httptest.Server, error) {
	mux := http.NewServeMux()
	for _, name := range []string{"reports", "prices"} {
		session, err := cfg.Session(name)
		if err != nil {
			return nil, err
		}
		client := session.Client()
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			// The first request authenticates the session; then Init is at once back.
			if err := session.Init(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			req, err := http.NewRequestWithContext(
				r.Context(),
				http.MethodGet,
				session.Status().Attributes["base_url"]+"/v1/whoami",
				nil,
			)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			resp, err := client.Do(req)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer resp.Body.Close()
			w.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(w, resp.Body)
		})
	}
	return httptest.NewServer(mux), nil
}
