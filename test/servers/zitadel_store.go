package servers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// zitadelStore is the library's own example storage with some differences: its
// access tokens live as long as the test wants, one of its clients is a service
// with the client credentials grant, and it knows the keys that a test gives.
type zitadelStore struct {
	*storage.Storage
	lifetime time.Duration
	revoked  atomic.Int64

	// refresh is held around what uses the refresh tokens of the library's storage, which
	// its GetRefreshTokenInfo reads without a lock.
	refresh sync.Mutex

	mu     sync.Mutex
	tokens map[string]issued // guarded by mu; by token id
	keys   map[string]any    // guarded by mu; public, by issuer and key id
}

type issued struct {
	service bool // by client credentials
	expiry  time.Time
}

func newZitadelStore(issuer string, lifetime time.Duration) *zitadelStore {
	clients := map[string]*storage.Client{
		WebID:     storage.WebClient(WebID, WebSecret, RedirectURI),
		ServiceID: storage.WebClient(ServiceID, ServiceSecret),
		NativeID:  storage.NativeClient(NativeID, "http://127.0.0.1/", "http://localhost/", "http://[::1]/"),
		DeviceID:  storage.DeviceClient(DeviceID, ServiceSecret),
		KeyID:     storage.NativeClient(KeyID, "http://127.0.0.1/", "http://localhost/", "http://[::1]/"),
	}
	return &zitadelStore{
		Storage:  storage.NewStorageWithClients(people{}, clients),
		lifetime: lifetime,
		tokens:   map[string]issued{},
		keys:     map[string]any{},
	}
}

func (s *zitadelStore) trust(issuer, keyID string, key any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[issuer+" "+keyID] = key
}

// GetKeyByIDAndClientID implements op.Storage.
func (s *zitadelStore) GetKeyByIDAndClientID(
	_ context.Context,
	keyID, issuer string,
) (*jose.JSONWebKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key, ok := s.keys[issuer+" "+keyID]; ok {
		return &jose.JSONWebKey{KeyID: keyID, Use: "sig", Key: key}, nil
	}
	return nil, errors.New("unknown issuer or key")
}

// GetClientByClientID implements op.Storage.
func (s *zitadelStore) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	client, err := s.Storage.GetClientByClientID(ctx, id)
	if err == nil && id == KeyID {
		return keyed{client}, nil
	}
	return client, err
}

func (s *zitadelStore) note(id string, service bool) time.Time {
	expiry := time.Now().Add(s.lifetime)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[id] = issued{service: service, expiry: expiry}
	return expiry
}

func (s *zitadelStore) lookup(id string) (issued, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, ok := s.tokens[id]
	return token, ok
}

func (s *zitadelStore) revokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

func (s *zitadelStore) CreateAccessToken(ctx context.Context, r op.TokenRequest) (string, time.Time, error) {
	id, _, err := s.Storage.CreateAccessToken(ctx, r)
	if err != nil {
		return "", time.Time{}, err
	}
	_, service := r.(*oidc.JWTTokenRequest)
	return id, s.note(id, service), nil
}

func (s *zitadelStore) CreateAccessAndRefreshTokens(
	ctx context.Context,
	r op.TokenRequest,
	current string,
) (string, string, time.Time, error) {
	s.refresh.Lock()
	id, refresh, _, err := s.Storage.CreateAccessAndRefreshTokens(ctx, r, current)
	s.refresh.Unlock()
	if err != nil {
		return "", "", time.Time{}, err
	}
	return id, refresh, s.note(id, false), nil
}

func (s *zitadelStore) SetUserinfoFromToken(
	ctx context.Context,
	info *oidc.UserInfo,
	id, subject, origin string,
) error {
	if token, ok := s.lookup(id); !ok || time.Now().After(token.expiry) {
		return errors.New("the token has ended")
	}
	return s.Storage.SetUserinfoFromToken(ctx, info, id, subject, origin)
}

// GetRefreshTokenInfo implements op.Storage.
func (s *zitadelStore) GetRefreshTokenInfo(
	ctx context.Context, client, token string,
) (user, id string, err error) {
	s.refresh.Lock()
	defer s.refresh.Unlock()
	return s.Storage.GetRefreshTokenInfo(ctx, client, token)
}

// TerminateSession implements op.Storage.
func (s *zitadelStore) TerminateSession(ctx context.Context, user, client string) error {
	s.refresh.Lock()
	defer s.refresh.Unlock()
	return s.Storage.TerminateSession(ctx, user, client)
}

// RevokeToken ends a token. The library notes no client for tokens of client
// credentials and then refuses them to be revoked, hence the empty client.
func (s *zitadelStore) RevokeToken(ctx context.Context, id, user, client string) *oidc.Error {
	token, known := s.lookup(id)
	if token.service && user == client {
		client = ""
	}
	s.refresh.Lock()
	err := s.Storage.RevokeToken(ctx, id, user, client)
	s.refresh.Unlock()
	if err != nil {
		return err
	}
	s.revoked.Add(1)
	if known {
		s.mu.Lock()
		delete(s.tokens, id)
		s.mu.Unlock()
	}
	return nil
}

// ClientCredentials implements op.ClientCredentialsStorage.
func (s *zitadelStore) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil || id != ServiceID {
		return nil, errors.New("unknown service or wrong secret")
	}
	client, err := s.GetClientByClientID(ctx, id)
	return service{client}, err
}

// ClientCredentialsTokenRequest implements op.ClientCredentialsStorage.
func (s *zitadelStore) ClientCredentialsTokenRequest(
	_ context.Context,
	id string,
	scopes []string,
) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{id}, Scopes: scopes}, nil
}

type service struct{ op.Client }

func (service) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

type keyed struct{ op.Client }

func (keyed) AuthMethod() oidc.AuthMethod { return oidc.AuthMethodPrivateKeyJWT }

// people are the users: ada with a password, and every service by its id.
// All may be impersonated (RFC 8693).
type people struct{}

func (people) GetUserByID(id string) *storage.User {
	return &storage.User{ID: id, Username: id, Password: "lovelace", IsAdmin: true}
}

func (p people) GetUserByUsername(name string) *storage.User {
	if strings.EqualFold(name, "ada") {
		return p.GetUserByID("ada")
	}
	return nil
}

func (people) ExampleClientID() string { return storage.ServiceUserID }
