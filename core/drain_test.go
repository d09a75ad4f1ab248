package core_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// stalled is a body that hands out text and then nothing more until it is
// closed.
type stalled struct {
	io.Reader
	closed chan struct{}
	read   atomic.Int64
}

func (s *stalled) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read.Add(int64(n))
	if err == nil {
		return n, nil
	}
	<-s.closed
	return 0, io.ErrClosedPipe
}

func (s *stalled) Close() error { close(s.closed); return nil }

// The answer that refused the credential is not the caller's. Nobody waits for
// the rest of its body.
func TestRefusalWhoseBodyStalls(t *testing.T) {
	for _, tc := range []struct {
		name   string
		length int64
		text   string
		took   time.Duration
		read   int64
	}{
		{"a small one", 10, "012345678", 50 * time.Millisecond, 9},
		{"one whose end does not come", 9, "012345678", 50 * time.Millisecond, 9},
		{"a large one", 4<<10 + 1, "0", 0, 0},
		{"one of unknown length", -1, "0", 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := &stalled{Reader: strings.NewReader(tc.text), closed: make(chan struct{})}
				base := roundTripper(func(r *http.Request) (*http.Response, error) {
					resp := &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}
					if r.Header.Get("Authorization") == "Bearer t1" {
						resp.StatusCode, resp.Body, resp.ContentLength = 401, first, tc.length
					}
					return resp, nil
				})
				s := ready(t, &issuer{}, &core.Options{Transport: base})
				start := time.Now()
				resp, err := s.Client().Get("https://api.example.com/")
				require.NoError(t, err)
				require.Equal(t, 200, resp.StatusCode)
				require.Equal(t, tc.took, time.Since(start))
				require.Equal(t, tc.read, first.read.Load())
				<-first.closed
			})
		})
	}
}

// The connection of a refusal is used again, if its body is small.
func TestConnectionAfterARefusal(t *testing.T) {
	for size, conns := range map[int]int{0: 1, 100: 1, 4 << 10: 1, 4<<10 + 1: 2} {
		var addrs []string
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(addrs) == 0 || addrs[len(addrs)-1] != r.RemoteAddr {
				addrs = append(addrs, r.RemoteAddr)
			}
			if r.Header.Get("Authorization") == "Bearer t1" {
				w.Header().Set("Content-Length", strconv.Itoa(size))
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = w.Write(make([]byte, size))
			}
		}))
		s := ready(t, &issuer{}, nil)
		resp, err := s.Client().Get(api.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
		require.Len(t, addrs, conns, size)
		require.NoError(t, s.Close(t.Context()))
		api.Close()
	}
}
