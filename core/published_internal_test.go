package core

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A machine that slept: the monotonic clock stood still, the wall clock did
// not. No test can put a machine to sleep, so this one moves the moment that
// the wall clock is compared with.
func TestTheWallClockCountsToo(t *testing.T) {
	n := 0
	s := New("x", ProviderFunc(func(context.Context, Request) (Credential, error) {
		n++
		return Credential{
			Attach: Attachment{Header: map[string]Secret{"Authorization": NewSecret("t")}},
			Expiry: time.Now().Add(time.Hour),
		}, nil
	}), nil)
	require.NoError(t, s.Init(t.Context()))
	l := s.published.Load()
	require.LessOrEqual(t, l.recheckAt.Load(), int64(monoNow().plus(wallCheckInterval)),
		"the wall clock is asked every second")
	l.wallExpiresAt = time.Now().Add(-time.Minute).UnixNano()
	l.recheckAt.Store(int64(monoNow())) // the second is over
	_, err := s.Credential(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n)
}

// A request that Close overtakes must not leave a connection behind.
func TestNoConnectionIsKeptAfterClose(t *testing.T) {
	s := New("x", ProviderFunc(func(context.Context, Request) (Credential, error) {
		return Credential{
			Attach: Attachment{Header: map[string]Secret{"Authorization": NewSecret("t")}},
		}, nil
	}), nil)
	require.NoError(t, s.Init(t.Context()))
	l := s.published.Load()
	keeps := func() bool {
		transport := s.sendingParts().transports.withCredential(s.sender(), nil, l)
		return !transport.(*ownTransport).owned.DisableKeepAlives
	}
	require.True(t, keeps())
	require.NoError(t, s.Close(t.Context()))
	require.False(t, keeps())
	require.Nil(t, s.sending.Load().transports.with.Load())
	require.NoError(t, s.Init(t.Context()))
	require.True(t, keeps())
}

func TestEarliness(t *testing.T) {
	for _, tc := range []struct{ life, early, want time.Duration }{
		{5 * time.Second, 0, 500 * time.Millisecond},
		{time.Hour, 0, 5 * time.Minute},
		{24 * time.Hour, 0, 5 * time.Minute},
		{time.Hour, 10 * time.Minute, 10 * time.Minute},
		{time.Minute, 10 * time.Minute, 30 * time.Second},
		{time.Minute, -1, 6 * time.Second},
	} {
		require.Equal(t, tc.want, earliness(tc.life, tc.early))
		for range 100 {
			got := jitter(tc.want, randomBelow)
			require.LessOrEqual(t, got, tc.want)
			require.GreaterOrEqual(t, got, tc.want*4/5)
		}
	}
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{
		"https://a", "http://[::1]:80", "https://a:443/", "ftp://x", "https://u@h",
		"HTTPS://A.B:8443", "https://[fe80::1%25eth0]:1", "https://İ", "http://\xd72\xb5::",
		"https://\xd7", "https://a::",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOrigin(s)
		if err != nil {
			return
		}
		again, err := parseOrigin(o.text)
		if err != nil || again != o {
			t.Fatalf("%q: %+v, %+v, %v", s, o, again, err)
		}
	})
}
