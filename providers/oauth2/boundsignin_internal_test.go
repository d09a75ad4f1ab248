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
				Grant: grant, Issuer: "https://login.example.com", DPoPSettings: DPoPSettings{DPoP: bound},
				ClientSettings: ClientSettings{ClientID: "a", ClientSecret: core.NewSecret("s")},
			})
			require.NoError(t, err)
			_, authorizes := p.(core.Authorizer)
			require.Equal(t, bound, authorizes, grant)
			_, asks := p.(core.SignIn)
			require.Equal(t, grant != ClientCredentials, asks, grant)
			_, revokes := p.(core.Revoker)
			require.True(t, revokes)
		}
	}
	p := &provider{cfg: Config{Grant: AuthorizationCode}}
	require.Equal(t, "thumbprint", p.request(&authorization{bound: "thumbprint"}).Get("dpop_jkt"))
	require.False(t, p.request(&authorization{}).Has("dpop_jkt"))
}
