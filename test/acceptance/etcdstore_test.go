//go:build acceptance

package acceptance

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store/storetest"
	"github.com/authsession/authsession/test/etcdstore"
	"github.com/authsession/authsession/test/servers"
)

// lockHolder is the variable in which TestEtcdStore gives its child the address of etcd.
const lockHolder = "ACCEPTANCE_ETCD_LOCK"

// TestEtcdStore proves that the store of the guide keeps what a store promises, on several
// machines, also if a program is killed or a value is damaged.
func TestEtcdStore(t *testing.T) {
	connect := func(address string) *clientv3.Client {
		client, err := clientv3.New(clientv3.Config{
			Endpoints: []string{address}, DialTimeout: 5 * time.Second})
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	cfg := etcdstore.Config{Prefix: "creds/", Key: core.NewSecret(base64.StdEncoding.EncodeToString(key))}
	open := func(address string) core.Store {
		s, err := etcdstore.New(connect(address), cfg)
		require.NoError(t, err)
		return s
	}
	if address := os.Getenv(lockHolder); address != "" { // the child: it holds the lock until it is killed
		_, err := open(address).Lock(t.Context(), "held")
		require.NoError(t, err)
		_, _ = os.Stdout.WriteString("locked\n")
		time.Sleep(time.Hour)
	}

	server := servers.StartEtcd(t)
	storetest.Run(t, func() core.Store { return open(server.Address) })

	t.Run("killed", func(t *testing.T) {
		child := exec.Command(os.Args[0], "-test.run", "^TestEtcdStore$")
		child.Env = append(os.Environ(), lockHolder+"="+server.Address)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		line := make([]byte, len("locked\n"))
		_, err = out.Read(line)
		require.NoError(t, err)
		require.Equal(t, "locked\n", string(line))
		require.NoError(t, child.Process.Kill())
		_ = child.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		unlock, err := open(server.Address).Lock(ctx, "held")
		require.NoError(t, err)
		unlock()
	})

	t.Run("damaged", func(t *testing.T) {
		s, client := open(server.Address), connect(server.Address)
		require.NoError(t, s.Save(t.Context(), "x", core.NewSecret("one")))
		_, err := client.Put(t.Context(), "creds/value/x", "torn")
		require.NoError(t, err)
		_, err = s.Load(t.Context(), "x")
		require.ErrorIs(t, err, core.ErrDamaged)
		value, err := s.Load(t.Context(), "x")
		require.NoError(t, err)
		require.True(t, value.IsZero())
	})

	t.Run("configuration", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "authsession.yaml")
		load := func(key string) error {
			require.NoError(t, os.WriteFile(file, []byte(strings.Join([]string{
				"store: {kind: etcd, prefix: app/, key: \"" + key + "\"}",
				"sessions: {me: {provider: apikey, lazy: true, origins: [https://a.example], " +
					"settings: {header: X-Key, key: one}}}",
			}, "\n")), 0o600))
			opts := config.Options{Files: []string{file}, Environ: []string{}, Scope: new(core.Scope),
				Factories: providers.Builtin(),
				Stores:    []core.StoreFactory{etcdstore.Factory(connect(server.Address))}}
			cfg, err := config.Load(t.Context(), opts)
			if err == nil {
				err = cfg.Close(t.Context())
			}
			return err
		}
		require.NoError(t, load(cfg.Key.Reveal()))
		require.ErrorContains(t, load("c2hvcnQ="), "store.key: want 32 bytes in base64")
	})
}
