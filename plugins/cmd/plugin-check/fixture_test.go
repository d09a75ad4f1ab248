package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core/providertest"
)

func TestFill(t *testing.T) {
	s := providertest.Server{URL: "http://a", TLSURL: "https://b", CA: "pem", Secret: "canary"}
	in := map[string]any{"all": []any{"${server.url}/x ${server.tls_url}", 1.0, nil},
		"in": map[string]any{"ca": "${server.ca}"}, "k": "${server.secret}", "$": "$5"}
	require.NoError(t, checkPlaceholders(in))
	require.Equal(t, map[string]any{
		"all": []any{"http://a/x https://b", 1.0, nil}, "in": map[string]any{"ca": "pem"}, "k": "canary",
		"$": "$5",
	}, fill(in, s))
	require.Equal(t, "${server.secret}", in["k"], "the original is untouched")
}

func TestAnswers(t *testing.T) {
	good, err := newServer([]answer{
		{Path: "/discovery", Body: []byte(`{"token": "${server.url}/token"}`)},
		{Path: "/page", Status: 203, Header: map[string]string{"Content-Type": "text/html", "X-A": "b"},
			Body: []byte(`"<title>"`)},
		{Path: "/nothing", Status: 204},
		{Path: "/null", Body: []byte("null")},
	})
	require.NoError(t, err)
	for path, want := range map[string]struct {
		status     int
		kind, body string
	}{
		"/discovery": {200, "application/json", `{"token": "http://example.com/token"}`},
		"/page":      {203, "text/html", "<title>"},
		"/nothing":   {204, "", ""},
		"/null":      {200, "application/json", "null"},
		"/else":      {404, "text/plain; charset=utf-8", "404 page not found\n"},
	} {
		w := httptest.NewRecorder()
		good.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		require.Equal(t, want.status, w.Code, path)
		require.Equal(t, want.kind, w.Header().Get("Content-Type"), path)
		require.Equal(t, want.body, w.Body.String(), path)
	}
}
