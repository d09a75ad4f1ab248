package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
	"github.com/authsession/authsession/test/servers"
)

// startMarquee stands in for an API of Marquee: it says who asks, as JSON.
func startMarquee(t *testing.T, ca *servers.CA, check servers.Check) (url string, refused *atomic.Int64) {
	t.Helper()
	refused = new(atomic.Int64)
	url = servers.StartTLS(
		t,
		ca.Issue(t, "localhost"),
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var token string
			_, _ = fmt.Sscanf(r.Header.Get("Authorization"), "Bearer %s", &token)
			subject, err := check(r.Context(), token)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("X-Dash-Requestid", "request-7")
			if err != nil {
				refused.Add(1)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]string{
				"name": subject, "path": r.URL.Path, "method": r.Method, "application": r.Header.Get("X-Application"),
			})
		}),
	)
	return url, refused
}

// gsConfig has a gs session for each of two environments. Real OpenID
// providers stand in for the token servers.
func gsConfig(prod, qa *servers.Zitadel, prodAPI, qaAPI string, ca *servers.CA) string {
	text := "sessions:\n"
	for env, where := range map[string][2]string{"prod": {prod.TokenURL(), prodAPI}, "qa": {qa.TokenURL(), qaAPI}} {
		text += fmt.Sprintf(`
  gs-%s:
    provider: gs
    environment: %s
    settings:
      client_id: %q
      client_secret: %q
      scopes: [openid]
      application: acceptance
      token_url: %q
      api_url: %q
      ca_file: %q
`, env, env, servers.ServiceID, servers.ServiceSecret, where[0], where[1], ca.File)
	}
	return text
}

func TestGS(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	prod, qa := servers.StartZitadel(t, ca, time.Hour), servers.StartZitadel(t, ca, time.Hour)
	prodAPI, prodRefused := startMarquee(t, ca, prod.Check)
	qaAPI, _ := startMarquee(t, ca, qa.Check)
	cfg := load(t, ca, gsConfig(prod, qa, prodAPI, qaAPI, ca))
	scope := new(core.Scope)

	type answer struct{ Name, Path, Method, Application string }
	call := func(ctx context.Context, method string) answer {
		current, err := scope.Current(ctx)
		require.NoError(t, err)
		var out answer
		if method == http.MethodPost {
			err = gs.From(current).Post(ctx, "/things", map[string]int{"n": 1}, &out, nil)
		} else {
			err = gs.From(current).Get(ctx, "/things", &out, nil)
		}
		require.NoError(t, err)
		return out
	}
	want := answer{servers.ServiceID, "/v1/things", http.MethodGet, "acceptance"}

	// PROD for the process, QA in a block; each knows its own token only.
	require.NoError(t, scope.Use(t.Context(), session(t, cfg, "gs-prod")))
	require.Equal(t, want, call(t.Context(), http.MethodGet))
	require.NoError(t, scope.Do(t.Context(), session(t, cfg, "gs-qa"), func(ctx context.Context) error {
		require.Equal(t, want, call(ctx, http.MethodGet))
		require.True(t, session(t, cfg, "gs-qa").Status().State.Ready())
		return nil
	}))
	require.Equal(
		t,
		core.StateClosed,
		session(t, cfg, "gs-qa").Status().State,
		"the block closes what it initialised",
	)
	require.Equal(t, want, call(t.Context(), http.MethodGet))
	require.Equal(t, [2]int{1, 1}, [2]int{prod.TokenRequests(), qa.TokenRequests()})

	// A 401 costs one new authentication and one repeat, POST included.
	prod.RevokeAll()
	want.Method = http.MethodPost
	require.Equal(t, want, call(t.Context(), http.MethodPost))
	require.Equal(t, 2, prod.TokenRequests())
	require.EqualValues(t, 1, prodRefused.Load())

	// The token of one environment does not go to another.
	_, _, err := try(t.Context(), session(t, cfg, "gs-prod"), qaAPI)
	require.ErrorIs(t, err, core.CodeOriginRefused)
}

func TestGSTokenRequest(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	var reached atomic.Int64
	elsewhere := servers.StartTLS(
		t,
		ca.Issue(t, "localhost"),
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }),
	)
	var redirect atomic.Bool
	forms := make(chan map[string][]string, 10)
	idp := servers.StartTLS(
		t,
		ca.Issue(t, "localhost"),
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if redirect.Load() {
				http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
				return
			}
			_ = r.ParseForm()
			r.PostForm["authorization"] = r.Header["Authorization"]
			forms <- r.PostForm
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprint(w, `{"access_token":"tok-1","token_type":"Bearer","expires_in":7199}`)
		}),
	)
	api, _ := startMarquee(t, ca, func(context.Context, string) (string, error) { return "anyone", nil })
	cfg := load(t, ca, fmt.Sprintf(`
sessions:
  gs:
    provider: gs
    environment: qa
    settings: {client_id: id-1, client_secret: "${env:SECRET}", api_url: %q, token_url: %q, ca_file: %q}
`, api, idp, ca.File), "SECRET=s+e c/r&t=é")

	s := initialised(t, cfg, "gs")
	form := <-forms
	require.Equal(t, []string{"client_credentials"}, form["grant_type"])
	require.Equal(t, []string{"id-1"}, form["client_id"])
	require.Equal(t, []string{"s+e c/r&t=é"}, form["client_secret"])
	require.Equal(t, []string{"read_content read_financial_data read_product_data read_user_profile"}, form["scope"])
	require.Empty(t, form["authorization"])

	// After a 401 too, the token request carries no stale Authorization.
	cred, err := s.Credential(t.Context())
	require.NoError(t, err)
	s.Reject(cred, "")
	_, err = s.Credential(t.Context())
	require.NoError(t, err)
	require.Empty(t, (<-forms)["authorization"])

	// A token endpoint that points elsewhere gets nothing sent there.
	redirect.Store(true)
	require.NoError(t, s.Close(t.Context()))
	err = s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	noSecret(t, err, "s+e c/r&t=é", "s%2Be")
	require.Zero(t, reached.Load())
}
