package core_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// A request goes where its Host says, and through a proxy where its Opaque
// says, whatever its URL says.
func TestTransportRefusesOtherTargets(t *testing.T) {
	for _, tc := range []struct {
		name    string
		url     string
		origins []string
		host    string
		opaque  string
		ok      bool
	}{
		{"no host", "https://api.example.com/", nil, "", "", true},
		{"the URL's", "https://api.example.com/", nil, "api.example.com", "", true},
		{"in capitals", "https://api.example.com/", nil, "API.Example.com", "", true},
		{"with the port of the scheme", "https://api.example.com/", nil, "api.example.com:443", "", true},
		{"with a final dot", "https://api.example.com/", nil, "api.example.com.", "", false},
		{"an address", "https://api.example.com/", nil, "10.0.0.1", "", false},
		{"a name for an address", "https://10.0.0.1/", []string{"https://10.0.0.1"}, "api.example.com", "", false},
		{"another port", "https://api.example.com/", nil, "api.example.com:8443", "", false},
		{"another", "https://api.example.com/", nil, "evil-tenant.example", "", false},
		{
			"another, origins named", "https://api.example.com/",
			[]string{"https://api.example.com"}, "evil.example", "", false,
		},
		{
			"that of another origin", "https://10.0.0.1/",
			[]string{"https://10.0.0.1", "https://api.example.com"}, "api.example.com", "", true,
		},
		{
			"that of another origin, with another port", "https://10.0.0.1/",
			[]string{"https://10.0.0.1", "https://api.example.com"}, "api.example.com:1", "", false,
		},
		{
			"that of another origin, with another scheme", "https://10.0.0.1/",
			[]string{"https://10.0.0.1", "http://api.example.com"}, "api.example.com", "", false,
		},
		{"a name below", "https://api.example.com/", nil, "x.api.example.com", "", false},
		{"with a path", "https://api.example.com/", nil, "evil.example/api.example.com", "", false},
		{"with user info", "https://api.example.com/", nil, "api.example.com@evil.example", "", false},
		{"no name", "https://api.example.com/", nil, ":443", "", false},
		{"a path", "https://api.example.com/", nil, "", "/a%2Fb", true},
		{"all of the server", "https://api.example.com/", nil, "", "*", true},
		{"an authority", "https://api.example.com/", nil, "", "//evil.example/x", false},
		{"the own authority", "https://api.example.com/", nil, "", "//api.example.com/x", false},
		{"an empty authority", "https://api.example.com/", nil, "", "///evil.example/x", false},
		{"a URL", "https://api.example.com/", nil, "", "https://evil.example/x", false},
		{"a host and a port", "https://api.example.com/", nil, "", "evil.example:443", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sent := 0
			base := roundTripper(func(r *http.Request) (*http.Response, error) {
				sent++
				return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
			})
			s := ready(t, fixed(bearer("T")), &core.Options{Origins: tc.origins, Transport: base})
			req, err := http.NewRequest(http.MethodGet, tc.url, nil)
			require.NoError(t, err)
			req.Host, req.URL.Opaque = tc.host, tc.opaque
			_, err = s.Client().Do(req)
			own := req.Clone(t.Context())
			inPlace := s.Authorize(t.Context(), own)
			if tc.ok {
				require.NoError(t, err)
				require.NoError(t, inPlace)
				require.Equal(t, 1, sent)
				return
			}
			require.ErrorIs(t, err, core.CodeOriginRefused)
			require.ErrorIs(t, inPlace, core.CodeOriginRefused)
			redirected := own.Clone(t.Context())
			first := &http.Request{URL: &url.URL{Scheme: "https", Host: own.URL.Host}}
			redirected.Response = &http.Response{Request: first}
			require.NoError(t, s.Authorize(t.Context(), redirected))
			require.Empty(t, redirected.Header, "a redirect goes on without it")
			require.Empty(t, own.Header)
			require.Zero(t, sent)
		})
	}
}

// httputil.ReverseProxy forwards the Host of its own caller.
func TestReverseProxyDoesNotForwardTheHost(t *testing.T) {
	var got seen
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got.add(r)
	}))
	defer api.Close()
	target, err := url.Parse(api.URL)
	require.NoError(t, err)
	s := ready(t, fixed(bearer("T")), nil)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport, proxy.ErrorLog = s.Client().Transport, quietLog
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	r.Host = "evil-tenant.example"
	w := httptest.NewRecorder()
	proxy.ServeHTTP(w, r)
	require.Equal(t, http.StatusBadGateway, w.Code)
	require.Zero(t, got.count())
}
