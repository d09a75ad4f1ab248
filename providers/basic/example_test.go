package basic_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/basic"
)

// A program writes the settings as a literal. The user name is the session's subject.
func ExampleNew() {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Println("the API sees:", user, password)
	}))
	defer api.Close()

	provider, err := basic.New(basic.Config{
		Username: core.NewSecret("reports"), Password: core.NewSecret("hunter2"),
	})
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
	fmt.Println("the subject is", s.Status().Subject)
	// Output:
	// the API sees: reports hunter2
	// the subject is reports
}
