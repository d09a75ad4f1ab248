//go:build acceptance

package acceptance

import (
	"context"
	"crypto/tls"
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

	"github.com/authsession/authsession/core"
)

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

// newRedis returns a client whose connections take the certificate of one session
// and the password of another.
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
		c.User, c.Password, err = userPassword(ctx, login)
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
				return "" // which the server refuses
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
				return "", "" // which the server refuses
			}
			return user, password
		}))
}

// The page about use outside HTTP shows the functions above, which the tests of the
// servers use.
func TestOutsideHTTPPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/outside-http.md")
	require.NoError(t, err)
	source, err := os.ReadFile("outsidehttp_test.go")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 5)
	for _, block := range blocks {
		require.Contains(t, string(source), "\n"+block[1])
	}
}
