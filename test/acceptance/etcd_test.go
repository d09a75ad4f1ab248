//go:build acceptance

package acceptance

import (
	"context"
	"testing"
	"time"

	"github.com/knadh/koanf/providers/etcd/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/test/servers"
)

// TestEtcd loads a configuration from etcd by koanf's provider, and follows its
// changes.
func TestEtcd(t *testing.T) {
	server := servers.StartEtcd(t)
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{server.Address}, DialTimeout: 5 * time.Second,
	})
	require.NoError(t, err)
	defer client.Close()
	put := func(key, value string) {
		_, err := client.Put(t.Context(), "app/"+key, value)
		require.NoError(t, err)
	}
	put("sessions/prices/provider", "apikey")
	put("sessions/prices/lazy", "true")
	put("sessions/prices/origins", "https://prices.example, https://prices.example:8443")
	put("sessions/prices/settings/header", "X-Api-Key")
	put("sessions/prices/settings/key", "one")
	_, err = client.Put(t.Context(), "application/other", "not ours")
	require.NoError(t, err)

	provider, err := etcd.Provider(etcd.Config{
		Endpoints: []string{server.Address}, DialTimeout: 5 * time.Second, Prefix: true, Key: "app",
	})
	require.NoError(t, err)
	outcomes := make(chan error, 9)
	opts := config.Options{
		Sources: []*config.KoanfSource{
			{Name: "etcd", Provider: provider, Prefix: "app/", Delimiter: "/"},
		},
		Factories: providers.Builtin(), Environ: []string{}, Scope: new(core.Scope),
		Interval: 50 * time.Millisecond, OnReload: func(err error) { outcomes <- err },
	}
	cfg, err := config.Load(t.Context(), opts)
	require.NoError(t, err)
	defer func() { require.NoError(t, cfg.Close(context.Background())) }()
	go cfg.Watch(t.Context())
	key := func() string {
		s, err := cfg.Session("prices")
		require.NoError(t, err)
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		return c.Attach.Header["X-Api-Key"].Reveal()
	}
	require.Equal(t, "one", key())
	outcome := func() error {
		select {
		case err := <-outcomes:
			return err
		case <-time.After(20 * time.Second):
			t.Fatal("no reload")
			return nil
		}
	}

	require.EventuallyWithT(t, func(c *assert.CollectT) {
		put("sessions/prices/settings/key", "two") // until the watch has begun
		select {
		case err := <-outcomes:
			assert.NoError(c, err)
		default:
			assert.Fail(c, "no reload")
		}
	}, 20*time.Second, 300*time.Millisecond)
	require.Eventually(t, func() bool { return key() == "two" }, 20*time.Second, 10*time.Millisecond)

	put("sessions/prices/settings/token_url", "canary")
	err = outcome()
	require.ErrorContains(t, err, `source "etcd": sessions.prices.settings.token_url: unknown key; known: `)
	require.NotContains(t, err.Error(), "canary")
	require.Equal(t, "two", key())

	_, err = client.Delete(t.Context(), "app/sessions/prices/settings/token_url")
	require.NoError(t, err)
	put("sessions/prices/settings/key", "three")
	require.NoError(t, outcome())
	require.Eventually(t, func() bool { return key() == "three" }, 20*time.Second, 10*time.Millisecond)
}
