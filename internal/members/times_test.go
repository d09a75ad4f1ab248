package members_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/members"
)

func TestTimes(t *testing.T) {
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for _, value := range []string{
		`"2026-01-02T15:04:05Z"`, `"2026-01-02t15:04:05z"`, `"2026-01-02 15:04:05Z"`,
		`"2026-01-02T15:04:05+00:00"`, `"2026-01-02T15:04:05+0000"`, `"2026-01-02T15:04:05+00"`,
		`"2026-01-02T15:04:05-00:00"`, `"2026-01-02T16:04:05+01:00"`, `"2026-01-02T16:04:05+0100"`,
		`"2026-01-02T09:34:05-0530"`, `"2026-01-02T15:04:05 UTC"`, `"2026-01-02T15:04:05UTC"`,
		`"2026-01-02 15:04:05 UTC"`, `"2026-01-02 15:04:05 utc"`, `"2026-01-02 15:04:05 GMT"`,
		`"2026-01-02 15:04:05 Z"`, `"2026-01-02 15:04:05 +0000"`, `"2026-01-02 15:04:05 +0000 UTC"`,
		`"2026-01-02 15:04:05 +0000 UTC m=+0.001"`, `"2026-01-02 16:04:05 +0100 CET"`,
		`"2026-01-02T15:04:05.000000Z"`, `"2026-01-02T15:04:05,000Z"`, `"2026-01-02T15:04:05.0+0000"`,
		`"20260102T150405Z"`, `"20260102t150405z"`, `"20260102T150405+0000"`,
		`"Fri, 02 Jan 2026 15:04:05 GMT"`, `"Fri, 2 Jan 2026 15:04:05 +0000"`,
		`"02 Jan 2026 15:04:05 UTC"`, `"Friday, 02-Jan-26 15:04:05 GMT"`,
		`"Fri Jan  2 15:04:05 UTC 2026"`, ` "\n2026-01-02T15:04:05Z\n"`,
		`"2026-01-02T15:04:05Z[UTC]"`, `"2026-01-02T16:04:05+01:00[Europe/Berlin]"`,
		`"2026-01-02T15:04:05.000+00:00[Etc/UTC]"`, `"2026-01-02T15:04:05Z[UTC][u-ca=gregory]"`,
		`"Fri Jan 02 2026 16:04:05 GMT+0100 (Central European Standard Time)"`,
		`"Fri Jan 02 2026 15:04:05 GMT+0000"`, `"Fri, 02 Jan 2026 16:04:05 GMT+01:00"`,
		`"Jan  2 15:04:05 2026 GMT"`, `"20260102150405Z"`, `"20260102160405+0100"`,
		`"2026/01/02 15:04:05 UTC"`, `"2026/01/02 16:04:05 +0100"`, `"02-Jan-2026 15:04:05 GMT"`,
		`"/Date(1767366245000)/"`, `"\/Date(1767366245000)\/"`, `"/Date(1767366245000+0100)/"`,
		`1767366245`, `"1767366245"`, `1767366245.0`, `1767366245000`, `"1767366245000"`,
		`1.767366245e9`, `" 1767366245 "`,
	} {
		object, err := members.Read([]byte(`{"a":` + value + `}`))
		require.NoError(t, err, value)
		got, err := object.Time("a")
		require.NoError(t, err, value)
		require.True(t, at.Equal(got), "%s is read as %v", value, got)
	}
	got, err := members.ParseTime("2026-01-02T15:04:05.25Z")
	require.NoError(t, err)
	require.Equal(t, 250*time.Millisecond, got.Sub(at))
	got, err = members.ParseTime("1767366245.25")
	require.NoError(t, err)
	require.Equal(t, 250*time.Millisecond, got.Sub(at))
	got, err = members.ParseTime("2026-01-02T15:04Z")
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, at.Sub(got))
}

func TestNoTime(t *testing.T) {
	for _, value := range []string{`""`, `"  "`, `null`} {
		object, err := members.Read([]byte(`{"a":` + value + `}`))
		require.NoError(t, err)
		got, err := object.Time("a")
		require.NoError(t, err, value)
		require.Zero(t, got, value)
	}
	got, err := members.Object{}.Time("none")
	require.NoError(t, err)
	require.Zero(t, got)
}

// TestAmbiguousTimes checks that the error names the form, and does not repeat the value.
func TestAmbiguousTimes(t *testing.T) {
	for value, want := range map[string]string{
		`"2026-01-02 15:04:05"`:                "without a zone",
		`"2026-01-02T15:04:05"`:                "without a zone",
		`"2026-01-02 15:04:05.000000"`:         "without a zone",
		`"20260102T150405"`:                    "without a zone",
		`"Fri Jan  2 15:04:05 2026"`:           "without a zone",
		`"2026-01-02 15:04:05 CET"`:            "named by letters",
		`"2026-01-02T15:04:05 EST"`:            "named by letters",
		`"2026-01-02 15:04:05 +0100 UTC"`:      "is not a time",
		`"2026-01-02T15:04:05[Europe/Berlin]"`: "without a zone",
		`"Jan  2 15:04:05 2026"`:               "without a zone",
		`"20260102150405"`:                     "too large",
		`"2026/01/02 15:04:05"`:                "is a",
		`"2026-01-02T15:04:05 GMT+1"`:          "is not a time",
		`"/Date(1767366245)/"`:                 "is not a time",
		`"/Date(hunter2)/"`:                    "is not a time",
		`"2026-01-02"`:                         "without a time",
		`"01/02/2026 15:04:05"`:                "day and month",
		`"soon"`:                               "is not a time",
		`"hunter2-hunter2"`:                    "is not a time",
		`"2026-13-02T15:04:05Z"`:               "is not a time",
		`"2026-01-02T15:04:05+00000"`:          "is not a time",
		`3600`:                                 "too small",
		`"3600"`:                               "too small",
		`0`:                                    "too small",
		`-1`:                                   "too small",
		`20260102`:                             "too small",
		`20260102150405`:                       "too large",
		`"202601021504"`:                       "too large",
		`1767366245000000`:                     "too large",
		`1e999`:                                "too large",
		`true`:                                 "neither a text nor a number",
		`{"a":1}`:                              "neither a text nor a number",
		`["2026-01-02T15:04:05Z"]`:             "neither a text nor a number",
	} {
		object, err := members.Read([]byte(`{"a":` + value + `}`))
		require.NoError(t, err, value)
		got, err := object.Time("a")
		require.ErrorContains(t, err, want, value)
		require.ErrorContains(t, err, "want RFC 3339")
		require.Zero(t, got)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "2026-01-02 ")
	}
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-01-02T15:04:05Z", "1767366245", "Fri Jan  2 15:04:05 UTC 2026",
		"2026-01-02 15:04:05 +0100 CET", "-", " UTC", "+0000 UTC", "1e",
		"Jan  J 15:\xf0\xf0\xf0\xf004:05 UTC 2026", "Jan 15:04:05 ıı UTC 2026", "ɐ UTC 2026", "ŉŉ GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := members.ParseTime(text)
		require.True(t, err == nil || at.IsZero())
	})
}
