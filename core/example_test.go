package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/authsession/authsession/core"
)

// A provider is one function; a session makes it last.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header.Get("Authorization"))
	}))
	defer api.Close()

	n := 0
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		n++
		return core.Credential{
			Attach:  core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret(fmt.Sprintf("Bearer t%d", n))}},
			Expiry:  time.Now().Add(time.Hour),
			Subject: "my-app",
		}, nil
	})

	ctx := context.Background()
	s := core.New("prices", provider, &core.Options{Origins: []string{api.URL}})
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)

	resp, err := s.Client().Get(api.URL + "/latest")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	c, _ := s.Credential(ctx)
	fmt.Println(resp.StatusCode, c.Subject, c.Attach.Header["Authorization"])

	_, err = s.Client().Get("https://elsewhere.example.com/")
	fmt.Println(core.CodeOf(err))
	// Output:
	// 200 my-app REDACTED
	// origin refused
}
