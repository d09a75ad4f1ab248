package acceptance

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/test/servers"
)

// registryTokens is the token server of a container registry. It gives ada a token for every
// scope that is asked for, except those of the repository denied.
type registryTokens struct {
	url    string
	signer jose.Signer
	issued atomic.Int64
}

func startRegistryTokens(t *testing.T, ca *servers.CA) *registryTokens {
	t.Helper()
	pair := ca.Issue(t, "token server")
	chain := []string{base64.StdEncoding.EncodeToString(pair.TLS.Certificate[0])}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: pair.TLS.PrivateKey},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("x5c", chain))
	require.NoError(t, err)
	s := &registryTokens{signer: signer}
	s.url = servers.StartTLS(t, ca.Issue(t, "localhost"), s) + "/token"
	return s
}

func (s *registryTokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.issued.Add(1)
	access := []map[string]any{}
	for _, scope := range r.URL.Query()["scope"] {
		if p := strings.Split(scope, ":"); len(p) == 3 && p[1] != "denied" {
			access = append(access, map[string]any{
				"type": p[0], "name": p[1], "actions": strings.Split(p[2], ","),
			})
		}
	}
	now := time.Now()
	token, err := jwt.Signed(s.signer).Claims(map[string]any{
		"iss": "tokens", "aud": "registry", "sub": "ada", "jti": rand.Text(),
		"exp": now.Add(time.Hour).Unix(), "nbf": now.Add(-time.Minute).Unix(), "iat": now.Unix(),
		"access": access,
	}).Serialize()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": token})
}

// registryProvider gets a token for what a challenge asks for, and without a challenge one
// for nothing. With all, it asks for the scopes of earlier challenges, too.
type registryProvider struct {
	tokens *registryTokens
	client *http.Client
	all    bool

	mu     sync.Mutex
	scopes []string // guarded by mu
}

var scopeOf = regexp.MustCompile(`scope="([^"]*)"`)

func (p *registryProvider) Authenticate(
	ctx context.Context, req core.Request,
) (core.Credential, error) {
	p.mu.Lock()
	if found := scopeOf.FindStringSubmatch(req.Challenge); found != nil {
		if !p.all {
			p.scopes = nil
		}
		p.scopes = append(p.scopes, found[1])
	}
	query := url.Values{"service": {"registry"}, "scope": p.scopes}
	p.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.tokens.url+"?"+query.Encode(), nil)
	if err != nil {
		return core.Credential{}, err
	}
	resp, err := p.client.Do(r)
	if err != nil {
		return core.Credential{}, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	var answer struct{ Token string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return core.Credential{}, err
	}
	return core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{
		"Authorization": core.NewSecret("Bearer " + answer.Token),
	}}}, nil
}

// TestContainerRegistry proves with Debian's docker-registry, whose paths each ask for a token of
// their own, that a session gets the tokens without a pause, whatever its provider remembers, and
// also beside a repository to which nobody has access.
func TestContainerRegistry(t *testing.T) {
	ca := servers.NewCA(t)
	tokens := startRegistryTokens(t, ca)
	api := servers.StartRegistry(t, servers.RegistryOptions{
		Realm: tokens.url, Service: "registry", Issuer: "tokens", Roots: ca.File,
	})
	repositories := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, all := range []bool{false, true} {
		t.Run(fmt.Sprintf("the provider remembers scopes: %v", all), func(t *testing.T) {
			client := providerhttp.NewClient(&providerhttp.Options{TLS: &tls.Config{RootCAs: ca.Pool()}})
			s := core.New("images", &registryProvider{tokens: tokens, client: client, all: all},
				&core.Options{Origins: []string{api}})
			require.NoError(t, s.Init(t.Context()))
			defer s.Close(context.Background()) //nolint:errcheck // it has nothing to lose
			send := func(method, repository string) int {
				path := "/v2/" + repository + "/tags/list"
				if method == http.MethodPost {
					path = "/v2/" + repository + "/blobs/uploads/"
				}
				r, err := http.NewRequestWithContext(t.Context(), method, api+path, http.NoBody)
				require.NoError(t, err)
				resp, err := s.Client().Do(r)
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, resp.Body)
				require.NoError(t, resp.Body.Close())
				return resp.StatusCode
			}
			before := tokens.issued.Load()
			for range 3 {
				for _, repository := range repositories {
					require.Equal(t, http.StatusNotFound, send(http.MethodGet, repository), repository)
					require.Equal(t, http.StatusAccepted, send(http.MethodPost, repository), repository)
				}
			}
			issued := tokens.issued.Load() - before
			if all { // a token for each scope, and no more
				require.LessOrEqual(t, issued, int64(2*len(repositories)))
			}
			for range 5 {
				require.Equal(t, http.StatusUnauthorized, send(http.MethodGet, "denied"))
				require.Equal(t, http.StatusNotFound, send(http.MethodGet, "a"))
				require.Equal(t, http.StatusNotFound, send(http.MethodGet, "b"))
			}
			before = tokens.issued.Load()
			for range 50 {
				require.Equal(t, http.StatusUnauthorized, send(http.MethodGet, "denied"))
			}
			require.LessOrEqual(t, tokens.issued.Load()-before, int64(3), "a storm of token requests")
		})
	}
}
