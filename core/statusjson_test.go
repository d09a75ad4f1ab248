package core_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestStatusJSON(t *testing.T) {
	at := time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("x", 3600))
	for name, tc := range map[string]struct {
		status core.Status
		want   string
	}{
		"nothing": {core.Status{}, `{"name":"","provider":"","state":"new","renewable":false,
			"authentications":0,"failures":0,"refusals":0}`},
		"everything": {
			core.Status{
				Name: "api", Kind: "oauth2", Environment: core.Prod, State: core.StateStale,
				Renewable: true, Subject: "ada",
				Attributes: map[string]string{"base_url": "https://a"},
				Origins:    []string{"https://a"}, Expiry: at, RetryAt: at,
				Credential: &core.CredentialShape{
					Headers: []string{"Authorization"}, Query: []string{"q"},
					Cookies:     []string{"c"},
					Certificate: true, PerRequest: true,
				},
				LastError:       core.Errorf(core.CodeBadConfig, "the text"),
				StoreError:      errors.New("no code"),
				Authentications: 1, Failures: 2, Refusals: 3,
			},
			`{"name":"api","provider":"oauth2","environment":"prod","state":"stale","renewable":true,
			"subject":"ada","attributes":{"base_url":"https://a"},"origins":["https://a"],
			"expires_at":"2030-01-02T02:04:05Z","retry_at":"2030-01-02T02:04:06Z",
			"credential":{"headers":["Authorization"],"query":["q"],"cookies":["c"],
				"certificate":true,"per_request":true},
			"last_error":{"code":"bad_config","message":"bad config: the text"},
			"store_error":{"code":"unavailable","message":"no code"},
			"authentications":1,"failures":2,"refusals":3}`,
		},
		"a year that RFC 3339 does not have": {
			core.Status{State: core.StateFresh, Expiry: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)},
			`{"name":"","provider":"","state":"fresh","renewable":false,
			"authentications":0,"failures":0,"refusals":0}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(tc.status)
			require.NoError(t, err)
			require.JSONEq(t, tc.want, string(text))
			require.NotContains(t, string(text), "0001-")
			var back core.Status
			require.NoError(t, json.Unmarshal(text, &back))
			again, err := json.Marshal(back)
			require.NoError(t, err)
			require.JSONEq(t, tc.want, string(again), "what was read says the same")
			require.Equal(t, core.CodeOf(tc.status.LastError), core.CodeOf(back.LastError))
		})
	}
	_, err := json.Marshal(core.Status{State: 99})
	require.Error(t, err)
}

func TestStatusJSONThatIsRead(t *testing.T) {
	kept := core.Status{Name: "kept"}
	for _, text := range []string{
		`{"state":"later"}`, `{"state":1}`, `{"state":"fresh","expires_at":"yesterday"}`,
		`{"retry_at":"0"}`, `[]`, `{"last_error":"x"}`, `{"name":`,
	} {
		require.Error(t, json.Unmarshal([]byte(text), &kept), text)
		require.Equal(t, core.Status{Name: "kept"}, kept, text)
	}
	var s core.Status
	text := `{"name":"a","later":{"x":1},"last_error":{"code":"later","message":"m","more":2}}`
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	require.ErrorIs(t, s.LastError, core.CodeUnavailable)
	require.EqualError(t, s.LastError, "m")
}

// No secret of a credential is in the JSON of a Status or of an Event, nor in the log
// records, whatever the provider puts beside it.
func TestStatusJSONHoldsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const canary = "C4n4ry-Secret-Value"
		chain, key, _ := issue(t, "who")
		hostile := "a\"b\\c\u2028<script>\x1b[2J\x00\xff\n" // of an error
		odd := "a\"b\\c<script>"                            // all that a subject and an attribute may have
		fail := false
		p := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			if fail {
				return core.Credential{}, core.Errorf(core.CodeUnavailable, "down %s", hostile)
			}
			value := func(i int) core.Secret { return core.NewSecret(fmt.Sprint(canary, i)) }
			return core.Credential{
				Attach: core.Attachment{
					Header: map[string]core.Secret{"X-Key": value(1)},
					Query:  map[string]core.Secret{"key": value(2)},
					Cookie: map[string]core.Secret{"sid": value(3)},
					Cert:   core.NewSecret(chain + key),
				},
				RefreshState: value(4), Subject: odd, Expiry: time.Now().Add(time.Hour),
				Attributes: map[string]string{odd: odd},
			}, nil
		})
		var texts []string
		add := func(v any) {
			text, err := json.Marshal(v)
			require.NoError(t, err)
			require.True(t, json.Valid(text))
			texts = append(texts, string(text))
		}
		store := newShelf()
		store.saveErr = errors.New("disk full")
		s := core.New("api", p, &core.Options{Store: store, Observe: func(e core.Event) { add(e) }})
		add(s.Status())
		require.NoError(t, s.Init(t.Context()))
		synctest.Wait()
		add(s.Status())
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		fail = true
		s.Reject(c, "")
		synctest.Wait()
		add(s.Status())
		require.ErrorContains(t, s.Close(t.Context()), "disk full")
		synctest.Wait()
		add(s.Status())
		all := strings.Join(texts, "\n")
		require.Greater(t, len(texts), 6)
		require.Contains(t, all, `"X-Key"`)
		require.Contains(t, all, `"certificate":true`)
		require.Contains(t, all, `"store_error"`)
		require.Contains(t, all, `"last_error"`)
		require.NotContains(t, all, canary)
		require.NotContains(t, all, base64.StdEncoding.EncodeToString([]byte(canary))[:20])
		require.NotContains(t, all, "PRIVATE KEY")
		require.NotContains(t, all, "CERTIFICATE")
		require.NotContains(t, all, "\x1b")
	})
}

func TestEventJSON(t *testing.T) {
	ev := core.Event{
		Session: "api", Kind: "oauth2", Environment: core.QA, Type: core.EventSubjectChanged,
		Reason: core.ReasonRejected, Took: 1500 * time.Millisecond, Subject: "bob",
		OldSubject: "ada",
		Expiry:     time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		WaitFor:    core.WaitForStore, Wait: 10 * time.Second,
		Code: core.CodeDenied, Err: core.Errorf(core.CodeDenied, "no"),
	}
	text, err := json.Marshal(ev)
	require.NoError(t, err)
	require.JSONEq(t, `{"session":"api","provider":"oauth2","environment":"qa",
		"kind":"subject_changed","reason":"rejected","took_seconds":1.5,"subject":"bob",
		"old_subject":"ada","expires_at":"2030-01-02T03:04:05Z","wait_for":"store",
		"wait_seconds":10,"error":{"code":"denied","message":"denied: no"}}`, string(text))
	text, err = json.Marshal(core.Event{Type: core.EventClosed})
	require.NoError(t, err)
	require.JSONEq(t, `{"session":"","provider":"","kind":"ended","reason":"initial"}`,
		string(text))
}
