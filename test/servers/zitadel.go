package servers

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The clients that both OpenID providers know. The odd characters show that
// the id and the secret are encoded before HTTP Basic (RFC 6749 §2.3.1).
const (
	ServiceID     = "service one/2"
	ServiceSecret = "p+ss w%rd/:&=-and-some-more-of-it-to-be-long"
	WebID         = "web"
	WebSecret     = "web-secret-web-secret-web-secret-web-secret"
	RedirectURI   = "http://127.0.0.1/callback"
)

// Further clients of [Zitadel]. The secret of DeviceID is [ServiceSecret], that
// of KeyID is its key.
const (
	NativeID = "native"  // public: code with PKCE to the loopback
	DeviceID = "device"  // device flow, HTTP Basic
	KeyID    = "web-key" // code, with private_key_jwt
)

// Zitadel is the OpenID provider of github.com/zitadel/oidc, in process, over
// TLS. Its client [ServiceID] has the client credentials grant, [WebID] the code
// flow and token exchange. Whoever comes to sign in is ada, and has at once;
// with Refuse it is nobody.
type Zitadel struct {
	Issuer string
	Refuse atomic.Bool // the person refuses a device

	client   *http.Client
	store    *zitadelStore
	provider *op.Provider
	requests atomic.Int64
	signIns  atomic.Int64
}

// StartZitadel starts the provider. Its access tokens live for lifetime.
func StartZitadel(t testing.TB, ca *CA, lifetime time.Duration) *Zitadel {
	t.Helper()
	z := &Zitadel{client: &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}},
	}}
	t.Cleanup(z.client.CloseIdleConnections)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/oauth/token":
			z.requests.Add(1)
		case "/login/username":
			z.signedIn(w, r)
			return
		case "/device":
			z.decided(w, r)
			return
		}
		z.provider.ServeHTTP(w, r)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "localhost").TLS},
		MinVersion: tls.VersionTLS12}
	z.Issuer = "https://" + s.Listener.Addr().String() + "/"

	z.store = newZitadelStore(z.Issuer, lifetime)
	config := &op.Config{
		CryptoKey:             sha256.Sum256([]byte("acceptance")),
		CryptoKeyId:           "acceptance",
		CodeMethodS256:        true,
		AuthMethodPost:        true,
		GrantTypeRefreshToken: true,
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: time.Minute, PollInterval: time.Second, UserFormPath: "/device",
			UserCode: op.UserCodeBase20,
		},

		AuthMethodPrivateKeyJWT: true,
	}
	var err error
	z.provider, err = op.NewProvider(config, z.store, op.StaticIssuer(z.Issuer),
		op.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	s.StartTLS()
	t.Cleanup(s.Close)
	return z
}

// TokenURL returns the token endpoint.
func (z *Zitadel) TokenURL() string { return z.Issuer + "oauth/token" }

// TokenRequests counts the requests to the token endpoint.
func (z *Zitadel) TokenRequests() int { return int(z.requests.Load()) }

// RevokeAll ends every access token at once, behind the clients' backs.
func (z *Zitadel) RevokeAll() { z.store.revokeAll() }

// Revoked counts the tokens that clients have revoked.
func (z *Zitadel) Revoked() int { return int(z.store.revoked.Load()) }

// Check asks the provider's userinfo endpoint whom a token speaks for.
func (z *Zitadel) Check(ctx context.Context, token string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, z.Issuer+"userinfo", nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := z.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("userinfo answers %d", resp.StatusCode)
	}
	var info struct {
		Subject string `json:"sub"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&info); err != nil {
		return "", err
	}
	if info.Subject == "" {
		return "", errors.New("the token has no subject")
	}
	return info.Subject, nil
}

// SignIn signs ada in with the code flow, as a browser would, and returns the
// refresh token that [WebID] gets.
func (z *Zitadel) SignIn(t testing.TB) string {
	t.Helper()
	return signIn(t, z.client, z.Issuer+"authorize", z.TokenURL())
}

// SignIns counts the people who have signed in.
func (z *Zitadel) SignIns() int { return int(z.signIns.Load()) }

// Trust registers a public key of a service user, or of [KeyID], by its id: for
// assertions (RFC 7523) of both kinds.
func (z *Zitadel) Trust(issuer, keyID string, key any) { z.store.trust(issuer, keyID, key) }

// signedIn is the sign-in page.
func (z *Zitadel) signedIn(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("authRequestID")
	if err := z.store.CheckUsernamePassword("ada", "lovelace", id); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	z.signIns.Add(1)
	ctx := op.ContextWithIssuer(r.Context(), strings.TrimSuffix(z.Issuer, "/"))
	http.Redirect(w, r, op.AuthCallbackURL(z.provider)(ctx, id), http.StatusFound)
}

// decided is the page of the device flow.
func (z *Zitadel) decided(w http.ResponseWriter, r *http.Request) {
	var err error
	if code := r.URL.Query().Get("user_code"); z.Refuse.Load() {
		err = z.store.DenyDeviceAuthorization(r.Context(), code)
	} else {
		err = z.store.CompleteDeviceAuthorization(r.Context(), code, "ada")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	z.signIns.Add(1)
	fmt.Fprintln(w, "You can go back to your device.")
}

var _ storage.UserStore = people{}
