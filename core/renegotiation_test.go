package core_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestRenegotiation proves that a server that asks for a renegotiation is a fault of the settings
// whose text names the setting, with and without the credential; an error of another kind stays as
// it is. Package acceptance has real servers.
func TestRenegotiation(t *testing.T) {
	local := func(text string) error { return &net.OpError{Op: "local error", Err: errors.New(text)} }
	for _, c := range []struct {
		name string
		err  error
		code core.Code
	}{
		{"asked", local("tls: no renegotiation"), core.CodeBadConfig},
		{"another alert", local("tls: bad certificate"), core.CodeUnavailable},
		{"refused by the server", &net.OpError{Op: "remote error",
			Err: errors.New("tls: no renegotiation")}, core.CodeUnavailable},
		{"no cause", &net.OpError{Op: "local error"}, core.CodeUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := core.New("a", core.ProviderFunc(
				func(context.Context, core.Request) (core.Credential, error) {
					return core.Credential{Attach: core.Attachment{
						Header: map[string]core.Secret{"X-Key": core.NewSecret("k")},
					}}, nil
				}), &core.Options{Lazy: true, Origins: []string{"https://api.example"}})
			defer s.Close(t.Context())
			client := &http.Client{Transport: s.Transport(roundTripper(
				func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == "/redirect" {
						return &http.Response{StatusCode: http.StatusFound, Body: http.NoBody,
							Header: http.Header{"Location": {"https://other.example/"}}}, nil
					}
					return nil, c.err
				}))}
			for _, path := range []string{"/", "/redirect"} {
				_, err := client.Get("https://api.example" + path)
				require.ErrorIs(t, err, c.err)
				if c.code == core.CodeBadConfig {
					require.ErrorIs(t, err, core.CodeBadConfig)
					require.ErrorContains(t, err, "tls.renegotiation")
				} else {
					require.NotContains(t, err.Error(), "renegotiation to once")
				}
			}
		})
	}
}
