package browser

import (
	"context"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Feed handles one request with a query, without a socket, and checks that the listener accepts it
// only with the state, and that the page does not contain the query.
func Feed(t *testing.T, l *Listener, state, query string) {
	t.Helper()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case arrived := <-l.redirects:
			arrived.page = SignedIn
			close(arrived.decided)
		case <-stop:
		}
	}()
	r := httptest.NewRequestWithContext(context.Background(), "GET", l.URL(), nil)
	r.Host, r.URL.RawQuery = l.hosts[0], query
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	values, err := url.ParseQuery(query)
	good := err == nil && len(values["state"]) == 1 && values.Get("state") == state
	if good != (w.Code == 200) {
		t.Fatalf("query %q is answered with %d", query, w.Code)
	}
	kind := OtherSignIn
	switch {

	case good:
		kind = SignedIn
	case query == "":
		kind = NoAnswer
	}
	if w.Body.String() != string(Page(kind, l.cfg.Server)) {
		t.Fatal("the page is not that of the template")
	}
}

// MaxConnections is maxConnections.
const MaxConnections = maxConnections

// Connections returns how many connections the listener has.
func (l *Listener) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}
