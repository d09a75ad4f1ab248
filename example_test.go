package authsession_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
)

// The API returns the key of the request. Here its address and the key come from variables; a
// program writes the address of its API into the file.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s with the key %s", r.URL.Path, r.Header.Get("X-API-Key"))
	}))
	defer api.Close()
	remove := writeExample(`
default: prices
sessions:
  prices:
    provider: apikey
    origins: ["${env:PRICES_URL}"]
    lazy: true
    settings: {header: X-API-Key, key: "${env:PRICES_KEY}"}
`, "PRICES_URL", api.URL, "PRICES_KEY", "k-1")
	defer remove()

	ctx := context.Background()
	cfg, err := authsession.Load(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cfg.Close(ctx)
	resp, err := core.Client().Get(api.URL + "/today")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fmt.Println(string(text), err)
	// Output:
	// /today with the key k-1 <nil>
}

// The second file overlays the first one, and the program selects the environment. Source returns
// where a value came from.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	files := []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")}
	_ = os.WriteFile(files[0], []byte(`
sessions:
  prices: {provider: apikey, settings: {key: a-key}, environments: {qa: {settings: {header: X-QA}}}}
`), 0o600)
	_ = os.WriteFile(files[1], []byte("sessions: {prices: {store: {kind: file}}}\n"), 0o600)

	ctx := context.Background()
	cfg, err := authsession.Load(ctx, &authsession.Options{Files: files, Environment: core.QA})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cfg.Close(ctx)
	for _, key := range []string{"settings.header", "store.kind"} {
		source, err := cfg.Source("prices", key)
		fmt.Println(filepath.Base(source.String()), source.Value, err)
	}
	// Output:
	// a.yaml:3:85 X-QA <nil>
	// b.yaml:1:29 file <nil>
}

// writeExample writes a file and sets variables, including the one that names the file.
func writeExample(text string, variables ...string) (remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	file := filepath.Join(dir, "authsession.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		panic(err)
	}
	variables = append(variables, "AUTHSESSION_CONFIG", file)
	for i := 0; i < len(variables); i += 2 {
		os.Setenv(variables[i], variables[i+1])
	}
	return func() {
		for i := 0; i < len(variables); i += 2 {
			os.Unsetenv(variables[i])
		}
		os.RemoveAll(dir)
	}
}
