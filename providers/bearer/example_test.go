package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/bearer"
)

// A program writes the settings as a literal. The session sends the token to the origin of the base
// URL only.
func ExampleNew() {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("the API sees:", r.Header.Get("Authorization"))
	}))
	defer api.Close()

	provider, err := bearer.New(bearer.Config{Token: core.NewSecret("tok-4711"),
		BaseURL: api.URL + "/v1"})
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
	_, err = s.Client().Get("https://elsewhere.example.com/")
	fmt.Println("elsewhere:", core.CodeOf(err))
	// Output:
	// the API sees: Bearer tok-4711
	// elsewhere: origin refused
}
