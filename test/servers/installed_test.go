//go:build acceptance

package servers_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

func TestOIDCProviderSignIn(t *testing.T) {
	p := servers.StartOIDCProvider(t, time.Minute)
	require.NotEmpty(t, p.SignIn(t))
	c := p.Counts(t)
	require.Equal(t, servers.Counts{Requests: 1, Granted: 1, SignIns: 1, Errors: map[string]int{}}, c)
}

func TestNginxLetsNobodyIn(t *testing.T) {
	ca := servers.NewCA(t)
	n := servers.StartNginx(t, ca, servers.NginxOptions{APIKey: "k",
		Users: map[string]string{"ada": "p"}, Bearers: map[string]string{"b": "c"}})
	trust := &tls.Config{RootCAs: ca.Pool()}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
	defer client.CloseIdleConnections()
	for path, status := range map[string]int{
		n.URL + "/certificate":  401,
		n.URL + "/basic/whoami": 401,
		n.URL + "/header":       401,
		n.URL + "/query":        401,
		n.URL + "/cookie":       401,
		n.URL + "/bearer":       401,
		n.URL + "/busy":         429,
		n.MandatoryURL:          400,
	} {
		resp, err := client.Get(path)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		require.Equal(t, status, resp.StatusCode, path)
	}
}
