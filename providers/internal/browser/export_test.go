package browser

import (
	"context"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Feed answers one redirect with a query, without a socket, and checks that
// the query reached finish only with the state, and the page never.
func Feed(t *testing.T, l *Listener, state, query string) {
	t.Helper()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case v := <-l.came:
			v.page = SignedIn
			close(v.told)
		case <-stop:
		}
	}()
	r := httptest.NewRequestWithContext(context.Background(), "GET", l.URL(), nil)
	r.Host, r.URL.RawQuery = l.host, query
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	values, err := url.ParseQuery(query)
	good := err == nil && len(values["state"]) == 1 && values.Get("state") == state
	if good != (w.Code == 200) {
		t.Fatalf("query %q is answered with %d", query, w.Code)
	}
	if w.Body.String() != string(Page(map[bool]Kind{true: SignedIn, false: Foreign}[good], l.cfg.Server)) {
		t.Fatal("the page is not one of ours")
	}
}
