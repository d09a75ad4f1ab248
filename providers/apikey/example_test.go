package apikey_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/apikey"
)

// A program writes the settings as a literal: here two keys, which every request carries.
func ExampleNew() {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("the API sees:", r.Header.Get("X-API-Key"), r.URL.Query().Get("client"))
	}))
	defer api.Close()

	provider, err := apikey.New(apikey.Config{Keys: []apikey.Place{
		{Header: "X-API-Key", Key: core.NewSecret("s3cret")},
		{Query: "client", Key: core.NewSecret("reports")},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	s := core.New("prices", provider, nil)
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
	_ = resp.Body.Close()
	// Output: the API sees: s3cret reports
}
