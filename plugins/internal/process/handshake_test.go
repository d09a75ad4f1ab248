package process

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseHandshake(t *testing.T) {
	whole := handshake{"1", "1", "unix", "/tmp/a b/s", "grpc", "MIIB"}
	without := whole
	without.certificate = ""
	for line, want := range map[string]handshake{
		"1|1|unix|/tmp/a b/s|grpc|MIIB":        whole,
		"1|1|unix|/tmp/a b/s|grpc|MIIB\r\n":    whole,
		"1|1|unix|/tmp/a b/s|grpc|MIIB|true\n": whole, // with multiplexing
		"1|1|unix|/tmp/a b/s|grpc":             without,
		"1|1|unix|/tmp/a b/s|grpc|":            without,
		"01|99|tcp|127.0.0.1:1|netrpc":         {"01", "99", "tcp", "127.0.0.1:1", "netrpc", ""},
	} {
		got, ok := parseHandshake(line)
		require.True(t, ok, line)
		require.Equal(t, want, got, line)
	}
	for _, line := range []string{"", "\n", "|", "|||||", "1|1|unix|/tmp/s", "1|1|udp|/tmp/s|grpc",
		"1|1|unix||grpc", "1|1|unix|/tmp/s|", "x|1|unix|/tmp/s|grpc", "1||unix|/tmp/s|grpc",
		"1|-1|unix|/tmp/s|grpc", "1|1.0|unix|/tmp/s|grpc", "1|١|unix|/tmp/s|grpc", " 1|1|unix|/s|grpc",
		"ready\n1|1|unix|/tmp/s|grpc"} {
		_, ok := parseHandshake(line)
		require.False(t, ok, line)
	}
}

func TestIsName(t *testing.T) {
	for _, name := range []string{"a", "Z", "0", "a.b_c-D9", "a-", strings.Repeat("a", 100)} {
		require.True(t, IsName(name), name)
	}
	for _, name := range []string{"", "-a", ".a", "_a", "a b", "a\n", "\na", "ä", "aä", "a/b", "a=b",
		strings.Repeat("a", 101)} {
		require.False(t, IsName(name), name)
	}
}
