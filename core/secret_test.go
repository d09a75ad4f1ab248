package core_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
)

const canary = "c4n4ry-v4lu3"

// foreign hides a secret where no method can be called on it.
type foreign struct {
	secret core.Secret
	deep   struct{ m map[string]core.Secret }
	Shown  core.Secret
}

func TestSecretsDoNotShow(t *testing.T) {
	secret := core.NewSecret(canary)
	cred := everything(canary)
	cred.RefreshState = secret
	f := foreign{secret: secret, Shown: secret}
	f.deep.m = map[string]core.Secret{"k": secret}
	session := ready(t, fixed(cred), nil)
	got, err := session.Credential(t.Context())
	require.NoError(t, err)

	values := map[string]any{
		"secret": secret, "pointer": &secret, "list": []core.Secret{secret}, "map": map[string]core.Secret{
			"k": secret,
		},
		"credential": got, "credential pointer": &got, "attachment": got.Attach, "request": core.Request{
			Previous: got,
		},
		"sign": core.SignatureRequest{
			Credential: got,
		}, "foreign": f, "foreign pointer": &f, "session": session, "status": session.Status(),
		"error": core.Errorf(
			core.CodeDenied,
			"with %v and %+v",
			secret,
			got,
		), "transport": session.Client().Transport,
	}
	for name, v := range values {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			if b, err := json.Marshal(v); err == nil {
				out.Write(b)
			}
			if b, err := xml.Marshal(v); err == nil {
				out.Write(b)
			}
			if name != "session" && name != "transport" {
				if b, err := yaml.Marshal(v); err == nil {
					out.Write(b)
				}
			}
			var g bytes.Buffer
			if err := gob.NewEncoder(&g).Encode(v); err == nil {
				out.Write(g.Bytes())
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
			require.NotContains(t, out.String(), canary)
			require.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
		})
	}
	require.Equal(t, "REDACTED", fmt.Sprint(secret))
	require.Empty(t, fmt.Sprint(core.Secret{}))
	require.Equal(t, canary, secret.Reveal())
	require.True(t, secret.Equal(core.NewSecret(canary)))
	require.False(t, secret.Equal(core.Secret{}))
	require.True(t, core.NewSecret("").IsZero())
	var back core.Secret
	require.NoError(t, json.Unmarshal([]byte(`"x"`), &back))
	require.Equal(t, "x", back.Reveal())
	var g bytes.Buffer
	require.NoError(t, gob.NewEncoder(&g).Encode(secret))
	require.NoError(t, gob.NewDecoder(&g).Decode(&back))
	require.Equal(t, "REDACTED", back.Reveal())
}

func TestLogsAndEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var events []core.Event
		p := &issuer{life: time.Hour}
		s := core.New("gs", p, &core.Options{
			Kind:    "fake",
			Logger:  slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Observe: func(e core.Event) { events = append(events, e) },
		})
		p.set(core.Errorf(core.CodeDenied, "invalid_client"))
		require.Error(t, s.Init(t.Context()))
		p.set(nil)
		require.NoError(t, s.Init(t.Context()))
		require.NoError(t, s.Close(t.Context()))
		synctest.Wait()
		kinds := make([]string, len(events))
		for i, e := range events {
			kinds[i] = e.Type.String()
			require.Equal(t, "gs", e.Session)
		}
		require.Equal(t, []string{"failed", "authenticated", "ended"}, kinds)
		require.ErrorIs(t, events[0].Err, core.CodeDenied)
		require.Contains(
			t,
			out.String(),
			`level=WARN msg="session failed" session=gs provider=fake reason=initial took=0s code=denied error="session \"gs\" (fake): init: denied: invalid_client`,
		)
		require.NotContains(t, out.String(), "t2")
		require.Contains(t, out.String(), "expiry=2000-01-01T01:00:00.000Z")
		p.life = 0
		require.NoError(t, s.Init(t.Context()))
		synctest.Wait()
		require.NotContains(t, out.String(), "0001-01-01", "no zero dates")
		require.Equal(t, core.CodeDenied, events[0].Code)
	})
}
