package grant_test

import (
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// TestServerErrors says what to do about each error of a server.
func TestServerErrors(t *testing.T) {
	for _, tt := range []struct {
		rfc, code string
		want      core.Code
	}{
		{"6749 §5.2", "invalid_request", core.CodeBadConfig},
		{"6749 §5.2", "invalid_client", core.CodeDenied},
		{"6749 §5.2", "invalid_grant", core.CodeDenied},
		{"6749 §5.2", "unauthorized_client", core.CodeDenied},
		{"6749 §5.2", "unsupported_grant_type", core.CodeBadConfig},
		{"6749 §5.2", "invalid_scope", core.CodeBadConfig},
		{"6749 §4.1.2.1", "access_denied", core.CodeDenied},
		{"6749 §4.1.2.1", "unsupported_response_type", core.CodeBadConfig},
		{"6749 §4.1.2.1", "server_error", core.CodeUnavailable},
		{"6749 §4.1.2.1", "temporarily_unavailable", core.CodeUnavailable},
		{"8628 §3.5", "authorization_pending", core.CodeUnavailable},
		{"8628 §3.5", "slow_down", core.CodeUnavailable},
		{"8628 §3.5", "expired_token", core.CodeInteractive},
		{"9449 §5", "invalid_dpop_proof", core.CodeBadConfig},
		{"9449 §8", "use_dpop_nonce", core.CodeUnavailable},
		{"8693 §2.2.2", "invalid_target", core.CodeBadConfig},
		{"OpenID Connect Core §3.1.2.6", "interaction_required", core.CodeInteractive},
		{"OpenID Connect Core §3.1.2.6", "login_required", core.CodeInteractive},
		{"OpenID Connect Core §3.1.2.6", "account_selection_required", core.CodeInteractive},
		{"OpenID Connect Core §3.1.2.6", "consent_required", core.CodeInteractive},
		{"none", "something_new", core.CodeDenied},
	} {
		t.Run(tt.rfc+" "+tt.code, func(t *testing.T) {
			for _, status := range []int{200, 400, 401} {
				c := serve(t,
					reply(status, "application/json", `{"error":"`+tt.code+`","error_description":"why"}`))
				_, err := c.ClientCredentials(t.Context())
				require.Equal(t, tt.want, core.CodeOf(err), "with status %d", status)
				require.ErrorContains(t, err, tt.code+" (why)")
			}
		})
	}
}
