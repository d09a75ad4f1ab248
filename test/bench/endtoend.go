package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"time"

	"golang.org/x/oauth2"
)

// things answers requests that carry the token.
func things(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+kilobyte {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, `{"id":42,"name":"a thing"}`)
}

// get returns a function that sends one request, with the header or without, and wants a 200.
func get(address string, client *http.Client, header bool) func() error {
	return func() error {
		req, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if header {
			req.Header.Set("Authorization", "Bearer "+kilobyte)
		}
		resp, err := client.Do(req)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("the API answers %s", resp.Status)
		}
		if err != nil {
			return err
		}
		return drop(resp, nil)
	}
}

// endToEndRows sends whole requests to an API over TLS on the loopback, and
// compares with a plain client that sends the same header by itself.
func endToEndRows() ([]row, func()) {
	api := httptest.NewTLSServer(http.HandlerFunc(things))
	address := api.URL + "/v1/things/42"
	var transports []*http.Transport
	transport := func() *http.Transport {
		t := api.Client().Transport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64
		transports = append(transports, t)
		return t
	}
	source := oauth2.ReuseTokenSource(nil,
		oauth2.StaticTokenSource(&oauth2.Token{AccessToken: kilobyte, Expiry: inAnHour}))
	session := &http.Client{Transport: ready(kilobyte).Transport(transport())}
	plain := &http.Client{Transport: transport()}
	library := &http.Client{Transport: &oauth2.Transport{Source: source, Base: transport()}}
	calls := []getter{
		{"authsession Client", ours, get(address, session, false)},
		{"plain http.Client, header set by hand", peer, get(address, plain, true)},
		{"x/oauth2 client", peer, get(address, library, false)},
	}
	one := row{
		title: "End to end over TLS, one goroutine",
		text: "A GET to a server on the loopback, HTTP/1.1 with kept connections, 1 KiB token. " +
			"The last column compares with the better of the other two.",
		unit: time.Microsecond,
	}
	many := row{
		title: "End to end over TLS, all cores busy",
		text: fmt.Sprintf("The same from %d goroutines at once; time by the wall for each request.",
			runtime.GOMAXPROCS(0)),
		unit: time.Microsecond,
	}
	for _, c := range calls {
		one.subs = append(one.subs, contender{c.name, c.role, single(c.get)})
		many.subs = append(many.subs, contender{c.name, c.role, parallel(c.get)})
	}
	return []row{one, many}, func() {
		for _, t := range transports {
			t.CloseIdleConnections()
		}
		api.Close()
	}
}
