package oauth2_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	xoauth2 "golang.org/x/oauth2"
)

// A session asks the token endpoint once and puts the token on every request.
func Example() {
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("token request:", r.FormValue("grant_type"), r.FormValue("scope"))
		fmt.Fprint(w,
			`{"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer", "expires_in": 3600}`)
	}))
	defer login.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "seen: ", r.Header.Get("Authorization"))
	}))
	defer api.Close()

	ctx := context.Background()
	provider, err := oauth2.Factory.Open(ctx, "", map[string]any{
		"token_url":     login.URL + "/token",
		"client_id":     "my-app",
		"client_secret": "hunter2",
		"scopes":        []any{"invoices.read"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("billing", provider, &core.Options{Origins: []string{api.URL}})
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	for range 2 {
		resp, err := s.Client().Get(api.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Printf("%s\n", text)
	}
	// Output:
	// token request: client_credentials invoices.read
	// seen: Bearer 2YotnFZFEjr1zCsicMWpAA
	// seen: Bearer 2YotnFZFEjr1zCsicMWpAA
}

// A program writes the settings as a literal: a client that authenticates with its private key, for
// a token that is bound to a key of the session.
func ExampleNew() {
	_, err := oauth2.New(oauth2.Config{
		Issuer:    "https://login.example.com",
		ClientID:  "my-app",
		ClientKey: oauth2.PrivateKey{File: "/run/secrets/client.pem", ID: "2026-11"},
		Scopes:    []string{"invoices.read"},
		TLS:       oauth2.Certificates{CAFile: "/etc/ssl/login-ca.pem"},
		DPoP:      true,
	})
	fmt.Println(err)
	// Output: <nil>
}

// newBilling returns a session whose settings are a literal. docs/providers/oauth2.md shows it.
func newBilling(issuer string, origins ...string) (*core.Session, error) {
	provider, err := oauth2.New(oauth2.Config{
		Issuer:       issuer,
		ClientID:     "my-app",
		ClientSecret: core.NewSecret(os.Getenv("BILLING_SECRET")),
		Scopes:       []string{"invoices.read"},
	})
	if err != nil {
		return nil, err // all faults of the settings at once
	}
	return core.New("billing", provider, &core.Options{Origins: origins}), nil
}

// A session of a literal gets its token from the issuer, whose endpoints are discovered.
func ExampleConfig_clientSecret() {
	var issuer string
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/.well-known/oauth-authorization-server" {
			fmt.Fprintf(w, `{"issuer": %q, "token_endpoint": "%[1]s/token"}`, issuer)
			return
		}
		id, _, _ := r.BasicAuth()
		fmt.Println("token request:", id, r.FormValue("scope"))
		fmt.Fprint(w, `{"access_token": "2YotnFZFEjr1zCsicMWpAA", "token_type": "Bearer"}`)
	}))
	defer login.Close()
	issuer = login.URL
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "seen: ", r.Header.Get("Authorization"))
	}))
	defer api.Close()

	if err := os.Setenv("BILLING_SECRET", "hunter2"); err != nil {
		fmt.Println(err)
		return
	}
	defer os.Unsetenv("BILLING_SECRET")
	s, err := newBilling(issuer, api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	resp, err := s.Client().Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s\n", text)
	// Output:
	// token request: my-app invoices.read
	// seen: Bearer 2YotnFZFEjr1zCsicMWpAA
}

// New reports all faults of the settings at once. Nothing is sent before the session's Init.
func ExampleNew_faults() {
	_, err := oauth2.New(oauth2.Config{
		Grant:    oauth2.AuthorizationCode,
		Issuer:   "http://login.example.com",
		ClientID: "my-app",
		Redirect: oauth2.Redirect{Path: "callback"},
	})
	fmt.Println(err)
	// Output: bad config: issuer: is not https; redirect.path: is not a plain path, such as /callback
}

// Settings of a person who signs in with the browser of this machine.
func ExampleConfig() {
	cfg := oauth2.Config{
		Grant:    oauth2.AuthorizationCode,
		Issuer:   "https://login.example.com",
		ClientID: "my-app",
		Scopes:   []string{"openid", "invoices.read"},
		Redirect: oauth2.Redirect{Port: 8400, Path: "/callback"},
	}
	provider, err := oauth2.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = provider.Authenticate(context.Background(), core.Request{})
	fmt.Println(err)
	// Output: interactive: a person must sign in
}

// A library that takes a token source gets the session's token.
func ExampleTokenSource() {
	ctx := context.Background()
	s := core.New("maps",
		oauth2.FromTokenSource(xoauth2.StaticTokenSource(&xoauth2.Token{AccessToken: "a-token"})), nil)
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	token, err := oauth2.TokenSource(ctx, s).Token()
	fmt.Println(token.Type(), token.AccessToken, err)
	// Output: Bearer a-token <nil>
}

// A token source that the program has already becomes a session, which binds
// the token to the API it is for.
func ExampleFromTokenSource() {
	ctx := context.Background()
	source := xoauth2.StaticTokenSource(&xoauth2.Token{AccessToken: "a-token"})
	s := core.New("maps", oauth2.FromTokenSource(source),
		&core.Options{Origins: []string{"https://maps.example.com"}})
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	resp, err := s.Client().Get("https://elsewhere.example.com/")
	if err == nil {
		_ = resp.Body.Close()
	}
	fmt.Println(core.CodeOf(err))
	// Output: origin refused
}
