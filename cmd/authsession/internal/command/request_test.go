package command

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBodiesStayWithOneServer: a request that may change something is not sent to the server
// that a redirect names, and only -L follows one at all.
func TestBodiesStayWithOneServer(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL+"/login", http.StatusPermanentRedirect)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusPermanentRedirect)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusPermanentRedirect)
		}
	}))
	defer api.Close()
	for _, c := range []struct {
		method, path string
		follow       bool
		status       int // 0: an error
		elsewhere    int
	}{
		{"GET", "/away", false, 308, 0},
		{"PUT", "/away", false, 308, 0},
		{"GET", "/away", true, 200, 1},
		{"HEAD", "/away", true, 200, 1},
		{"PUT", "/away", true, 0, 0},
		{"POST", "/away", true, 0, 0},
		{"DELETE", "/away", true, 0, 0},
		{"PUT", "/here", true, 200, 0},
		{"GET", "/circle", true, 0, 0},
	} {
		elsewhere = 0
		client := &http.Client{CheckRedirect: requestOptions{follow: c.follow}.checkRedirect}
		req, err := http.NewRequest(c.method, api.URL+c.path, strings.NewReader("plan"))
		require.NoError(t, err)
		resp, err := client.Do(req)
		if c.status == 0 {
			require.Error(t, err, "%+v", c)
		} else {
			require.NoError(t, err, "%+v", c)
			require.Equal(t, c.status, resp.StatusCode)
			require.NoError(t, resp.Body.Close())
		}
		require.Equal(t, c.elsewhere, elsewhere, "%+v", c)
	}
}
