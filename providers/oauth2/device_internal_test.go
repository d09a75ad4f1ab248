package oauth2

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/stretchr/testify/require"
)

// polls answers polls in turn and notes when they came. An empty answer is a
// connection that times out.
type polls struct {
	began   time.Time
	answers []string
	at      []time.Duration
}

func (p *polls) RoundTrip(r *http.Request) (*http.Response, error) {
	p.at = append(p.at, time.Since(p.began))
	body := `{"error":"authorization_pending"}`
	if len(p.answers) > 0 {
		body, p.answers = p.answers[0], p.answers[1:]
	}
	status := 400
	switch {
	case body == "":
		return nil, context.DeadlineExceeded
	case strings.Contains(body, "access_token"):
		status = 200
	case body == "503":
		status = 503
	}
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}, "Retry-After": {"30"}},
		Body:       io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

const (
	pending = `{"error":"authorization_pending"}`
	slower  = `{"error":"slow_down"}`
	granted = `{"access_token":"a","token_type":"Bearer"}`
)

func TestPollTimes(t *testing.T) {
	for name, tt := range map[string]struct {
		interval, life int // seconds
		answers        []string
		at             []int
		code           core.Code // 0: a token
		text           string
	}{
		"at once":      {5, 600, []string{granted}, []int{5}, 0, ""},
		"pending":      {7, 600, []string{pending, pending, granted}, []int{7, 14, 21}, 0, ""},
		"slow down":    {5, 600, []string{slower, pending, slower, granted}, []int{5, 15, 25, 40}, 0, ""},
		"timeouts":     {5, 600, []string{"", "", "", pending, granted}, []int{5, 15, 35, 75, 80}, 0, ""},
		"unavailable":  {5, 600, []string{"503", granted}, []int{5, 35}, 0, ""},
		"never longer": {50, 600, []string{"", "", granted}, []int{50, 110, 170}, 0, ""},
		"expires":      {5, 12, nil, []int{5, 10}, core.CodeInteractive, "sign in again"},
		"said expired": {5, 600, []string{`{"error":"expired_token"}`}, []int{5}, core.CodeInteractive,
			"sign in again"},
		"denied": {5, 600, []string{pending, `{"error":"access_denied"}`}, []int{5, 10},
			core.CodeDenied, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				transport := &polls{began: now, answers: tt.answers}
				d := deviceAuthorization{
					code: core.NewSecret("dc"), interval: time.Duration(tt.interval) * time.Second,
					visit: core.DevicePrompt{ExpiresAt: now.Add(time.Duration(tt.life) * time.Second)},
				}
				ctx, cancel := context.WithDeadline(t.Context(), d.visit.ExpiresAt)
				defer cancel()
				client := &grant.Client{TokenURL: "https://l/token", ID: "app",
					HTTP: &http.Client{Transport: transport}}
				_, err := pollToken(ctx, client, d)
				if tt.code == 0 {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.code)
					require.ErrorContains(t, err, tt.text)
				}
				at := make([]int, len(transport.at))
				for i, d := range transport.at {
					at[i] = int(d / time.Second)
				}
				require.Equal(t, tt.at, at)
			})
		})
	}
}

func TestPollEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		transport := &polls{began: time.Now()}
		_, err := pollToken(ctx,
			&grant.Client{TokenURL: "https://l/token", ID: "app", HTTP: &http.Client{Transport: transport}},
			deviceAuthorization{
				interval: 5 * time.Second, visit: core.DevicePrompt{ExpiresAt: time.Now().Add(time.Hour)},
			})
		require.ErrorIs(t, err, core.CodeInteractive)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "nobody finished")
		require.Len(t, transport.at, 1)
	})
}

func FuzzDeviceAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"device_code":"d","user_code":"u","verification_uri":"https://l/go","expires_in":60,"interval":5}`,
		`{"device_code":"d","user_code":"u","verification_url":"https://l/go","verification_uri_complete":"https://l/\u001b","expires_in":"1e300"}`,
		`{"interval":-1}`, `{}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var fields grant.Fields
		if json.Unmarshal(body, &fields) != nil {
			return
		}
		now := time.Now()
		d, err := parseDeviceAnswer(fields, now)
		if err != nil {
			require.NotZero(t, core.CodeOf(err))
			return
		}
		require.False(t, d.code.IsZero())
		require.True(t, d.interval >= time.Second && d.interval <= maxInterval)
		require.WithinRange(t, d.visit.ExpiresAt, now.Add(time.Second),
			now.Add(maxCodeLifetime*time.Second))
		for _, link := range []string{d.visit.VerificationURI, d.visit.VerificationURIComplete} {
			require.True(t, link == "" || strings.HasPrefix(strings.ToLower(link), "http"))
			require.NotContains(t, link, "\x1b")
		}
		require.NotEmpty(t, d.visit.VerificationURI)
		require.NotContains(t, d.visit.UserCode, "\x1b")
	})
}

func FuzzBrowserAnswer(f *testing.F) {
	for _, seed := range []string{
		"code=c&iss=https://l", "error=access_denied", "code=a&code=b", "iss=x&code=c",
		"error=%1b%5b2J&error_description=the-state", "",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, query string, promised bool) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		a := authorization{state: "the-state", issuer: "https://l", issRequired: promised}
		code, err := a.code(values, nil)
		if err != nil {
			require.NotZero(t, core.CodeOf(err))
			require.NotContains(t, err.Error(), "\x1b")
			require.NotContains(t, err.Error(), "the-state")
			return
		}
		require.Equal(t, values["code"], []string{code})
		require.True(t, !promised && !values.Has("iss") || values.Get("iss") == "https://l")
		require.Empty(t, values.Get("error"))
	})
}

func FuzzIDToken(f *testing.F) {
	keys, err := parseKeys(
		[]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	require.NoError(f, err)
	for _, seed := range []string{
		"", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFZERTQSJ9.e30.AAAA",
		`{"payload":"e30","signatures":[{"protected":"eyJhbGciOiJFZERTQSJ9","signature":"AAAA"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err := checkIDToken(t.Context(), keys, token,
			expectation{issuer: "https://l", clientID: "app"})
		require.Error(t, err, "nobody has the key")
		require.NotZero(t, core.CodeOf(err))
		if len(token) > 30 {
			require.NotContains(t, err.Error(), token)
		}
	})
}

func FuzzKeys(f *testing.F) {
	for _, seed := range []string{
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},7,null]}`,
		`{"keys":[{"kty":"RSA","n":"` + strings.Repeat("_", 342) +
			`","e":"AQAB","use":"enc","x5c":["AAAA"]}]}`,
		`{}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := parseKeys(body)
		if err != nil {
			require.NotZero(t, core.CodeOf(err))
			require.Empty(t, keys)
			return
		}
		require.NotEmpty(t, keys)
		for _, key := range keys {
			_, hasPrivate := key.(interface{ Public() crypto.PublicKey })
			require.False(t, hasPrivate)
		}
	})
}

func TestKeys(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		keys int
		code core.Code
	}{
		"no kid, unknown beside": {
			`{"keys":[{"kty":"XYZ"},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`, 1, 0},
		"too short": {`{"keys":[{"kty":"RSA","n":"` + strings.Repeat("_", 171) +
			`","e":"AQAB"}]}`, 0, core.CodeBadConfig},
		"long enough": {`{"keys":[{"kty":"RSA","n":"` + strings.Repeat("_", 342) +
			`","e":"AQAB"}]}`, 1, 0},
		"for encryption": {`{"keys":[{"kty":"RSA","use":"enc","n":"` + strings.Repeat("_", 342) +
			`","e":"AQAB"}]}`, 0, core.CodeBadConfig},
		"shared secret": {`{"keys":[{"kty":"oct","k":"AAAA"}]}`, 0, core.CodeBadConfig},
		"not on the curve": {`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, 0,
			core.CodeBadConfig},
		"a page": {`<html>`, 0, core.CodeUnavailable},
	} {
		keys, err := parseKeys([]byte(tt.body))
		require.Len(t, keys, tt.keys, name)
		if tt.code != 0 {
			require.True(t, errors.Is(err, tt.code), name)
		}
	}
}
