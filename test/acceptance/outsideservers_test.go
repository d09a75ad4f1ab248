//go:build acceptance

package acceptance

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

var login = servers.Login{User: "ada", Password: "p:ss wörd"}

// outside is what a client of a server that does not speak HTTP needs: a session
// whose certificate is exchanged, and others with a password and a token.
type outside struct {
	server       *servers.CA // of the server
	old, next    *servers.CA // of the client's certificates
	first        servers.Pair
	cert, login  *core.Session
	wrong, token *core.Session
	dir          string
}

func newOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{
		server: servers.NewCA(t), old: servers.NewCA(t), next: servers.NewCA(t), dir: t.TempDir(),
	}
	o.first = o.old.Issue(t, "ada")
	cert, key := o.first.Write(t, o.dir, "client")
	o.setToken(t, "token-one")
	cfg := load(t, nil, fmt.Sprintf(`
sessions:
  cert:
    provider: mtls
    settings: {cert_file: %q, key_file: %q, ca_file: %q, interval: 1s}
  login: {provider: basic, settings: {username: ada, password: "${env:PASSWORD}"}}
  wrong: {provider: basic, settings: {username: ada, password: another}}
  token: {provider: bearer, settings: {token_file: %q, interval: 1s}}
`, cert, key, o.server.File, filepath.Join(o.dir, "token")), "PASSWORD="+login.Password)
	o.cert, o.login = initialised(t, cfg, "cert"), initialised(t, cfg, "login")
	o.wrong, o.token = initialised(t, cfg, "wrong"), initialised(t, cfg, "token")
	return o
}

func (o *outside) setToken(t *testing.T, token string) {
	t.Helper()
	file := filepath.Join(o.dir, "token")
	require.NoError(t, os.WriteFile(file+".new", []byte(token), 0o600))
	require.NoError(t, os.Rename(file+".new", file))
}

// rotate exchanges the client's certificate for one of the next authority, and
// waits until the session has it.
func (o *outside) rotate(t *testing.T) servers.Pair {
	t.Helper()
	second := o.next.Issue(t, "ada")
	second.Write(t, o.dir, "client")
	soon(t, func() bool {
		c, err := o.cert.Credential(t.Context())
		return err == nil && strings.Contains(c.Attach.Cert.Reveal(), second.Cert)
	})
	return second
}

// fixed returns a session that keeps the first certificate.
func (o *outside) fixed(t *testing.T) *core.Session {
	t.Helper()
	cfg := load(t, nil, fmt.Sprintf(`
sessions:
  old: {provider: mtls, settings: {cert: "${env:CERT}", key: "${env:KEY}", ca_file: %q}}
`, o.server.File), "CERT="+o.first.Cert, "KEY="+o.first.Key)
	return initialised(t, cfg, "old")
}

func TestRedis(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	server := servers.StartRedis(t, o.server, login, o.old, o.next)
	client := newRedis(server.Address, o.cert, o.login)
	defer client.Close()
	ctx := t.Context()
	require.NoError(t, client.Set(ctx, "k", "v", 0).Err())
	require.Equal(t, "ada", client.ACLWhoAmI(ctx).Val())

	wrong := newRedis(server.Address, o.cert, o.wrong)
	defer wrong.Close()
	require.ErrorContains(t, wrong.Ping(ctx).Err(), "WRONGPASS")

	// From now on the server takes certificates of the next authority only. The
	// client's new connections have one, without a change to the client.
	o.rotate(t)
	server.Trust(t, o.next)
	require.NoError(t, client.ConfigSet(ctx, "tls-ca-cert-file", server.TrustFile()).Err())
	old := newRedis(server.Address, o.fixed(t), o.login)
	defer old.Close()
	require.Error(t, old.Ping(ctx).Err())
	for range 5 { // each needs a connection of its own
		conn := client.Conn()
		defer conn.Close()
		require.Equal(t, "v", conn.Get(ctx, "k").Val())
	}
}

func TestMosquitto(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	server := servers.StartMosquitto(t, o.server, login, o.old, o.next)
	connect := func(address string, cert, login *core.Session) error {
		client := newMQTT("tls://"+address, "test", cert, login)
		token := client.Connect()
		if !token.WaitTimeout(10 * time.Second) {
			return context.DeadlineExceeded
		}
		if token.Error() != nil {
			return token.Error()
		}
		defer client.Disconnect(0)
		sent := client.Publish("topic", 1, false, "hello")
		sent.WaitTimeout(10 * time.Second)
		return sent.Error()
	}
	require.NoError(t, connect(server.Address, o.cert, o.login))
	require.ErrorContains(t, connect(server.Address, o.cert, o.wrong), "not Authorized")
	require.Error(t, connect(server.Second, o.cert, o.login), "of another authority")
	o.rotate(t)
	require.NoError(t, connect(server.Second, o.cert, o.login))
	require.NoError(t, connect(server.Address, o.cert, o.login))
	require.Error(t, connect(server.Second, o.fixed(t), o.login))
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	server := servers.StartPostgres(t, o.server, login, o.old, o.next)
	open := func(login *core.Session) *pgxpool.Pool {
		pool, err := newPostgres(t.Context(),
			"postgres://"+server.Address+"/postgres", o.cert, login)
		require.NoError(t, err)
		return pool
	}
	pool := open(o.login)
	defer pool.Close()
	serial := func() (who, serial string) {
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT current_user, client_serial::text
			FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&who, &serial))
		return who, serial
	}
	who, number := serial()
	require.Equal(t, "ada", who)
	require.Equal(t, fmt.Sprint(o.first.Serial), number)

	wrong := open(o.wrong)
	defer wrong.Close()
	require.ErrorContains(t, wrong.Ping(t.Context()), "password authentication failed")

	// New connections present the new certificate.
	for range 3 { // so that its serial number is another
		o.next.Issue(t, "nobody")
	}
	second := o.rotate(t)
	pool.Reset()
	_, number = serial()
	require.Equal(t, fmt.Sprint(second.Serial), number)
	require.NotEqual(t, o.first.Serial, second.Serial)
}

func TestNATS(t *testing.T) {
	t.Parallel()
	o := newOutside(t)
	token := "token-one"
	server := servers.StartNATS(t, o.server, func() string { return token }, o.old, o.next)
	url := "tls://" + server.Address
	conn, err := newNATS(url, o.cert, o.token)
	require.NoError(t, err)
	defer conn.Close()
	sub, err := conn.SubscribeSync("subject")
	require.NoError(t, err)
	roundTrip := func() error {
		if err := conn.Publish("subject", []byte("hello")); err != nil {
			return err
		}
		_, err := sub.NextMsg(time.Second)
		return err
	}
	require.NoError(t, roundTrip())
	_, err = newNATS(url, o.cert, o.login)
	require.ErrorIs(t, err, nats.ErrAuthorization, "no token")

	// The server takes another token, and certificates of the next authority. It
	// ends the connection, and the client connects again by itself.
	o.rotate(t)
	o.setToken(t, "token-two")
	soon(t, func() bool {
		c, err := o.token.Credential(t.Context())
		now, ok := c.Token()
		return err == nil && ok && now.Reveal() == "token-two"
	})
	token = "token-two"
	server.Trust(t, o.next)
	server.Reload(t)
	soon(t, func() bool { return conn.Stats().Reconnects > 0 })
	soon(t, func() bool { return roundTrip() == nil })
	_, err = newNATS(url, o.fixed(t), o.token)
	require.Error(t, err)
	_, err = nats.Connect(url, nats.Secure(&tls.Config{RootCAs: o.server.Pool()}))
	require.Error(t, err)
}
