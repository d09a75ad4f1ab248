package config

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRenegotiation proves that a renegotiation is off unless the key allows it.
func TestRenegotiation(t *testing.T) {
	for value, want := range map[string]tls.RenegotiationSupport{
		"": tls.RenegotiateNever, "never": tls.RenegotiateNever,
		"once": tls.RenegotiateOnceAsClient, "freely": tls.RenegotiateFreelyAsClient,
	} {
		require.Equal(t, want, newTLS(tlsKeys{Renegotiation: value}, "").Renegotiation, value)
	}
}
