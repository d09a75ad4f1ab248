package core_test

import (
	"bytes"
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// seen is what a server got.
type seen struct {
	mu   sync.Mutex
	list []*http.Request
	body []string
}

func (s *seen) add(r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.body = append(s.list, r), append(s.body, string(b))
}

func (s *seen) count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.list) }

func everything(token string) core.Credential {
	return core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{
			"Authorization": core.NewSecret("Bearer " + token),
			"x-csrf":        core.NewSecret("csrf-" + token),
		},
		Query:  map[string]core.Secret{"key": core.NewSecret("q " + token)},
		Cookie: map[string]core.Secret{"GSSSO": core.NewSecret("c-" + token), "B": core.NewSecret("b")},
	}}
}

func fixed(c core.Credential) core.Provider {
	return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) { return c, nil })
}

func ready(t *testing.T, p core.Provider, opts *core.Options) *core.Session {
	t.Helper()
	s := core.New("api", p, opts)
	require.NoError(t, s.Init(t.Context()))
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func TestTransportAttaches(t *testing.T) {
	var got seen
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.add(r) }))
	defer api.Close()
	s := ready(t, fixed(everything("T")), nil)

	req, err := http.NewRequest(http.MethodPost, api.URL+"/p?a=1", strings.NewReader("hello"))
	require.NoError(t, err)
	req.Header.Set("X-Csrf", "mine")
	req.AddCookie(&http.Cookie{Name: "B", Value: "mine"})
	before := req.Clone(t.Context())
	resp, err := s.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, before.Header, req.Header, "the caller's request is never written to")
	require.Equal(t, before.URL.String(), req.URL.String())
	require.Equal(t, before.URL.String(), resp.Request.URL.String(), "the key is not in the answer's request")

	r := got.list[0]
	require.Equal(t, "Bearer T", r.Header.Get("Authorization"))
	require.Equal(t, "mine", r.Header.Get("X-Csrf"), "what the caller set stays the caller's")
	require.Equal(t, url.Values{"a": {"1"}, "key": {"q T"}}, r.URL.Query())
	require.Equal(t, "B=mine; GSSSO=c-T", r.Header.Get("Cookie"))
	require.Equal(t, "hello", got.body[0])
}

func TestTransportRefusesOtherOrigins(t *testing.T) {
	api := httptest.NewServer(http.NotFoundHandler())
	defer api.Close()
	for _, tc := range []struct {
		name string
		opts core.Options
		cred []string
		url  string
		want string
	}{
		{"the session's", core.Options{Origins: []string{api.URL}}, nil, api.URL, ""},
		{"the provider's", core.Options{}, []string{api.URL + "/"}, api.URL, ""},
		{
			"the session's before the provider's",
			core.Options{Origins: []string{"https://other.example.com"}}, []string{api.URL}, api.URL,
			"none of the session's origins",
		},
		{"none named", core.Options{}, nil, api.URL, ""},
		{
			"another host", core.Options{}, []string{"https://a.example.com"},
			"https://b.example.com/x?token=abc", "https://b.example.com is none",
		},
		{"another port", core.Options{}, []string{"https://a.example.com"}, "https://a.example.com:8443", "none of"},
		{"another scheme", core.Options{}, []string{"https://a.example.com"}, "http://a.example.com", "none of"},
		{
			"the name as a prefix", core.Options{}, []string{"https://a.example.com"},
			"https://a.example.com.evil.test", "none of",
		},
		{
			"a letter that Unicode lowers to another host", core.Options{},
			[]string{"https://api.example.com"}, "https://apİ.example.com/", "none of",
		},
		{
			"user info in front", core.Options{}, []string{"https://a.example.com"},
			"https://a.example.com@evil.test/", "none of",
		},
		{
			"plain HTTP", core.Options{Origins: []string{"http://a.example.com"}}, nil,
			"http://a.example.com", "is not https",
		},
		{"plain HTTP, none named", core.Options{}, nil, "http://a.example.com", "is not https"},
		{"a name that begins like the loopback", core.Options{}, nil, "http://localhost.evil.test", "is not https"},
		{
			"an address that begins like the loopback", core.Options{}, nil,
			"http://127.0.0.1.evil.test", "is not https",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := bearer("T")
			c.Origins = tc.cred
			s := ready(t, fixed(c), &tc.opts)
			body := &closes{Reader: strings.NewReader("x")}
			req, err := http.NewRequest(http.MethodPost, tc.url, body)
			require.NoError(t, err)
			resp, err := s.Client().Do(req)
			require.True(t, body.closed.Load(), "the body is closed on every path")
			if tc.want == "" {
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				return
			}
			require.ErrorIs(t, err, core.CodeOriginRefused)
			require.ErrorContains(t, errors.Unwrap(err), tc.want)
			require.ErrorIs(t, s.Authorize(t.Context(), req), core.CodeOriginRefused)
			require.Empty(t, req.Header)
		})
	}
	s := ready(t, fixed(bearer("T")), &core.Options{AllowHTTP: true})
	req, err := http.NewRequest(http.MethodGet, "http://a.example.com", nil)
	require.NoError(t, err)
	require.NoError(t, s.Authorize(t.Context(), req))
	require.Equal(t, "Bearer T", req.Header.Get("Authorization"))
}

type closes struct {
	io.Reader
	closed atomic.Bool
}

func (c *closes) Close() error { c.closed.Store(true); return nil }

// signing is a provider whose attachment depends on the request.
type signing struct{ issuer }

func (s *signing) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	c, err := s.issuer.Authenticate(ctx, req)
	c.Body = &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}}
	return c, err
}

func (s *signing) Authorize(
	_ context.Context,
	c core.Credential,
	out core.Outgoing,
) (core.Attachment, error) {
	if strings.HasSuffix(out.URL, "/plain") {
		return core.Attachment{}, errors.ErrUnsupported
	}
	if strings.HasSuffix(out.URL, "/none") {
		return core.Attachment{}, nil
	}
	if strings.HasSuffix(out.URL, "/bad") {
		return core.Attachment{}, core.Errorf(core.CodeBadConfig, "no")
	}
	out.Header.Set("X-Scratch", "1")
	hash := "-"
	if sum := out.Digests[crypto.SHA256]; sum != nil {
		hash = hex.EncodeToString(sum)[:8]
	}
	return core.Attachment{Header: map[string]core.Secret{
		"Signature": core.NewSecret(fmt.Sprintf("%s %s %s", out.Method, token(c), hash)),
	}}, nil
}

func TestAuthorizer(t *testing.T) {
	var got seen
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.add(r) }))
	defer api.Close()
	s := ready(t, &signing{issuer{life: time.Hour}}, nil)
	resp, err := s.Client().Post(api.URL+"/x", "text/plain", bytes.NewReader([]byte("hello")))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "POST t1 2cf24dba", got.list[0].Header.Get("Signature"))
	require.Empty(t, got.list[0].Header.Get("Authorization"))
	require.Empty(t, got.list[0].Header.Get("X-Scratch"))
	require.Equal(t, "hello", got.body[0])

	_, err = s.Client().Get(api.URL + "/bad")
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.Equal(t, 1, got.count())

	md, err := s.PerRPC().GetRequestMetadata(t.Context(), "https://api.example.com/pkg.S")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"signature": "POST t1 -"}, md)

	resp, err = s.Client().Get(api.URL + "/plain")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "Bearer t1", got.list[1].Header.Get("Authorization"), "unsupported means as if absent")

	s = ready(t, &signing{issuer{life: time.Hour}}, nil)
	_, err = s.Client().Get(api.URL + "/none")
	require.ErrorContains(t, err, "empty attachment", "nothing is sent without a credential")
	require.Equal(t, 2, got.count())
}

func TestPerRPC(t *testing.T) {
	c := everything("T")
	c.Origins = []string{"https://api.example.com"}
	s := ready(t, fixed(c), nil)
	rpc := s.PerRPC()
	require.True(t, rpc.RequireTransportSecurity())
	for uri, ok := range map[string]bool{
		"https://api.example.com/pkg.S": true, "https://api.example.com:443/pkg.S": true, "https://API.example.com/pkg.S": true,
		"https://api.example.com.evil.test/pkg.S": false, "https://evil.test/https://api.example.com/": false, "http://api.example.com/pkg.S": false,
		"api.example.com": false, "": false,
	} {
		md, err := rpc.GetRequestMetadata(t.Context(), uri)
		if !ok {
			require.ErrorIs(t, err, core.CodeOriginRefused, uri)
			continue
		}
		require.NoError(t, err, uri)
		require.Equal(t, map[string]string{"authorization": "Bearer T", "x-csrf": "csrf-T"}, md)
	}
	only := core.Credential{Attach: core.Attachment{Cookie: c.Attach.Cookie}}
	_, err := ready(t, fixed(only), nil).PerRPC().GetRequestMetadata(t.Context(), "https://a.example.com/s")
	require.ErrorIs(t, err, core.CodeBadConfig, "never a call without a credential")
	_, err = core.New("x", fixed(c), nil).PerRPC().GetRequestMetadata(t.Context())
	require.ErrorIs(t, err, core.CodeNotInitialized)
}

func TestAuthorizeInPlace(t *testing.T) {
	s := ready(t, fixed(everything("T")), nil)
	for _, scheme := range []string{"wss", "https"} {
		r := &http.Request{URL: &url.URL{Scheme: scheme, Host: "api.example.com", Path: "/ws"}}
		require.NoError(t, s.Authorize(t.Context(), r))
		require.Equal(t, "Bearer T", r.Header.Get("Authorization"))
		require.Equal(t, "key=q+T", r.URL.RawQuery)
	}
	require.ErrorIs(t, s.Authorize(t.Context(), &http.Request{}), core.CodeOriginRefused)
	r := &http.Request{URL: &url.URL{Scheme: "ws", Host: "api.example.com"}}
	require.ErrorIs(t, s.Authorize(t.Context(), r), core.CodeOriginRefused, "ws is not TLS")
}
