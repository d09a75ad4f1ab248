package oauth2

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// leaving is a transport whose caller leaves while it answers.
type leaving struct {
	answers
	after int // answers until then
	leave context.CancelCauseFunc
}

var errLeft = errors.New("the caller has left")

// RoundTrip implements http.RoundTripper.
func (l *leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.after--; l.after == 0 {
		l.leave(errLeft)
	}
	return l.answers.RoundTrip(r)
}

// TestDiscoveryThatIsCancelled checks that an issuer whose metadata has not been looked for at each
// place is not said to publish none.
func TestDiscoveryThatIsCancelled(t *testing.T) {
	for name, tt := range map[string]struct {
		issuer string
		answer answers
		after  int // answers until the caller leaves
		code   core.Code
	}{
		"at the first place":         {"https://l.example.com", answers{404, htmlType, ""}, 1, later},
		"at the second of three":     {"https://l.example.com/a", answers{404, htmlType, ""}, 2, later},
		"an invalid document":        {"https://l.example.com", inJSON(200, `{"issuer":5}`), 1, later},
		"a refusal":                  {"https://l.example.com", inJSON(403, `{}`), 1, later},
		"an outage":                  {"https://l.example.com", inJSON(500, `{}`), 1, later},
		"at the last place":          {"https://l.example.com", answers{404, htmlType, ""}, 2, badConfig},
		"never":                      {"https://l.example.com", answers{404, htmlType, ""}, 9, badConfig},
		"at the last place of three": {"https://l.example.com/a", answers{404, htmlType, ""}, 3, badConfig},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			d := discovery{cfg: &Config{Issuer: tt.issuer}}
			_, err := d.discover(ctx, &http.Client{Transport: &leaving{tt.answer, tt.after, cancel}})
			require.Equal(t, tt.code, core.CodeOf(err), err)
			if tt.code == later && tt.answer.status != 500 {
				require.ErrorIs(t, err, errLeft)
			}
		})
	}
}
