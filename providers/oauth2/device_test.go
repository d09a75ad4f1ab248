package oauth2_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

func TestDevice(t *testing.T) {
	for name, useVisit := range map[string]bool{"visit": true, "show": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for a second
			s := newPeople(t)
			s.device = []map[string]any{{"error": "authorization_pending"}}
			p := s.open(t,
				map[string]any{"grant": "device_code",
					"authorization_params": map[string]any{"login_hint": "ada"}, "audience": "aud"})
			_, err := p.Authenticate(t.Context(), core.Request{})
			require.ErrorIs(t, err, core.CodeInteractive)
			require.Empty(t, s.seen("/token"))

			var visit core.DevicePrompt
			var message string
			ui := core.UI{Show: func(_ context.Context, m string) error { message = m; return nil }}
			if useVisit {
				ui.ShowDevicePrompt = func(_ context.Context, v core.DevicePrompt) error { visit = v; return nil }
			}
			c, err := p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, ui)
			require.NoError(t, err)
			require.Equal(t, "person-1", c.Subject)
			require.False(t, c.RefreshState.IsZero())
			if useVisit {
				require.Equal(t, []string{s.URL + "/go", "WDJB-MJHT", s.URL + "/go?user_code=WDJB-MJHT"},
					[]string{visit.VerificationURI, visit.UserCode, visit.VerificationURIComplete})
				require.WithinDuration(t, time.Now().Add(15*time.Minute), visit.ExpiresAt, 20*time.Second)
				require.Empty(t, message)
			} else {
				require.True(t, contains(message, s.URL+"/go\n", "WDJB-MJHT"), message)
			}
			asked := s.seen("/device")[0].form
			for name, want := range map[string]string{"client_id": clientID, "scope": "openid read",
				"login_hint": "ada", "audience": "aud"} {
				require.Equal(t, want, asked.Get(name))
			}
			polls := s.seen("/token")
			require.Len(t, polls, 2)
			require.Equal(t, "the-device-code", polls[0].form.Get("device_code"))
			require.False(t, polls[0].form.Has("scope"))
		})
	}
}

func TestDeviceRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		body map[string]any
		code core.Code
	}{
		"access_denied":       {map[string]any{"error": "access_denied"}, core.CodeDenied},
		"expired_token":       {map[string]any{"error": "expired_token"}, core.CodeInteractive},
		"invalid_grant":       {map[string]any{"error": "invalid_grant"}, core.CodeDenied},
		"invalid_client":      {map[string]any{"error": "invalid_client"}, core.CodeDenied},
		"unsupported_grant":   {map[string]any{"error": "unsupported_grant_type"}, core.CodeBadConfig},
		"unauthorized_client": {map[string]any{"error": "unauthorized_client"}, core.CodeDenied},
		"something":           {map[string]any{"error": "something"}, core.CodeDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newPeople(t)
			s.device = []map[string]any{tt.body}
			_, err := s.open(t, map[string]any{"grant": "device_code"}).(core.InteractiveProvider).SignIn(t.Context(),
				core.Request{}, shows())
			require.ErrorIs(t, err, tt.code)
			requireNoText(t, err, "the-device-code")
		})
	}
}

func shows() core.UI {
	return core.UI{Show: func(context.Context, string) error { return nil }}
}

func TestDeviceWithoutAPerson(t *testing.T) {
	s := newPeople(t)
	p := s.open(t, map[string]any{"grant": "device_code"}).(core.InteractiveProvider)
	_, err := p.SignIn(t.Context(), core.Request{}, core.UI{})
	require.ErrorIs(t, err, core.CodeInteractive)
	require.Empty(t, s.seen("/device"))
	_, err = p.SignIn(t.Context(), core.Request{},
		core.UI{Show: func(context.Context, string) error { return errBrowser }})
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorIs(t, err, errBrowser)
	require.Empty(t, s.seen("/token"))
	s.set(func() { delete(s.meta, "device_authorization_endpoint") })
	_, err = s.open(t, map[string]any{"grant": "device_code"}).(core.InteractiveProvider).SignIn(t.Context(),
		core.Request{}, shows())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "device_authorization_url")
}

// A hostile server sends the person nowhere.
func TestDeviceAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		change map[string]any
		code   core.Code
	}{
		"no code":        {map[string]any{"device_code": nil}, core.CodeUnavailable},
		"no user code":   {map[string]any{"user_code": ""}, core.CodeUnavailable},
		"number":         {map[string]any{"device_code": 7}, core.CodeUnavailable},
		"no end":         {map[string]any{"expires_in": nil}, core.CodeUnavailable},
		"ended":          {map[string]any{"expires_in": -1}, core.CodeUnavailable},
		"escape in code": {map[string]any{"user_code": "A\x1b[2J"}, core.CodeBadConfig},
		"long code":      {map[string]any{"user_code": string(make([]byte, 65))}, core.CodeBadConfig},
		"33 characters":  {map[string]any{"user_code": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"}, core.CodeBadConfig},
		"zero width":     {map[string]any{"user_code": "AB\u200bCD"}, core.CodeBadConfig},
		"invisible":      {map[string]any{"user_code": "AB\u2060CD"}, core.CodeBadConfig},
		"direction":      {map[string]any{"user_code": "\u202eDCBA"}, core.CodeBadConfig},
		"Cyrillic":       {map[string]any{"user_code": "\u0410BCD"}, core.CodeBadConfig},
		"a sentence": {map[string]any{"user_code": "call 555-0100 and say your password"},
			core.CodeBadConfig},
		"zero width in URL": {map[string]any{"verification_uri": "https://login.example.com/\u200bgo"},
			core.CodeBadConfig},
		"no URL": {map[string]any{"verification_uri": nil}, core.CodeBadConfig},
		"http": {map[string]any{"verification_uri": "http://login.example.com/go"},
			core.CodeBadConfig},
		"script": {map[string]any{"verification_uri": "javascript:alert(1)"}, core.CodeBadConfig},
		"file":   {map[string]any{"verification_uri": "file:///etc/passwd"}, core.CodeBadConfig},
		"escape in URL": {map[string]any{"verification_uri": "https://login.example.com/\x1b[2J"},
			core.CodeBadConfig},
		"user in URL": {map[string]any{"verification_uri": "https://bank.example.com@evil.example.com/"},
			core.CodeBadConfig},
		"other letters": {map[string]any{"verification_uri": "https://l\u043egin.example.com/"},
			core.CodeBadConfig},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPeople(t)
			answer := map[string]any{"device_code": "d", "user_code": "u",
				"verification_uri": "https://l/go", "expires_in": 60}
			for key, value := range tt.change {
				answer[key] = value
			}
			s.override["/device"] = func(w http.ResponseWriter,
				_ *http.Request) {
				writeJSON(w, 200, answer)
			}
			_, err := s.open(t, map[string]any{"grant": "device_code"}).(core.InteractiveProvider).SignIn(t.Context(),
				core.Request{}, shows())
			require.ErrorIs(t, err, tt.code)
			require.NotContains(t, err.Error(), "\x1b")
			require.Empty(t, s.seen("/token"))
		})
	}
}

// A page with the code that is on another host is not shown, by ShowDevicePrompt and by Show.
func TestDevicePageOnAnotherHost(t *testing.T) {
	for name, tt := range map[string]struct{ complete, want string }{
		"same host":    {"https://login.example.com/go?user_code=u", "https://login.example.com/go?user_code=u"},
		"another host": {"https://evil.example.org/go?user_code=u", ""},
		"another port": {"https://login.example.com:444/go?user_code=u", ""},
		"no host":      {"https:///go?user_code=u", ""},
		"zero width":   {"https://login.example.com/\u200bgo?user_code=u", ""},
		"another type": {"javascript:alert(1)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for a second
			s := newPeople(t)
			s.override["/device"] = func(w http.ResponseWriter, _ *http.Request) {
				writeJSON(w, 200, map[string]any{"device_code": "d", "user_code": "u", "interval": 1,
					"verification_uri":          "https://login.example.com/go",
					"verification_uri_complete": tt.complete, "expires_in": 60})
			}
			var shown core.DevicePrompt
			_, err := s.open(t, map[string]any{"grant": "device_code"}).(core.InteractiveProvider).
				SignIn(t.Context(), core.Request{}, core.UI{
					ShowDevicePrompt: func(_ context.Context, v core.DevicePrompt) error { shown = v; return nil },
				})
			require.NoError(t, err)
			require.Equal(t, tt.want, shown.VerificationURIComplete)
		})
	}
}
