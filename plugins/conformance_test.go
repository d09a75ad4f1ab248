//go:build unix

package plugins

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

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
