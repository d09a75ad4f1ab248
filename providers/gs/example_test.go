package gs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
)

// servers stands in for the token endpoint and the API of an environment.
func servers() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /as/token.oauth2", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": "token-of-%s", "token_type": "Bearer", "expires_in": 7199}`,
			r.PostFormValue("client_id"))
	})
	mux.HandleFunc("GET /v1/users/self", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"name": "%s", "application": "%s"}`, r.Header.Get("Authorization"),
			r.Header.Get("X-Application"))
	})
	return httptest.NewServer(mux)
}

// One session for the process: create, authenticate, set.
func Example() {
	server := servers()
	defer server.Close()
	ctx := context.Background()

	s, err := gs.Use(ctx, gs.QA, gs.Config{
		ClientID:     "my-app",
		ClientSecret: core.NewSecret("a-secret"),
		Scopes:       []string{gs.RunAnalytics},
		APIURL:       server.URL, // a server of the example's; leave both out
		TokenURL:     server.URL + "/as/token.oauth2",
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)

	var user struct{ Name, Application string }
	if err := s.Get(ctx, "/users/self", &user, nil); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(user.Name, user.Application)

	err = s.Get(ctx, "/nowhere", nil, nil)
	var refused *gs.APIError
	fmt.Println(errors.As(err, &refused) && refused.Status == 404, errors.Is(err, gs.NotAuthorized))
	// Output:
	// Bearer token-of-my-app authsession
	// true false
}

// Several environments in one process: each block has its own session, which
// ends with the block.
func ExampleDo() {
	prod, qa := servers(), servers()
	defer prod.Close()
	defer qa.Close()

	whoami := func(ctx context.Context) error {
		s, err := gs.Current(ctx)
		if err != nil {
			return err
		}
		var user struct{ Name string }
		if err := s.Get(ctx, "/users/self", &user, nil); err != nil {
			return err
		}
		fmt.Println(s.Core().Name(), user.Name)
		return nil
	}
	for _, at := range []struct {
		env    core.Environment
		server *httptest.Server
	}{{gs.Prod, prod}, {gs.QA, qa}} {
		s, err := gs.Get(at.env, gs.Config{
			Token:  core.NewSecret("a-token-obtained-elsewhere"),
			APIURL: at.server.URL,
		}, nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		if err := gs.Do(context.Background(), s, whoami); err != nil {
			fmt.Println(err)
		}
		fmt.Println(s.Core().Status().State)
	}
	// Output:
	// gs-prod Bearer a-token-obtained-elsewhere
	// closed
	// gs-qa Bearer a-token-obtained-elsewhere
	// closed
}
