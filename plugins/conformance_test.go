//go:build unix

package plugins

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
)

// The conformance kit knows a provider through its factory and a session only;
// here it lives in a plugin.
func TestConformance(t *testing.T) {
	h, _ := newHost(t)
	_, err := h.Describe(t.Context(), testBinary())
	require.NoError(t, err)
	providertest.Run(t, providertest.Fixture{
		Factory: factoryOf(t, h, testBinary(), "ticket"),
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"url": s.URL, "key": s.Secret}
		},
		Good: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"ticket": "row-7-seat-12", "seconds": 60}`)
		}),
	})
}

// So does one that takes a person, whose browser comes back to the plugin.
func TestConformanceOfSignIn(t *testing.T) {
	h, _ := newHost(t)
	_, err := h.Describe(t.Context(), personBinary())
	require.NoError(t, err)
	for _, r := range providertest.Check(t.Context(), providertest.Fixture{
		Factory: factoryOf(t, h, personBinary(), "person"),
		Person: func(_ providertest.Server, willing bool) core.UI {
			if !willing {
				return core.UI{Open: browser("")}
			}
			return core.UI{Open: browser("ada-lovelace")}
		},
	}) {
		require.NoError(t, r.Err, r.Name)
		require.False(t, strings.HasPrefix(r.Name, "person/") && r.Skipped != "", r.Name)
	}
}
