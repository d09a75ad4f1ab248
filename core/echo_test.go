package core_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// What a redirect repeats of the session's query parameters must not reach the
// caller: it would be in its errors, in Referer or in the next request.
func TestLocationsDoNotHoldTheKey(t *testing.T) {
	const key, short = "s3cr3t Key/+%zä", "v1"
	raw := key
	query := url.QueryEscape(key)
	path := url.PathEscape(key)
	twice := url.QueryEscape(query)
	var every strings.Builder
	for _, c := range []byte(key) {
		every.WriteString("%" + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
	}
	dropped := "" // the Location is not there any more
	for _, tc := range []struct{ location, want string }{
		// What does not hold it stays as it is.
		{"/dir/", "/dir/"},
		{"https://api.example.com/a%2Fb?z=1&a=%41", "https://api.example.com/a%2Fb?z=1&a=%41"},
		{"?key=", "?key="},
		{"?key=other", "?key=other"},
		{"?key=s3cr3t", "?key=s3cr3t"},
		{"/v10/x?v=2", "/v10/x?v=2"},
		{"/?x=v12", "/?x=v12"},
		{"%zz%", "%zz%"},
		{"?to=%25252525412525252525", "?to=%25252525412525252525"},
		{"http://[::1/", "http://[::1/"},
		// A parameter that the session added is taken out.
		{"?key=" + query, "?"},
		{"/dir/?key=" + query, "/dir/?"},
		{"/dir/?a=1&key=" + query, "/dir/?a=1"},
		{"/dir/?key=" + query + "&a=1#top", "/dir/?a=1#top"},
		{"/dir/?b=2&key=" + path + "&a=1", "/dir/?b=2&a=1"},
		{"/dir/?%6bey=" + every.String(), "/dir/?"},
		{"/dir/?key=" + query + "&v=v1&key=" + query, "/dir/?"},
		{"?key=x&key=" + query, "?key=x"},
		{"?key=" + query + "&key=x", "?key=x"},
		{"http://[::1/path?key=" + query, "http://[::1/path?"},
		{"//evil.example/?key=" + query, "//evil.example/?"},
		// What still holds it is dropped.
		{"javascript:" + raw, dropped},
		{"?KEY=" + query, dropped},
		{"?Key=" + query, dropped},
		{"#key=" + query, dropped},
		{"#" + raw, dropped},
		{"/dir/?key=" + query + "#" + query, dropped},
		{"/" + path, dropped},
		{"/" + path + "/x", dropped},
		{"/x" + strings.ToUpper(path) + "x", dropped},
		{"/" + every.String(), dropped},
		{"/" + strings.ToUpper(every.String()), dropped},
		{"https://" + path + "@evil.example/", dropped},
		{"https://u:" + path + "@evil.example/", dropped},
		{"https://x." + query + ".evil.example/", dropped},
		{"?to=" + twice, dropped},
		{"?to=" + url.QueryEscape("https://api.example.com/?key="+query), dropped},
		{"?to=" + url.QueryEscape(url.QueryEscape(twice)), dropped},
		{"?a=1;key=" + query, dropped},
		{"?" + query, dropped},
		{"?" + query + "=1", dropped},
		{"?key[]=" + query, dropped},
		{"?key=" + query + "x", dropped},
		{"?key=" + strings.ToLower(key), dropped},
		{"http://[::1/" + query, dropped},
		{"%zz%" + raw, dropped},
		{"/?x=s3cr3t\tKey/+%25zä", "/?x=s3cr3t\tKey/+%25zä"},
		{"/?x=s3cr3t\t Key/+%25zä", dropped},
		{"data:text/html," + path, dropped},
		{"/?x=v1", dropped},
		{"/v1/x", dropped},
		{"/?x=%76%31&y", dropped},
	} {
		answers := roundTripper(func(r *http.Request) (*http.Response, error) {
			require.Equal(t, key, r.URL.Query().Get("key"))
			h := http.Header{"Location": {tc.location}}
			return &http.Response{StatusCode: 302, Header: h, Body: http.NoBody, Request: r}, nil
		})
		c := core.Credential{Attach: core.Attachment{Query: map[string]core.Secret{
			"key": core.NewSecret(key), "v": core.NewSecret(short),
		}}}
		s := ready(t, fixed(c), &core.Options{Transport: answers})
		req, err := http.NewRequest(http.MethodGet, "https://api.example.com/dir?mine=1", nil)
		require.NoError(t, err)
		resp, err := s.Transport(nil).RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, tc.want, resp.Header.Get("Location"), tc.location)
		if tc.want == dropped {
			require.NotContains(t, resp.Header, "Location")
		}
	}
}

// A value that the caller sent itself may come back.
func TestLocationsKeepTheCallersKey(t *testing.T) {
	answers := roundTripper(func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Location": {"/x?key=mine-own&b=%2f", "/y?other=session-key"}}
		return &http.Response{StatusCode: 302, Header: h, Body: http.NoBody, Request: r}, nil
	})
	c := core.Credential{Attach: core.Attachment{Query: map[string]core.Secret{
		"key": core.NewSecret("session-key"), "also": core.NewSecret("another-one"),
	}}}
	s := ready(t, fixed(c), &core.Options{Transport: answers})
	req, err := http.NewRequest(http.MethodGet, "https://api.example.com/?key=mine-own", nil)
	require.NoError(t, err)
	resp, err := s.Transport(nil).RoundTrip(req)
	require.NoError(t, err)
	require.Equal(t, "/x?key=mine-own&b=%2f", resp.Header.Get("Location"))

	req.URL.RawQuery = ""
	resp, err = s.Transport(nil).RoundTrip(req)
	require.NoError(t, err)
	require.NotContains(t, resp.Header, "Location", "of several lines, any may hold it")
}
