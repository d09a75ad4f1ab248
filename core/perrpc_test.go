package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestPerRPCOnTheLoopback checks that an origin with http stands for the address that
// gRPC writes with https, where plain HTTP is allowed.
func TestPerRPCOnTheLoopback(t *testing.T) {
	for _, tc := range []struct {
		origin, uri  string
		allow, works bool
	}{
		{"http://127.0.0.1:50051", "https://127.0.0.1:50051/pkg.S", false, true},
		{"http://localhost:50051", "https://localhost:50051/pkg.S", false, true},
		{"http://LOCALHOST:50051", "https://localhost:50051/pkg.S", false, true},
		{"http://[::1]:50051", "https://[::1]:50051/pkg.S", false, true},
		{"http://localhost", "https://localhost:80/pkg.S", false, true},
		{"http://localhost:443", "https://localhost/pkg.S", false, true},
		{"http://127.0.0.2:50051", "https://127.0.0.2:50051/pkg.S", false, true},
		{"http://127.0.0.1:50051", "https://127.0.0.1:50052/pkg.S", false, false},
		{"http://127.0.0.1:50051", "https://127.0.0.1/pkg.S", false, false},
		{"http://localhost", "https://localhost/pkg.S", false, false},
		{"http://127.0.0.1:50051", "https://localhost:50051/pkg.S", false, false},
		{"http://127.0.0.1:50051", "https://127.0.0.1.example.com:50051/pkg.S", false, false},
		{"http://api.example.com:50051", "https://api.example.com:50051/pkg.S", false, false},
		{"http://api.example.com:50051", "https://api.example.com:50051/pkg.S", true, true},
		{"http://api.example.com:50051", "https://evil.example.com:50051/pkg.S", true, false},
		{"https://127.0.0.1:50051", "https://127.0.0.1:50051/pkg.S", false, true},
	} {
		s := ready(t, fixed(bearer("T")), &core.Options{Origins: []string{tc.origin}, AllowHTTP: tc.allow})
		md, err := s.PerRPC().GetRequestMetadata(t.Context(), tc.uri)
		if tc.works {
			require.NoError(t, err, "%+v", tc)
			require.Equal(t, map[string]string{"authorization": "Bearer T"}, md)
			continue
		}
		require.ErrorIs(t, err, core.CodeOriginRefused, "%+v", tc)
	}
}

// TestRequireTransportSecurity checks which sessions let gRPC make a connection without
// TLS.
func TestRequireTransportSecurity(t *testing.T) {
	for _, tc := range []struct {
		origins  []string
		required bool
	}{
		{[]string{"http://127.0.0.1:1"}, false},
		{[]string{"http://127.0.0.1:1", "http://[::1]:1", "http://localhost"}, false},
		{[]string{"http://127.0.0.1:1", "https://127.0.0.1:2"}, true},
		{[]string{"http://127.0.0.1:1", "http://api.example.com"}, true},
		{[]string{"http://localhost.example.com"}, true},
		{nil, true},
	} {
		c := bearer("T")
		c.Origins = tc.origins
		require.Equal(t, tc.required, ready(t, fixed(c), nil).PerRPC().RequireTransportSecurity())
		s := core.New("a", fixed(bearer("T")), &core.Options{Origins: tc.origins})
		require.Equal(t, tc.required, s.PerRPC().RequireTransportSecurity(), "before Init")
		s.Reconfigure(fixed(c), &core.Options{AllowHTTP: true})
		require.False(t, s.PerRPC().RequireTransportSecurity())
	}
}

// TestHeadersThatGRPCCannotSend checks that they are faults of the configuration, as
// credentials and from an Authorizer.
func TestHeadersThatGRPCCannotSend(t *testing.T) {
	for name, value := range map[string]string{
		"X-Key-Bin": "a", "grpc-timeout": "1n", "Grpc-Status": "0", "X!Key": "a", "X~Key": "a",
		"X-Key": "caf\u00e9", "X-Tab": "a\tb", "User-Agent": "a", "X-Latin": "caf\xe9",
	} {
		a := core.Attachment{Header: map[string]core.Secret{name: core.NewSecret(value)}}
		for _, p := range []core.Provider{fixed(core.Credential{Attach: a}), attaching(a)} {
			s := ready(t, p, nil)
			_, err := s.PerRPC().GetRequestMetadata(t.Context(), "https://api.example.com/pkg.S")
			require.ErrorIs(t, err, core.CodeBadConfig, name)
			require.NotContains(t, err.Error(), "caf")
		}
	}
	a := core.Attachment{Header: map[string]core.Secret{
		"X_Key.1": core.NewSecret("a ~"), "Grpcx": core.NewSecret("b"), "X-Bin-Key": core.NewSecret("c"),
	}}
	md, err := ready(t, fixed(core.Credential{Attach: a}), nil).PerRPC().
		GetRequestMetadata(t.Context(), "https://api.example.com/pkg.S")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"x_key.1": "a ~", "grpcx": "b", "x-bin-key": "c"}, md)
}
