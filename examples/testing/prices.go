// Package prices is a program's own package that calls an API with a session, and shows how such a
// package is tested. The guide is docs/guides/testing.md.
package prices

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/authsession/authsession/core"
)

// Client calls the API of prices. It takes the session as an argument, so that a test can give
// another one.
type Client struct {
	Session *core.Session
	URL     string
}

// Today returns the price of today.
func (c Client) Today(ctx context.Context) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/today", nil)
	if err != nil {
		return 0, err
	}
	resp, err := c.Session.Client().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("prices: %s", resp.Status)
	}
	var answer struct{ Price float64 }
	err = json.NewDecoder(resp.Body).Decode(&answer)
	return answer.Price, err
}

// Ready answers 200 if all sessions can serve a request, and otherwise 503 with the names and
// states of those that cannot. It sends nothing to other servers.
func Ready(sessions ...*core.Session) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		status, text := http.StatusOK, ""
		for _, s := range sessions {
			if st := s.Status(); !serves(st) {
				status, text = http.StatusServiceUnavailable, text+st.Name+": "+st.State.String()+"\n"
			}
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, text)
	})
}

// serves reports whether a request of the session would be sent.
func serves(st core.Status) bool {
	switch st.State {
	case core.StateFresh, core.StateStale:
		return true
	case core.StateExpired: // idle: the next request renews, unless renewals fail
		return st.LastError == nil
	}
	return false
}
