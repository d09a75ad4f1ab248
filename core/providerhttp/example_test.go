package providerhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// A provider that sends its own requests takes the errors of the client and of the answer
// from this package, which gives them their codes.
func ExampleNewClient() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, `{"error": "slow_down"}`)
	}))
	defer server.Close()

	keys := func() error {
		resp, err := providerhttp.NewClient(nil).Get(server.URL + "/keys?key=secret")
		if err != nil {
			return providerhttp.ClientError(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return providerhttp.ClientError(err)
		}
		return providerhttp.AnswerError(resp, body)
	}
	err := keys()
	fmt.Println(core.CodeOf(err) == core.CodeUnavailable)
	fmt.Println(err.(*core.Error).RetryAfter)
	// Output:
	// true
	// 7s
}

// Servers write the lifetime of a token in several ways.
func ExampleParseLifetime() {
	for _, text := range []string{"3600", "90.5", "-1", "soon"} {
		fmt.Println(time.Duration(providerhttp.ParseLifetime(text)))
	}
	// Output:
	// 1h0m0s
	// 1m30s
	// 0s
	// 0s
}
