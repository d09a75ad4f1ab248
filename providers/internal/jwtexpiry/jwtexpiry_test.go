package jwtexpiry_test

import (
	"encoding/base64"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/providers/internal/jwtexpiry"
	"github.com/stretchr/testify/require"
)

func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the year is 2000
		at := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		require.True(t, at.Equal(jwtexpiry.Of(jwt(fmt.Sprintf(`{"exp": %d}`, at.Unix())))))
		require.True(t, at.Equal(jwtexpiry.Of(jwt(fmt.Sprintf(`{"exp": %d.5}`, at.Unix())))))
		for _, s := range []string{
			"", "opaque", "a.b", "a.!.c", "a.b.c.d", jwt("{}"), jwt("[]"), jwt(`{"exp": "soon"}`),
			jwt(`{"exp": null}`),
			jwt(`{"exp": 0}`), jwt(`{"exp": -5}`), jwt(`{"exp": 1e300}`),
			jwt(fmt.Sprintf(`{"exp": %d}`, at.UnixMilli())),
		} {
			require.Zero(t, jwtexpiry.Of(s), s)
		}
	})
}

func FuzzOf(f *testing.F) {
	f.Add(jwt(`{"exp": 981173106}`))
	f.Add(jwt(`{"exp": 1e308}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if at := jwtexpiry.Of(token); !at.IsZero() {
			require.True(t, at.After(time.Unix(0, 0)))
			require.True(t, at.Before(time.Now().AddDate(31, 0, 0)))
		}
	})
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for _, c := range []struct {
			at, want time.Time
			ended    bool
		}{
			{time.Time{}, time.Time{}, false},
			{now.Add(time.Second), now.Add(time.Second), false},
			{now, now.Add(5 * time.Minute), false},
			{now.Add(-4 * time.Minute), now.Add(time.Minute), false},
			{now.Add(-5 * time.Minute), time.Time{}, true},
			{now.Add(-6 * time.Minute), time.Time{}, true},
		} {
			got, ended := jwtexpiry.Until(c.at)
			require.Equal(t, c.want, got)
			require.Equal(t, c.ended, ended)
		}
	})
}
