package acceptance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

// The API refuses the old token at the moment in which the file gets the new
// one; the session looks at once and nobody notices.
func TestBearerFileAfterRefusal(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	k := newTokens(t)
	api := servers.StartAPI(t, ca, k.check)
	s := initialised(t, load(t, ca, fmt.Sprintf(`
sessions:
  job: {provider: bearer, origins: [%q], settings: {token_file: %q, interval: 1h}}
`, api.URL, k.file)), "job")
	says(t, s, api.URL, "owner of token-1")
	k.rotate(t, "token-2")
	says(t, s, api.URL, "owner of token-2")
	require.EqualValues(t, 1, s.Status().Refusals)
}
