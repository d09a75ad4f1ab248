package grant

import (
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// TestClockHint checks that a difference of one second is named, and as the likely cause from ten
// seconds on.
func TestClockHint(t *testing.T) {
	for skew, want := range map[time.Duration]string{
		0:                       "",
		-900 * time.Millisecond: "", // within the second of the Date
		time.Second:             "a possible cause: this machine's clock is 1s behind the server's",
		-time.Second:            "a possible cause: this machine's clock is 1s ahead of the server's",
		-3 * time.Second:        "a possible cause: this machine's clock is 3s ahead of the server's",
		time.Minute:             "the likely cause: this machine's clock is 1m0s behind the server's",
		-time.Minute:            "the likely cause: this machine's clock is 1m0s ahead of the server's",
	} {
		for code, form := range map[string]url.Values{
			"invalid_client": {"client_assertion": {"x"}}, "invalid_grant": {"assertion": {"x"}},
			"invalid_dpop_proof": {},
		} {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
				date := time.Now().Add(skew)
				if skew == -900*time.Millisecond {
					time.Sleep(-skew)
					date = time.Now()
				}
				err := refusalOf(core.Errorf(core.CodeDenied, "answers 400"), 400,
					[]byte(`{"error":"`+code+`"}`), false)
				header := http.Header{"Date": {date.UTC().Format(http.TimeFormat)}}
				text := withClockError(err, form, header).Error()
				if want == "" {
					require.NotContains(t, text, "clock")
					return
				}
				require.Contains(t, text, want)
			})
		}
	}
}
