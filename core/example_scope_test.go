package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/core"
)

// tokenProvider returns a provider whose credential is one bearer token.
func tokenProvider(token string) core.Provider {
	return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return bearerCredential(token), nil
	})
}

// bearerCredential returns a credential that sends a token as RFC 6750 says.
func bearerCredential(token string) core.Credential {
	value := core.NewSecret("Bearer " + token)
	header := map[string]core.Secret{"Authorization": value}
	return core.Credential{Attach: core.Attachment{Header: header}}
}

// echoServer starts an API that answers each request with its Authorization header.
func echoServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}))
}

// Within the function, the session is current for every call that gets its context. Do initialises
// the session and closes it at the end.
func ExampleDo() {
	ctx := context.Background()
	session := core.New("reports", tokenProvider("t1"), nil)
	err := core.Do(ctx, session, func(ctx context.Context) error {
		current, err := core.Current(ctx)
		if err != nil {
			return err
		}
		fmt.Println("in the function:", current)
		return nil
	})
	fmt.Println(err, session)
	// Output:
	// in the function: session "reports" (fresh)
	// <nil> session "reports" (closed)
}

// With makes several sessions current. A client of core uses the one whose origins hold the URL.
func ExampleWith() {
	orders, prices := echoServer(), echoServer()
	defer orders.Close()
	defer prices.Close()
	session := func(name, token, origin string) *core.Session {
		return core.New(name, tokenProvider(token),
			&core.Options{Lazy: true, Origins: []string{origin}})
	}
	ctx := core.With(context.Background(),
		session("orders", "for-orders", orders.URL), session("prices", "for-prices", prices.URL))

	for _, url := range []string{orders.URL, prices.URL} {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		resp, err := core.Client().Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		var token string
		fmt.Fscan(resp.Body, &token, &token)
		resp.Body.Close()
		fmt.Println(token)
	}
	// Output:
	// for-orders
	// for-prices
}

// Use sets the current session of the process.
func ExampleUse() {
	ctx := context.Background()
	session := core.New("prices", tokenProvider("t1"), nil)
	if err := core.Use(ctx, session); err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close(ctx)
	defer core.RemoveCurrent(session)

	current, err := core.Current(ctx)
	fmt.Println(current, err)
	// Output:
	// session "prices" (fresh) <nil>
}
