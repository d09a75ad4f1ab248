package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// nonceProvider answers a nonce that it learned from the API with each request.
type nonceProvider struct{ authentications atomic.Int32 }

func (p *nonceProvider) Authenticate(context.Context, core.Request) (core.Credential, error) {
	n := p.authentications.Add(1)
	return core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{"Authorization": core.NewSecret(fmt.Sprint("T ", n))},
		},
	}, nil
}

func (p *nonceProvider) Authorize(
	_ context.Context,
	c core.Credential,
	out core.Outgoing,
) (core.Attachment, error) {
	a := core.Attachment{
		Header:          map[string]core.Secret{"Authorization": c.Attach.Header["Authorization"]},
		RememberHeaders: []string{"dpop-nonce"},
	}
	if n := out.Remembered.Get("Dpop-Nonce"); n != "" {
		a.Header["Proof"] = core.NewSecret(n)
		out.Remembered["Dpop-Nonce"][0] = "written to"
	}
	return a, nil
}

// nonceAPI wants its current nonce, and the credential want if that is set.
type nonceAPI struct {
	nonce, want atomic.Value
	each        bool // a new nonce with each answer
	requests    atomic.Int32
}

func (a *nonceAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := a.requests.Add(1)
	nonce := a.nonce.Load().(string)
	ok := r.Header.Get("Proof") == nonce
	if a.each {
		nonce = fmt.Sprint("n", n)
		a.nonce.Store(nonce)
	}
	w.Header().Set("DPoP-Nonce", nonce)
	want, _ := a.want.Load().(string)
	switch {
	case !ok:
		w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
	case want != "" && r.Header.Get("Authorization") != want:
		w.Header().Set("WWW-Authenticate", `T error="invalid_token"`)
	default:
		return
	}
	w.WriteHeader(http.StatusUnauthorized)
}

func TestRememberedHeaders(t *testing.T) {
	setup := func(t *testing.T, api *nonceAPI, opts *core.Options) (*nonceProvider, *core.Session, func(body string, stream bool) int) {
		api.nonce.Store("n0")
		server := httptest.NewServer(api)
		t.Cleanup(server.Close)
		p := &nonceProvider{}
		s := ready(t, p, opts)
		return p, s, func(body string, stream bool) int {
			req, err := http.NewRequestWithContext(
				t.Context(),
				http.MethodPost,
				server.URL,
				strings.NewReader(body),
			)
			require.NoError(t, err)
			if stream {
				req.GetBody = nil
			}
			resp, err := s.Client().Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return resp.StatusCode
		}
	}
	t.Run("a new value is used at once, and remembered", func(t *testing.T) {
		api := &nonceAPI{}
		p, s, post := setup(t, api, nil)
		require.Equal(t, 200, post("x", false))
		require.EqualValues(t, 2, api.requests.Load())
		require.Equal(t, 200, post("x", false))
		require.EqualValues(t, 3, api.requests.Load())
		api.nonce.Store("other")
		require.Equal(t, 200, post("x", false))
		require.EqualValues(t, 5, api.requests.Load())
		require.EqualValues(t, 1, p.authentications.Load())
		require.Zero(t, s.Status().Refusals)
	})
	t.Run("a value that comes with a success is used, too", func(t *testing.T) {
		api := &nonceAPI{each: true}
		_, _, post := setup(t, api, nil)
		for range 5 {
			require.Equal(t, 200, post("x", false))
		}
		require.EqualValues(t, 6, api.requests.Load())
	})
	t.Run("a body that cannot be read twice is not sent twice", func(t *testing.T) {
		api := &nonceAPI{}
		p, s, post := setup(t, api, nil)
		require.Equal(t, 401, post("x", true))
		require.Equal(t, 200, post("x", true))
		require.EqualValues(t, 2, api.requests.Load())
		require.EqualValues(t, 1, p.authentications.Load())
		require.Zero(t, s.Status().Refusals)
	})
	t.Run("NoReplay", func(t *testing.T) {
		api := &nonceAPI{}
		_, s, post := setup(t, api, &core.Options{NoReplay: true})
		require.Equal(t, 401, post("x", false))
		require.Equal(t, 200, post("x", false))
		require.Zero(t, s.Status().Refusals)
	})
	t.Run("a refused credential is renewed, whatever nonces come with it", func(t *testing.T) {
		api := &nonceAPI{each: true}
		api.want.Store("T 2")
		p, s, post := setup(t, api, nil)
		require.Equal(t, 200, post("x", false))
		require.EqualValues(t, 2, p.authentications.Load())
		require.EqualValues(t, 1, s.Status().Refusals)
		require.LessOrEqual(t, api.requests.Load(), int32(4))
	})
	t.Run("a server that is never content is asked a bounded number of times", func(t *testing.T) {
		api := &nonceAPI{each: true}
		api.want.Store("never")
		_, _, post := setup(t, api, nil)
		require.Equal(t, 401, post("x", false))
		require.LessOrEqual(t, api.requests.Load(), int32(4))
	})
}

func TestRememberedHeadersArePerOriginAndBounded(t *testing.T) {
	var proofs []string
	nonce := "first"
	server := func() *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			proofs = append(proofs, r.Header.Get("Proof"))
			w.Header()["Dpop-Nonce"] = []string{nonce}
		}))
		t.Cleanup(s.Close)
		return s
	}
	a, b := server(), server()
	s := ready(t, &nonceProvider{}, nil)
	get := func(url string) {
		resp, err := s.Client().Get(url)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	get(a.URL)
	get(b.URL)
	nonce = strings.Repeat("x", 5<<10)
	get(a.URL)
	get(a.URL)
	require.Equal(t, []string{"", "", "first", "first"}, proofs)
}

func TestRememberedHeadersOfManyOrigins(t *testing.T) {
	answers := 0
	s := ready(
		t,
		&nonceProvider{},
		&core.Options{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			answers++
			resp := &http.Response{
				StatusCode: 200,
				Header:     http.Header{"Dpop-Nonce": {fmt.Sprint("n", answers)}},
				Body:       http.NoBody,
				Request:    r,
			}
			resp.Header.Set("Proof", r.Header.Get("Proof"))
			return resp, nil
		})},
	)
	get := func(host int) string {
		resp, err := s.Client().Get(fmt.Sprintf("https://h%d.example.com/", host))
		require.NoError(t, err)
		return resp.Header.Get("Proof")
	}
	for host := range 64 {
		require.Empty(t, get(host))
	}
	require.Equal(t, "n1", get(0))
	require.Equal(t, "n65", get(0), "a new value of a known origin costs no other its own")
	require.Equal(t, "n2", get(1))
	require.Empty(t, get(64))
	require.Empty(t, get(1), "past the bound all begin anew")
}
