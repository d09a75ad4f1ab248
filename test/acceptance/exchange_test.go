package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// zitadelPerson has the session "person", who has signed in elsewhere, and
// another one, "it", with the settings that follow.
func zitadelPerson(z *servers.Zitadel, ca *servers.CA, origin, it string) string {
	return refreshConfig(z.Issuer, origin, ca.File) + fmt.Sprintf(`
  it:
    provider: oauth2
    origins: [%q]
    %s
      issuer: %q
      tls: {ca_file: %q}
      scopes: [openid]
`, origin, it, z.Issuer, ca.File)
}

// A token of one session is exchanged for another's (RFC 8693).
func TestZitadelTokenExchange(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	web := fmt.Sprintf(
		"      grant: token_exchange\n      client_id: %s\n      client_secret: %s\n",
		servers.WebID,
		servers.WebSecret,
	)
	for name, it := range map[string]string{
		"another session's": "inputs: {subject_token: person}\n    settings:\n" + web,
		"and an actor":      "inputs: {subject_token: person, actor_token: person}\n    settings:\n" + web,
		"asked for by type": "inputs: {subject_token: person}\n    settings:\n" + web +
			"      requested_token_type: urn:ietf:params:oauth:token-type:access_token\n",
	} {
		for _, way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				z := servers.StartZitadel(t, ca, 3*time.Second)
				api := servers.StartAPI(t, ca, z.Check)
				text := zitadelPerson(z, ca, api.URL, strings.TrimRight(it, "\n"))
				s := initialised(t, setup{ca: ca, way: way}.load(t, text, "REFRESH="+z.SignIn(t)), "it")
				soon(t, func() bool {
					says(t, s, api.URL, "ada")
					return len(api.Tokens()) >= 3 // both sessions renew
				})
			})
		}
	}
}

// The token that is exchanged lies in a file, and is read again.
func TestZitadelTokenExchangeOfAFile(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Hour)
	api := servers.StartAPI(t, ca, z.Check)
	file := filepath.Join(t.TempDir(), "token")
	it := fmt.Sprintf(`settings:
      grant: token_exchange
      client_id: %s
      client_secret: %s
      subject_token_file: %q`, servers.WebID, servers.WebSecret, file)
	cfg := load(t, ca, zitadelPerson(z, ca, api.URL, it), "REFRESH="+z.SignIn(t))
	person := initialised(t, cfg, "person")
	write := func() {
		cred, err := person.Credential(t.Context())
		require.NoError(t, err)
		_, token, _ := strings.Cut(cred.Attach.Header["Authorization"].Reveal(), " ")
		require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	}
	require.NoError(t, os.WriteFile(file, []byte("canary-in-a-coal-mine"), 0o600))
	s := session(t, cfg, "it")
	err := s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeDenied)
	noSecret(t, err, "canary", servers.WebSecret)

	write()
	fresh := initialised(t, load(t, ca, zitadelPerson(z, ca, api.URL, it), "REFRESH="+z.SignIn(t)), "it")
	says(t, fresh, api.URL, "ada")
	require.NoError(t, os.Remove(file))
	cred, err := fresh.Credential(t.Context())
	require.NoError(t, err)
	require.NoError(t, fresh.Close(t.Context()))
	_ = cred
	err = fresh.Init(t.Context())
	require.Error(t, err, "the file is gone")
	write()
	require.Eventually(
		t,
		func() bool { return fresh.Init(t.Context()) == nil },
		10*time.Second,
		50*time.Millisecond,
	)
	says(t, fresh, api.URL, "ada")
}

// A service user signs an assertion (RFC 7523 §2.1).
func TestZitadelJWTBearer(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	api := servers.StartAPI(t, ca, z.Check)
	file := filepath.Join(t.TempDir(), "key.pem")
	key := rsaKey(t)
	writeKey(t, file, key)
	z.Trust("robot", "k1", key.Public())
	config := func(assertion string) string {
		return fmt.Sprintf(`
sessions:
  it:
    provider: oauth2
    origins: [%q]
    settings:
      grant: jwt_bearer
      issuer: %q
      client_id: robot
      client_auth: none
      scopes: [openid]
      tls: {ca_file: %q}
      assertion: {issuer: robot, subject: robot, key: {file: %q, id: k1}, %s}
`, api.URL, z.Issuer, ca.File, file, assertion)
	}
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			s := initialised(t, setup{ca: ca, way: way}.load(t, config("audience: "+z.Issuer)), "it")
			says(t, s, api.URL, "robot")
			cred, err := s.Credential(t.Context())
			require.NoError(t, err)
			s.Reject(cred, "")
			says(t, s, api.URL, "robot")
		})
	}
	t.Run("for another server", func(t *testing.T) {
		t.Parallel()
		err := session(t, load(t, ca, config("audience: https://login.example.com")), "it").Init(t.Context())
		require.ErrorIs(t, err, core.CodeDenied)
	})
}

// The person's grants at zitadel, with each way of its clients.
func TestZitadelSignIns(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	api := servers.StartAPI(t, ca, z.Check)
	file := filepath.Join(t.TempDir(), "key.pem")
	key := rsaKey(t)
	writeKey(t, file, key)
	z.Trust(servers.KeyID, "k1", key.Public())
	for name, settings := range map[string]string{
		"public": "grant: authorization_code\n      client_id: " + servers.NativeID,
		"key": fmt.Sprintf("grant: authorization_code\n      client_id: %s\n      client_key: {file: %q, id: k1}", servers.KeyID,
			file),
		"device": fmt.Sprintf("grant: device_code\n      client_id: %s\n      client_secret: %q", servers.DeviceID,
			servers.ServiceSecret),
	} {
		for _, way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				ui, asked := person(t, ca)
				s := initialised(t, setup{ca: ca, way: way, ui: ui}.load(t, fmt.Sprintf(`
sessions:
  it:
    provider: oauth2
    origins: [%q]
    settings:
      %s
      issuer: %q
      scopes: [openid, offline_access]
      tls: {ca_file: %q}
`, api.URL, settings, z.Issuer, ca.File)), "it")
				says(t, s, api.URL, "ada")
				require.EqualValues(t, 1, asked.Load())
				require.Equal(t, "ada", s.Status().Subject)
			})
		}
	}
}

// The person says no to a device.
func TestZitadelDeviceRefused(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	z.Refuse.Store(true)
	ui, _ := person(t, ca)
	s := session(t, setup{ca: ca, ui: ui}.load(t, fmt.Sprintf(`
sessions:
  it:
    provider: oauth2
    origins: [https://api.example.com]
    settings:
      grant: device_code
      client_id: %s
      client_secret: %q
      issuer: %q
      tls: {ca_file: %q}
`, servers.DeviceID, servers.ServiceSecret, z.Issuer, ca.File)), "it")
	err := s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeDenied)
	noSecret(t, err, servers.ServiceSecret)
}
