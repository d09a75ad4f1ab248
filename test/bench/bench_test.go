package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be its own plugin.
func TestMain(m *testing.M) {
	asPlugin()
	os.Exit(m.Run())
}

func run(b *testing.B, rows func() ([]row, func())) {
	list, done := rows()
	defer done()
	for _, r := range list {
		for _, c := range r.subs {
			b.Run(r.title+"/"+c.name, c.bench)
		}
	}
}

func BenchmarkCached(b *testing.B)      { run(b, cachedRows) }
func BenchmarkGRPC(b *testing.B)        { run(b, grpcRows) }
func BenchmarkRequest(b *testing.B)     { run(b, requestRows) }
func BenchmarkDPoP(b *testing.B)        { run(b, dpopRows) }
func BenchmarkCertificate(b *testing.B) { run(b, certificateRows) }
func BenchmarkLookup(b *testing.B)      { run(b, lookupRows) }
func BenchmarkConfig(b *testing.B)      { run(b, configRows) }
func BenchmarkEndToEnd(b *testing.B)    { run(b, endToEndRows) }
func BenchmarkPlugin(b *testing.B)      { run(b, pluginRows) }

// Every subject gets a token from the endpoint, keeps it, and asks once more
// when it has expired: else the long rows would compare different work.
func TestSubjectsDoTheSameWork(t *testing.T) {
	for _, s := range subjects {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(time.Hour, 0)
			defer e.close()
			c := s.open(e, tuning{})
			defer c.close()
			for range 3 {
				require.NoError(t, c.use(t.Context()))
			}
			require.EqualValues(t, 1, e.requests.Load())

			short := newEndpoint(time.Second, 0)
			defer short.close()
			c = s.open(short, tuning{})
			defer c.close()
			require.NoError(t, c.use(t.Context()))
			first := short.requests.Load()
			require.Eventually(t, func() bool {
				return c.use(t.Context()) == nil && short.requests.Load() > first
			}, 5*time.Second, 50*time.Millisecond)

			ill := newEndpoint(time.Hour, 0)
			defer ill.close()
			ill.mood.Store(failing)
			c = s.open(ill, tuning{})
			defer c.close()
			require.Error(t, c.use(t.Context()))
		})
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		in   figures
		want string
	}{
		{nil, "–"},
		{figures{3}, "3"},
		{figures{3, 1, 2}, "2 (1–3)"},
		{figures{1234.5}, "1,234"},
		{figures{0.12, 56.7}, "28.4 (0.12–56.7)"},
		{figures{1234567}, "1,234,567"},
		{figures{0.001, 0, 0.002}, "0"},
	} {
		require.Equal(t, c.want, c.in.String())
	}
}

func TestTableLinesUp(t *testing.T) {
	tab := table{title: "T", text: "x", head: []string{"", "µs"}}
	tab.add("a–b", "1")
	var b strings.Builder
	tab.print(&b)
	require.Equal(t, "\n### T\n\nx\n\n|     | µs |\n| --- | -: |\n| a–b |  1 |\n", b.String())
}

// A killed plugin is replaced, and sessions share a process.
func TestProcesses(t *testing.T) {
	tables := processes(plan{runs: 1})
	require.Equal(t, "1", tables[1].rows[0][1])
}
