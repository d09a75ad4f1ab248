package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// apiClient is the client id with which the API asks about tokens.
const apiClient = "api"

// newProvider returns the OpenID provider as a handler.
func newProvider(issuer string, s *store) (http.Handler, error) {
	config := &op.Config{AuthMethodPost: true, CryptoKeyId: "demo"}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return nil, err
	}
	return op.NewProvider(config, s, op.StaticIssuer(issuer),
		op.WithLogger(slog.New(slog.DiscardHandler)))
}

// client is a program that the authorization server knows.
type client struct {
	secret   string
	lifetime time.Duration // of its tokens; zero: it gets none
}

// store is the library's example storage, with the grant of client credentials
// and with tokens that can be revoked.
type store struct {
	*storage.Storage
	clients map[string]client // by id

	mu     sync.Mutex
	tokens map[string]token // guarded by mu; by id
}

type token struct {
	client string
	scopes []string
	expiry time.Time
}

func newStore(clients map[string]client) *store {
	known := map[string]*storage.Client{}
	for id, c := range clients {
		known[id] = storage.WebClient(id, c.secret)
	}
	return &store{
		Storage: storage.NewStorageWithClients(noPeople{}, known),
		clients: clients,
		tokens:  map[string]token{},
	}
}

// ClientCredentials implements [op.ClientCredentialsStorage].
func (s *store) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	if s.clients[id].lifetime == 0 {
		return nil, errors.New("no client that gets tokens")
	}
	if err := s.AuthorizeClientIDSecret(ctx, id, secret); err != nil {
		return nil, err
	}
	c, err := s.GetClientByClientID(ctx, id)
	return machine{c}, err
}

// ClientCredentialsTokenRequest implements [op.ClientCredentialsStorage].
func (s *store) ClientCredentialsTokenRequest(
	_ context.Context,
	id string,
	scopes []string,
) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{apiClient}, Scopes: scopes}, nil
}

// CreateAccessToken notes a new token.
func (s *store) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	t := token{
		client: r.GetSubject(),
		scopes: r.GetScopes(),
		expiry: time.Now().Add(s.clients[r.GetSubject()].lifetime),
	}
	id := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[id] = t
	return id, t.expiry, nil
}

// SetIntrospectionFromToken answers who a token speaks for (RFC 7662 §2.2).
func (s *store) SetIntrospectionFromToken(
	_ context.Context,
	answer *oidc.IntrospectionResponse,
	id, _, _ string,
) error {
	s.mu.Lock()
	t, ok := s.tokens[id]
	s.mu.Unlock()
	if !ok || time.Now().After(t.expiry) {
		return errors.New("the token has ended")
	}
	answer.Subject, answer.ClientID, answer.Scope = t.client, t.client, t.scopes
	return nil
}

// RevokeToken ends one token (RFC 7009).
func (s *store) RevokeToken(_ context.Context, id, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, id)
	return nil
}

func (s *store) revokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// machine is a client that may use the grant of client credentials.
type machine struct{ op.Client }

func (machine) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeClientCredentials}
}

// noPeople is a directory without users.
type noPeople struct{}

func (noPeople) GetUserByID(string) *storage.User       { return nil }
func (noPeople) GetUserByUsername(string) *storage.User { return nil }
func (noPeople) ExampleClientID() string                { return "" }
