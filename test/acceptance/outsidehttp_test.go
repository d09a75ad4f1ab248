//go:build acceptance

package acceptance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
)

// openSessions loads the configuration and initialises the sessions with these
// names. The program closes cfg when it ends.
func openSessions(ctx context.Context, names ...string) (
	cfg *authsession.Config, sessions []*core.Session, err error,
) {
	cfg, err = authsession.Load(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		s, err := cfg.Session(name)
		if err == nil {
			err = s.Init(ctx)
		}
		if err != nil {
			return nil, nil, errors.Join(err, cfg.Close(ctx))
		}
		sessions = append(sessions, s)
	}
	return cfg, sessions, nil
}

// userPassword returns the current user name and password of a session.
func userPassword(ctx context.Context, s *core.Session) (user, password string, err error) {
	c, err := s.Credential(ctx)
	if err != nil {
		return "", "", err
	}
	name, word, ok := c.UserPassword()
	if !ok {
		return "", "", fmt.Errorf("session %q has no user name and password", s.Name())
	}
	return name.Reveal(), word.Reveal(), nil
}

// tokenPassword returns a user and the session's token as the password.
func tokenPassword(
	ctx context.Context, user string, s *core.Session,
) (string, string, error) {
	c, err := s.Credential(ctx)
	if err != nil {
		return "", "", err
	}
	token, ok := c.Token()
	if !ok {
		return "", "", fmt.Errorf("session %q has no token", s.Name())
	}
	return user, token.Reveal(), nil
}

// newRedis returns a client whose connections use the certificate of one session and
// the password of another. Both sessions must be initialised.
func newRedis(addr string, cert, login *core.Session) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:   addr,
		Dialer: cert.DialTLS,
		CredentialsProviderContext: func(ctx context.Context) (string, string, error) {
			return userPassword(ctx, login)
		},
	})
}

// newPostgres returns a pool for a URL without a user name and password.
func newPostgres(
	ctx context.Context, url string, cert, login *core.Session,
) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	host := config.ConnConfig.Host
	config.ConnConfig.TLSConfig = cert.TLSConfig(&tls.Config{ServerName: host})
	config.ConnConfig.Fallbacks = nil // pgx would try without TLS
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) (err error) {
		c.User, c.Password, err = userPassword(ctx, login) // or tokenPassword
		return err
	}
	return pgxpool.NewWithConfig(ctx, config)
}

// newNATS connects to a URL such as tls://nats.example.com:4222.
func newNATS(url string, cert, login *core.Session) (*nats.Conn, error) {
	return nats.Connect(url,
		nats.Secure(cert.TLSConfig(nil)),
		nats.TokenHandler(func() string {
			c, err := login.Credential(context.Background())
			if err != nil {
				return "" // the server refuses it
			}
			token, _ := c.Token()
			return token.Reveal()
		}))
}

// newMQTT returns a client for a URL such as tls://mqtt.example.com:8883. Its
// method Connect connects.
func newMQTT(url, id string, cert, login *core.Session) mqtt.Client {
	return mqtt.NewClient(mqtt.NewClientOptions().
		AddBroker(url).
		SetClientID(id).
		SetTLSConfig(cert.TLSConfig(nil)).
		SetCredentialsProvider(func() (user, password string) {
			user, password, err := userPassword(context.Background(), login)
			if err != nil {
				return "", "" // the server refuses it
			}
			return user, password
		}))
}

// TestOpenSessions proves that the sessions are initialised, and that nothing stays open after an
// error.
func TestOpenSessions(t *testing.T) {
	t.Chdir(t.TempDir())
	const text = "sessions: {database: {provider: basic, settings: {username: u, password: p}}}"
	require.NoError(t, os.WriteFile("authsession.yaml", []byte(text), 0o600))
	cfg, sessions, err := openSessions(t.Context(), "database")
	require.NoError(t, err)
	defer cfg.Close(t.Context())
	user, password, err := userPassword(t.Context(), sessions[0])
	require.NoError(t, err)
	require.Equal(t, []string{"u", "p"}, []string{user, password})
	_, _, err = openSessions(t.Context(), "unknown")
	require.ErrorIs(t, err, core.CodeBadConfig)
}

// TestTokenPassword proves that the password is the token without its scheme.
func TestTokenPassword(t *testing.T) {
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		header := map[string]core.Secret{"Authorization": core.NewSecret("Bearer t1")}
		return core.Credential{Attach: core.Attachment{Header: header}}, nil
	})
	s := core.New("database", provider, &core.Options{Lazy: true})
	user, password, err := tokenPassword(t.Context(), "app", s)
	require.NoError(t, err)
	require.Equal(t, []string{"app", "t1"}, []string{user, password})
}

// The page about use outside HTTP shows the functions above, which the tests of the
// servers use.
func TestOutsideHTTPPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/outside-http.md")
	require.NoError(t, err)
	source, err := os.ReadFile("outsidehttp_test.go")
	require.NoError(t, err)
	// Each function begins with its comment; what else the page shows is a call.
	blocks := regexp.MustCompile("(?s)```go\n(// .*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 7)
	for _, block := range blocks {
		require.Contains(t, string(source), "\n"+block[1])
	}
}
