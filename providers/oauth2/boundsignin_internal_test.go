package oauth2

import (
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// TestBoundSignIn checks that a sign-in binds its code to the key, and that a
// provider has the abilities that its settings call for, and no others.
func TestBoundSignIn(t *testing.T) {
	for _, grant := range []string{ClientCredentials, AuthorizationCode, DeviceCode} {
		for _, bound := range []bool{false, true} {
			p, err := New(Config{
				Grant: grant, Issuer: "https://login.example.com", DPoP: bound,
				ClientID: "a", ClientSecret: core.NewSecret("s"),
			})
			require.NoError(t, err)
			_, authorizes := p.(core.Authorizer)
			require.Equal(t, bound, authorizes, grant)
			_, asks := p.(core.InteractiveProvider)
			require.Equal(t, grant != ClientCredentials, asks, grant)
			_, revokes := p.(core.Revoker)
			require.True(t, revokes)
		}
	}
	bound, unbound := authorization{thumbprint: "thumbprint"}, authorization{}
	require.Equal(t, "thumbprint", bound.authorizationRequest(&Config{}).Get("dpop_jkt"))
	require.False(t, unbound.authorizationRequest(&Config{}).Has("dpop_jkt"))
}
