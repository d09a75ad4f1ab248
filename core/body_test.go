package core_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// reader is a provider that keeps what its Authorize is told.
type reader struct {
	needs *core.BodyNeeds
	last  atomic.Pointer[core.Outgoing]
}

func (p *reader) Authenticate(context.Context, core.Request) (core.Credential, error) {
	c := authorization("t")
	c.Body, c.RefreshState, c.Expiry = p.needs, core.NewSecret("r"), time.Now().Add(time.Hour)
	return c, nil
}

func (p *reader) Authorize(_ context.Context, c core.Credential, out core.Outgoing) (core.Attachment, error) {
	p.last.Store(&out)
	return c.Attach, nil
}

func authorization(text string) core.Credential {
	return core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{
		"Authorization": core.NewSecret("T " + text),
	}}}
}

// counted is a body that counts how often it was opened and how much was read.
type counted struct {
	size          int64
	opened, bytes atomic.Int64
}

type countedReader struct {
	io.Reader
	of *counted
}

func (r countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.of.bytes.Add(int64(n))
	return n, err
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (b *counted) open() (io.ReadCloser, error) {
	b.opened.Add(1)
	return io.NopCloser(countedReader{io.LimitReader(zeros{}, b.size), b}), nil
}

func (b *counted) request(t *testing.T, url string) *http.Request {
	body, _ := b.open()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	require.NoError(t, err)
	req.GetBody, req.ContentLength = b.open, b.size
	return req
}

func swallow(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(s.Close)
	return s
}

// A body is read before it is sent only if the credential asks for it, and then once for all that
// it asks for.
func TestBodiesOnDemand(t *testing.T) {
	const large, small = 64 << 20, 1000
	api := swallow(t)
	for _, tc := range []struct {
		name  string
		needs *core.BodyNeeds
		size  int64
		read  int64 // bytes, the sending included
	}{
		{"nothing", &core.BodyNeeds{}, large, large},
		{"raw, and it is known to be too long", &core.BodyNeeds{Raw: 100}, large, large},
		{"raw", &core.BodyNeeds{Raw: small}, small, 2 * small},
		{
			"digests and raw",
			&core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256, crypto.SHA512}, Raw: small}, small,
			2 * small,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &reader{needs: tc.needs}
			s := ready(t, p, nil)
			b := &counted{size: tc.size}
			resp, err := s.Client().Do(b.request(t, api.URL))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tc.read, b.bytes.Load())
			out := p.last.Load()
			require.Equal(t, tc.size, out.ContentLength)
			require.Len(t, out.Digests, len(tc.needs.Digests))
			require.Equal(t, tc.needs.Raw >= tc.size, out.Body != nil)
		})
	}
	t.Run("nothing is not even opened", func(t *testing.T) {
		s := ready(t, &reader{}, nil)
		b := &counted{size: small}
		resp, err := s.Client().Do(b.request(t, api.URL))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.EqualValues(t, 1, b.opened.Load())
	})
	t.Run("raw, of unknown length and too long", func(t *testing.T) {
		p := &reader{needs: &core.BodyNeeds{Raw: small - 1}}
		s := ready(t, p, nil)
		b := &counted{size: small}
		req := b.request(t, api.URL)
		req.ContentLength = -1
		resp, err := s.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Nil(t, p.last.Load().Body)
		require.EqualValues(t, 2*small, b.bytes.Load(), "one byte more than asked for tells")
	})
	t.Run("without an Authorizer", func(t *testing.T) {
		p := &reader{needs: &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}}}
		s := ready(t, core.ProviderFunc(p.Authenticate), nil)
		b := &counted{size: small}
		resp, err := s.Client().Do(b.request(t, api.URL))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.EqualValues(t, small, b.bytes.Load())
	})
}

func TestWhatAnAuthorizerIsTold(t *testing.T) {
	api := swallow(t)
	host := strings.TrimPrefix(api.URL, "http://")
	sha := func(s string) []byte { sum := sha256.Sum256([]byte(s)); return sum[:] }
	all := &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256, crypto.SHA512}, Raw: 5}
	for _, tc := range []struct {
		name   string
		body   string
		change func(*http.Request)
		want   core.Outgoing
	}{
		{"a body", "hello", nil, core.Outgoing{ContentLength: 5, Body: []byte("hello")}},
		{"a body longer than asked for", "hello!", nil, core.Outgoing{ContentLength: 6}},
		{"of unknown length", "hello", func(r *http.Request) {
			r.ContentLength = -1
		}, core.Outgoing{ContentLength: -1, Body: []byte("hello")}},
		{"of unknown length and too long", "hello!", func(r *http.Request) {
			r.ContentLength = -1
		}, core.Outgoing{ContentLength: -1}},
		{"no body", "", nil, core.Outgoing{Body: []byte{}}},
		{"a nil body", "", func(r *http.Request) { r.Body, r.GetBody = nil, nil }, core.Outgoing{Body: []byte{}}},
		{"a Host that is not set", "", func(r *http.Request) { r.Host = "" }, core.Outgoing{Body: []byte{}}},
		{"a Host of its own", "", func(r *http.Request) {
			r.Host = "Tenant.example"
		}, core.Outgoing{Host: "Tenant.example", Body: []byte{}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &reader{needs: all}
			s := ready(t, p, &core.Options{Origins: []string{api.URL, "http://tenant.example"}})
			req, err := http.NewRequestWithContext(
				t.Context(),
				http.MethodPost,
				api.URL,
				bytes.NewReader([]byte(tc.body)),
			)
			require.NoError(t, err)
			if tc.change != nil {
				tc.change(req)
			}
			resp, err := s.Client().Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			got := p.last.Load()
			require.Equal(t, cmp.Or(tc.want.Host, host), got.Host)
			require.Equal(t, tc.want.ContentLength, got.ContentLength)
			require.Equal(t, tc.want.Body, got.Body)
			require.Equal(t, sha(tc.body), got.Digests[crypto.SHA256])
			sum := sha512.Sum512([]byte(tc.body))
			require.Equal(t, sum[:], got.Digests[crypto.SHA512])
		})
	}
	t.Run("a body that cannot be read twice", func(t *testing.T) {
		p := &reader{needs: all}
		s := ready(t, p, nil)
		req, err := http.NewRequestWithContext(
			t.Context(),
			http.MethodPost,
			api.URL,
			io.NopCloser(strings.NewReader("x")),
		)
		require.NoError(t, err)
		resp, err := s.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Nil(t, p.last.Load().Digests)
		require.Nil(t, p.last.Load().Body)
		require.EqualValues(t, -1, p.last.Load().ContentLength)
	})
	t.Run("a body that fails", func(t *testing.T) {
		p := &reader{needs: all}
		s := ready(t, p, nil)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api.URL, strings.NewReader("x"))
		require.NoError(t, err)
		req.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }
		_, err = s.Client().Do(req)
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

// What a session cannot do for a credential is a typed error, before any body is read.
func TestBodyNeedsAreBounded(t *testing.T) {
	for says, needs := range map[string]*core.BodyNeeds{
		"10737418240 bytes":  {Raw: 10 << 30},
		"up to -1 bytes":     {Raw: -1},
		"hash number 0":      {Digests: []crypto.Hash{0}},
		"hash number 99":     {Digests: []crypto.Hash{crypto.SHA256, 99}},
		"hash number 1,":     {Digests: []crypto.Hash{crypto.MD4}},
		"9 digests of":       {Digests: make([]crypto.Hash, 9)},
		"hash number 429496": {Digests: []crypto.Hash{1<<32 - 1}},
	} {
		s := core.New("api", &reader{needs: needs}, nil)
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig, says)
		require.ErrorContains(t, err, says)
	}
	s := core.New("api", &reader{needs: &core.BodyNeeds{Raw: 1 << 20}}, nil)
	require.NoError(t, s.Init(t.Context()))
}

// A stored credential still says what it needs.
func TestBodyNeedsAreStored(t *testing.T) {
	api := swallow(t)
	store := newShelf()
	opts := &core.Options{Store: store}
	p := &reader{needs: &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}, Raw: 10}}
	ready(t, p, opts)
	again := &reader{}
	s := ready(t, again, opts)
	resp, err := s.Client().Post(api.URL, "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "hello", string(again.last.Load().Body))
	require.Len(t, again.last.Load().Digests, 1)
}
