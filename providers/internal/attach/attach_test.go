package attach_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/attach"
	"github.com/stretchr/testify/require"
)

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(string) error
		good  []string
		bad   map[string]string
	}{
		{
			"header name", attach.HeaderName, []string{"X-API-Key", "Authorization", "x_key"},
			map[string]string{"": "is not the name", "X Key": "is not the name", "X-Ké": "is not the name", "X:": "is not the name", "content-length": "Content-Length is not for", "HOST": "Host is not for"},
		},
		{
			"cookie name", attach.CookieName, []string{"sid", "__Host-sid"},
			map[string]string{"": "is not the name", "a=b": "is not the name", "a;": "is not the name"},
		},
		{
			"query name", attach.QueryName, []string{"key", "api key", "näme"},
			map[string]string{"": "is not the name", " key": "is not the name", "a\nb": "is not the name"},
		},
		{
			"header value", attach.HeaderValue, []string{"x", "a b\tc", "é"},
			map[string]string{
				"": "is empty", " ": "is blank", "x\n": "around it", " x": "around it", "a\nb": "control character", "a\x00b": "control character",
				"a\x7fb": "control character", strings.Repeat("x", attach.MaxValue+1): "larger than 64 KiB",
			},
		},
		{
			"cookie value", attach.CookieValue, []string{"abc", "a=b"},
			map[string]string{"": "is empty", "a b": "cannot hold", "a;b": "cannot hold", "é": "cannot hold", `"a"`: "cannot hold"},
		},
		{
			"token", attach.Token, []string{"abc.def", "a+/=", "a:b"},
			map[string]string{"": "is empty", "a b": "cannot hold", "é": "cannot hold", "a\r\nb": "control character"},
		},
		{
			"base", attach.Base, []string{"", "https://api.example.com/v1", "http://localhost:8080"},
			map[string]string{"api.example.com": "want the address", "ftp://x": "want the address", "https://u:p@x": "want the address", "https://x?a": "want the address", "https://": "want the address", "::": "want the address"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range c.good {
				require.NoError(t, c.check(s), "%q", s)
			}
			for s, want := range c.bad {
				require.ErrorContains(t, c.check(s), want, "%q", s)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	var c core.Credential
	attach.Address(&c, "")
	require.Zero(t, c)
	attach.Address(&c, "https://api.example.com:8443/v1")
	require.Equal(t, []string{"https://api.example.com:8443"}, c.Origins)
	require.Equal(t, map[string]string{"base_url": "https://api.example.com:8443/v1"}, c.Attributes)
}

func TestBadConfig(t *testing.T) {
	require.NoError(t, attach.BadConfig(nil))
	err := attach.BadConfig(errors.Join(core.Faultf("a.b", "is bad"), errors.Join(core.Faultf("c", "too"), errors.New("other"))))
	require.EqualError(t, err, "bad config: a.b: is bad; c: too; other")
	var faults core.Faults
	require.ErrorAs(t, err, &faults)
	require.Len(t, faults, 3)
}

func TestEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	require.NoError(t, attach.Ended(ctx))
	why := errors.New("why")
	cancel(why)
	require.ErrorIs(t, attach.Ended(ctx), why)
	require.ErrorIs(t, attach.Ended(ctx), core.Unavailable)
}

func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestTokenExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the year is 2000
		at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		require.True(t, at.Equal(attach.TokenExpiry(jwt(fmt.Sprintf(`{"exp": %d}`, at.Unix())))))
		require.True(t, at.Equal(attach.TokenExpiry(jwt(fmt.Sprintf(`{"exp": %d.5}`, at.Unix())))))
		for _, s := range []string{
			"", "opaque", "a.b", "a.!.c", "a.b.c.d", jwt("{}"), jwt("[]"), jwt(`{"exp": "soon"}`), jwt(`{"exp": null}`),
			jwt(`{"exp": 0}`), jwt(`{"exp": -5}`), jwt(`{"exp": 1e300}`), jwt(fmt.Sprintf(`{"exp": %d}`, at.UnixMilli())),
		} {
			require.Zero(t, attach.TokenExpiry(s), s)
		}
	})
}

func FuzzTokenExpiry(f *testing.F) {
	f.Add(jwt(`{"exp": 981173106}`))
	f.Add(jwt(`{"exp": 1e308}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if at := attach.TokenExpiry(token); !at.IsZero() {
			require.True(t, at.After(time.Unix(0, 0)))
			require.True(t, at.Before(time.Now().AddDate(31, 0, 0)))
		}
	})
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, c := range []struct {
			at, want time.Time
			over     bool
		}{
			{time.Time{}, time.Time{}, false},
			{now.Add(time.Second), now.Add(time.Second), false},
			{now, now.Add(5 * time.Minute), false},
			{now.Add(-4 * time.Minute), now.Add(time.Minute), false},
			{now.Add(-5 * time.Minute), time.Time{}, true},
			{now.Add(-6 * time.Minute), time.Time{}, true},
		} {
			got, over := attach.Expiry(c.at)
			require.Equal(t, c.want, got)
			require.Equal(t, c.over, over)
		}
	})
}

func ExampleHeaderName() {
	fmt.Println(attach.HeaderName("X-API-Key"), attach.HeaderName("Host"))
	// Output: <nil> the header Host is not for credentials
}
