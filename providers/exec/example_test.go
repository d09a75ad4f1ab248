package exec_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/exec"
)

// The settings of a config file, and what a request then carries. The command
// is this test binary, told by a variable to print a token.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the API sees:", r.Header.Get("Authorization"))
	}))
	defer api.Close()
	program, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	provider, err := exec.Factory.Open(ctx, "", map[string]any{
		"command": program,
		"args":    []any{"--audience", "prices"},
		"env":     map[string]any{"AUTHSESSION_ROLE": "print", "AUTHSESSION_TEXT": "tok-4711"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
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
	defer resp.Body.Close()
	// Output: the API sees: Bearer tok-4711
}

// A program writes the settings as a literal: here the command prints the JSON of an AWS
// credential_process, and two headers carry its fields.
func ExampleNew() {
	program, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		return
	}
	provider, err := exec.New(exec.Config{
		Command: program,
		Env: map[string]core.Secret{
			"AUTHSESSION_ROLE": core.NewSecret("print"),
			"AUTHSESSION_TEXT": core.NewSecret(
				`{"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": "s3cret"}`),
		},
		Output:  exec.AWS,
		Headers: map[string]string{"X-Key-Id": "{AccessKeyId}", "X-Key": "{SecretAccessKey}"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	cred, err := provider.Authenticate(context.Background(), core.Request{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cred.Attach.Header["X-Key-Id"].Reveal(), cred.Attach.Header["X-Key"])
	// Output: AKID REDACTED
}
