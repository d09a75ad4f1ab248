package core_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestRedirectsElsewhereGoBare(t *testing.T) {
	var got seen
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.add(r) }))
	defer elsewhere.Close()
	var back seen
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/home" {
			back.add(r)
			return
		}
		code := http.StatusFound
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &code)
		to := elsewhere.URL
		if r.URL.Query().Has("home") {
			to = "/home"
		}
		http.Redirect(w, r, to, code)
	}))
	defer api.Close()
	for _, origins := range [][]string{nil, {api.URL}} {
		for _, code := range []int{301, 302, 303, 307, 308} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				t.Run(fmt.Sprint(len(origins), " ", code, " ", method), func(t *testing.T) {
					s := ready(t, fixed(everything("T")), &core.Options{Origins: origins})
					for _, client := range []*http.Client{s.Client(), core.Client()} {
						ctx := core.With(t.Context(), s)
						n := got.count()
						req, err := http.NewRequestWithContext(
							ctx,
							method,
							fmt.Sprintf("%s/%d", api.URL, code),
							strings.NewReader("x"),
						)
						require.NoError(t, err)
						resp, err := client.Do(req)
						require.NoError(t, err)
						require.NoError(t, resp.Body.Close())
						require.Equal(t, n+1, got.count())
						r := got.list[n]
						for _, h := range []string{"Authorization", "X-Csrf", "Cookie"} {
							require.Empty(t, r.Header.Get(h), h)
						}
						require.NotContains(t, r.URL.RawQuery+r.Header.Get("Referer"), "T")
					}
					resp, err := s.Client().Get(fmt.Sprintf("%s/%d?home", api.URL, code))
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					require.Equal(
						t,
						"Bearer T",
						back.list[back.count()-1].Header.Get("Authorization"),
						"the way back home keeps it",
					)
				})
			}
		}
	}
}

// A place elsewhere does not get the credential, and does not choose a request
// that it goes on either.
func TestRedirectsDoNotComeBackWithCredentials(t *testing.T) {
	var got seen
	var api *httptest.Server
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.add(r)
		http.Redirect(w, r, api.URL+"/chosen", http.StatusFound)
	}))
	defer elsewhere.Close()
	api = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.add(r)
		if r.URL.Path == "/" {
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		}
	}))
	defer api.Close()
	for _, origins := range [][]string{nil, {api.URL}} {
		// A transport that keeps nothing of the way that redirects came.
		forgets := roundTripper(func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if resp != nil {
				resp.Request = nil
			}
			return resp, err
		})
		s := ready(t, fixed(everything("T")), &core.Options{Origins: origins, Transport: forgets})
		outer := ready(t, fixed(everything("U")), nil)
		req, err := http.NewRequestWithContext(core.With(t.Context(), s, outer), http.MethodGet, api.URL+"/", nil)
		require.NoError(t, err)
		for _, client := range []*http.Client{s.Client(), core.Client()} {
			n := got.count()
			resp, err := client.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, n+3, got.count())
			require.Equal(t, "Bearer T", got.list[n].Header.Get("Authorization"))
			for _, r := range got.list[n+1:] {
				require.Empty(t, r.Header.Get("Authorization")+r.Header.Get("Cookie")+r.URL.RawQuery)
			}
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Many servers redirect with the query that they were asked with. A key in it
// would then be in the caller's errors and in the Referer elsewhere.
func TestRedirectsDoNotRepeatTheKey(t *testing.T) {
	var got seen
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.add(r) }))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/dir/", func(w http.ResponseWriter, r *http.Request) {
		got.add(r)
		if r.URL.Query().Has("away") {
			http.Redirect(w, r, elsewhere.URL+"?"+r.URL.RawQuery, http.StatusFound)
		}
	})
	api := httptest.NewServer(mux)
	defer api.Close()
	s := ready(t, fixed(everything("T")), nil)
	resp, err := s.Client().Get(api.URL + "/dir?a=1")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, api.URL+"/dir/?a=1", resp.Request.URL.String())
	require.Equal(t, url.Values{"a": {"1"}, "key": {"q T"}}, got.list[0].URL.Query())

	resp, err = s.Client().Get(api.URL + "/dir?away=1")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "away=1", got.list[2].URL.RawQuery)
	require.NotContains(t, got.list[2].Referer(), "T")

	resp, err = s.Client().Get(api.URL + "/dir?key=mine")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "mine", got.list[3].URL.Query().Get("key"))
}
