package grant_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

// An assertion says until when it is good: where one is refused, the clock may
// be why.
func TestClockOfAssertions(t *testing.T) {
	for name, tt := range map[string]struct {
		skew        time.Duration
		code, param string
		doubted     bool
	}{
		"the client's, clock off":     {10 * time.Minute, "invalid_client", "client_assertion", true},
		"the client's, clock right":   {0, "invalid_client", "client_assertion", false},
		"the grant's, clock off":      {-10 * time.Minute, "invalid_grant", "assertion", true},
		"the grant's, clock right":    {0, "invalid_grant", "assertion", false},
		"no assertion, clock off":     {10 * time.Minute, "invalid_client", "other", false},
		"another refusal, clock off":  {10 * time.Minute, "invalid_scope", "client_assertion", false},
		"another grant's, clock off":  {10 * time.Minute, "invalid_grant", "client_assertion", false},
		"another client's, clock off": {10 * time.Minute, "invalid_client", "assertion", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(tt.skew).UTC().Format(http.TimeFormat))
				reply(400, "application/json", `{"error":"`+tt.code+`"}`)(w, r)
			})
			c.Auth = func(r *grant.AuthRequest) error {
				r.Form.Set(tt.param, "canary")
				return nil
			}
			_, err := c.Exchange(t.Context(), url.Values{"grant_type": {"x"}}, core.NewSecret("canary"))
			require.ErrorContains(t, err, tt.code)
			require.NotContains(t, err.Error(), "canary")
			if tt.doubted {
				require.Regexp(t, `this machine's clock is (9m5\ds|10m0s|10m1s) (ahead of|behind) the server's`,
					err.Error())
			} else {
				require.NotContains(t, err.Error(), "clock")
			}
		})
	}
}
