package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/authsession/authsession/core"
)

// latest is a function of one's own program that uses a session.
func latest(ctx context.Context, session *core.Session, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := session.Client().Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return resp.Status, nil
}

// A test of one's own program needs no authorization server: the provider is a function of the
// test. Here, the test makes the provider fail, and then serve.
func ExampleProviderFunc() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	ctx := context.Background()
	for _, fail := range []bool{true, false} {
		provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			if fail {
				return core.Credential{}, core.Errorf(core.CodeDenied, "the account is locked")
			}
			return bearerCredential("good"), nil
		})
		session := core.New("prices", provider, &core.Options{Lazy: true})
		status, err := latest(ctx, session, api.URL)
		fmt.Printf("%q %v\n", status, core.CodeOf(err))
		_ = session.Close(ctx)
	}
	// Output:
	// "" denied
	// "200 OK" unknown
}
