package oauth2_test

import (
	"encoding/hex"
	"net/http"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// TestHostileWords: what a server says of itself, or of a failure, does not
// bring the client's secret into an error.
func TestHostileWords(t *testing.T) {
	const hidden = "s+e c/\u200br&t\u00ad=~%41"
	for name, change := range map[string]func(*server, map[string]any){
		"issuer": func(_ *server, m map[string]any) { m["issuer"] = hidden },
		"grants": func(s *server, m map[string]any) {
			m["grant_types_supported"] = []string{hidden}
			s.override = refusing("unsupported_grant_type", "")
		},
		"methods": func(s *server, m map[string]any) {
			m["token_endpoint_auth_methods_supported"] = []string{hidden}
			s.override = refusing("invalid_client", "")
		},
		"a description": func(s *server, _ map[string]any) {
			s.override = refusing("invalid_client",
				hidden)
		},
		"a code": func(s *server, _ map[string]any) { s.override = refusing(hidden, "") },
		"a description in hex": func(s *server, _ map[string]any) {
			s.override = refusing("invalid_client", hex.EncodeToString([]byte(secret)))
		},
		"a description in halves": func(s *server, _ map[string]any) {
			s.override = refusing(
				"x "+secret[:9], secret[5:])
		},
		"where it redirects": func(s *server, _ map[string]any) {
			s.override = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://"+hex.EncodeToString([]byte(secret))+".example/")
				w.WriteHeader(http.StatusFound)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			doc := map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/token"}
			change(s, doc)
			s.metadata[rfc8414] = doc
			p := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL})
			_, err := p.Authenticate(t.Context(), core.Request{})
			require.Error(t, err)
			require.NotContains(t, err.Error(), hex.EncodeToString([]byte(secret))[:16])
			for i := 0; i+8 <= len(secret); i++ {
				require.NotContains(t, err.Error(), secret[i:i+8])
			}
			require.NotContains(t, err.Error(), "\u200b")
			require.NotContains(t, err.Error(), `\u200b`)
		})
	}
}

// refusing answers with an error of RFC 6749 §5.2.
func refusing(code, description string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		doc := map[string]any{"error": code, "error_description": description}
		writeJSON(w, http.StatusBadRequest, doc)
	}
}
