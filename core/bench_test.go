package core_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

type nowhere struct{}

var answer = &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return answer, nil }

func hotSession(t testing.TB, life time.Duration) *core.Session {
	t.Helper()
	s := core.New("hot", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		c := bearer(strings.Repeat("x", 1024))
		if life > 0 {
			c.Expiry = time.Now().Add(life)
		}
		c.Origins = []string{"https://api.example.com"}
		return c, nil
	}), nil)
	require.NoError(t, s.Init(t.Context()))
	return s
}

// hotPaths are what every request does.
func hotPaths(t testing.TB) map[string]func() {
	ctx := context.Background()
	s := hotSession(t, time.Hour)
	rt, rpc, config := s.Transport(nowhere{}), s.PerRPC(), s.TLSConfig(nil)
	req, err := http.NewRequest(http.MethodGet, "https://api.example.com/v1/x", nil)
	require.NoError(t, err)
	own := req.Clone(ctx)
	uri := []string{"https://api.example.com/pkg.Service"}
	info := new(tls.CertificateRequestInfo)
	return map[string]func(){
		"Credential": func() { _, _ = s.Credential(ctx) },
		"RoundTrip":  func() { _, _ = rt.RoundTrip(req) },
		"Authorize": func() {
			delete(own.Header, "Authorization")
			_ = s.Authorize(ctx, own)
		},
		"PerRPC":      func() { _, _ = rpc.GetRequestMetadata(ctx, uri...) },
		"Certificate": func() { _, _ = config.GetClientCertificate(info) },
	}
}

func TestHotPathAllocations(t *testing.T) {
	want := map[string]float64{"RoundTrip": 3}
	for name, fn := range hotPaths(t) {
		if got := testing.AllocsPerRun(200, fn); got > want[name] {
			t.Errorf("%s: %v allocations, want at most %v", name, got, want[name])
		}
	}
}

func BenchmarkHotPath(b *testing.B) {
	for name, fn := range hotPaths(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fn()
			}
		})
	}
	b.Run("time.Now", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
	epoch := time.Now()
	b.Run("time.Since", func(b *testing.B) {
		for b.Loop() {
			_ = time.Since(epoch)
		}
	})
}
