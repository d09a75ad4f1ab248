package oauth2_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

func TestIDTokens(t *testing.T) {
	set := func(name string, value any) func(*people) {
		return func(s *people) { s.claims = func(c map[string]any) { c[name] = value } }
	}
	for name, tt := range map[string]struct {
		change func(*people)
		code   core.Code // 0: good
		text   string
	}{
		"no at_hash": {func(s *people) { s.claims = func(c map[string]any) { delete(c, "at_hash") } }, 0,
			""},
		"several": {func(s *people) {
			s.claims = func(c map[string]any) { c["aud"], c["azp"] = []string{"x", clientID}, clientID }
		}, 0, ""},
		"just ended": {set("exp", time.Now().Add(-4*time.Minute).Unix()), 0, ""},
		"soon":       {set("nbf", time.Now().Add(4*time.Minute).Unix()), 0, ""},
		"odd email":  {set("email", 7), 0, ""},
		"ended":      {set("exp", time.Now().Add(-10*time.Minute).Unix()), core.CodeBadConfig, "clock"},
		"no end": {func(s *people) { s.claims = func(c map[string]any) { delete(c, "exp") } },
			core.CodeBadConfig, "clock"},
		"not yet":        {set("nbf", time.Now().Add(10*time.Minute).Unix()), core.CodeBadConfig, "clock"},
		"other audience": {set("aud", "other"), core.CodeBadConfig, "another client"},
		"other party":    {set("azp", "other"), core.CodeBadConfig, "not issued to client_id"},
		"no party":       {set("aud", []string{"x", clientID}), 0, ""},
		"odd names":      {set("_claim_names", 7), 0, ""},
		"odd sources":    {set("_claim_sources", []any{"x"}), 0, ""},
		"odd time":       {set("iat", "yesterday"), 0, ""},
		"odd nbf":        {set("nbf", []any{}), 0, ""},
		"odd locale":     {set("locale", map[string]any{"a": 1}), 0, ""},
		"odd audiences":  {set("aud", []any{7, nil, clientID}), 0, ""},
		"end in a text":  {set("exp", fmt.Sprint(time.Now().Add(time.Hour).Unix())), 0, ""},
		"odd at_hash":    {set("at_hash", []any{}), core.CodeBadConfig, "wrong type"},
		"other issuer":   {set("iss", "https://evil.example.com"), core.CodeBadConfig, "issuer"},
		"other nonce":    {set("nonce", "of another session"), core.CodeDenied, "nonce"},
		"no nonce": {func(s *people) { s.claims = func(c map[string]any) { delete(c, "nonce") } },
			core.CodeDenied, "nonce"},
		"other at_hash": {set("at_hash", "AAAA"), core.CodeDenied, "another access token"},
		"no subject":    {set("sub", ""), core.CodeBadConfig, "no subject"},
		"bad subject":   {set("sub", "a\nb"), core.CodeBadConfig, "no subject"},
		"bad claims":    {set("azp", 7), core.CodeBadConfig, "wrong type"},
		"alg none": {func(s *people) {
			s.sign = func(text string) string {
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
					strings.Split(text, ".")[1] + "."
			}
		}, core.CodeBadConfig, "algorithm"},
		"alg HS256": {func(s *people) {
			s.sign = func(text string) string {
				return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." +
					strings.Split(text, ".")[1] + ".AAAA"
			}
		}, core.CodeBadConfig, "algorithm"},
		"bad signature": {func(s *people) {
			s.sign = func(text string) string {
				return text[:strings.LastIndex(text, ".")+1] +
					strings.Repeat("A", 86)
			}
		}, core.CodeDenied, "not signed by a key"},
		"nonsense": {func(s *people) { s.sign = func(string) string { return "nonsense" } },
			core.CodeBadConfig, "not signed"},
		"no keys": {func(s *people) {
			s.override["/jwks"] = func(w http.ResponseWriter,
				_ *http.Request) {
				writeJSON(w, 200, map[string]any{"keys": []any{}})
			}
		}, core.CodeBadConfig, "publishes no key"},
		"no JWK set": {func(s *people) {
			s.override["/jwks"] = func(w http.ResponseWriter,
				_ *http.Request) {
				_, _ = w.Write([]byte("<html>"))
			}
		}, core.CodeUnavailable, "JWK Set"},
		"keys later": {func(s *people) {
			s.override["/jwks"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 503, nil) }
		}, core.CodeUnavailable, "503"},
		"no place for keys": {func(s *people) { delete(s.meta, "jwks_uri") }, core.CodeBadConfig, "jwks_url"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPeople(t)
			tt.change(s)
			c, page, err := signIn(t, s.open(t, nil))
			if tt.code == 0 {
				require.NoError(t, err)
				require.Equal(t, "person-1", c.Subject)
				return
			}
			require.ErrorIs(t, err, tt.code)
			require.ErrorContains(t, err, tt.text)
			require.NotContains(t, page, "You are signed in")
			require.Zero(t, c.Attach.Header)
		})
	}
}

// Without an issuer there is nothing that an ID token could be held against.
func TestIDTokenWithoutIssuer(t *testing.T) {
	s := newPeople(t)
	s.claims = func(c map[string]any) { c["iss"] = "https://evil.example.com" }
	c, _, err := signIn(t, s.open(t, map[string]any{
		"issuer": nil, "token_url": s.URL + "/token", "authorization_url": s.URL + "/authorize?tenant=t1",
	}))
	require.NoError(t, err)
	require.Empty(t, c.Subject)
	require.Empty(t, c.Attributes)
	require.Empty(t, s.seen("/jwks"))
}

func TestRenewedIDToken(t *testing.T) {
	s := newPeople(t)
	p := s.open(t, nil)
	c, _, err := signIn(t, p)
	require.NoError(t, err)

	s.set(func() {
		s.override["/jwks"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 503, nil) }
	})
	again, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.NoError(t, err, "a refresh token that rotated must not be lost for want of keys")
	require.Equal(t, "person-1", again.Subject)
	require.Equal(t, c.Attributes, again.Attributes)

	s.set(func() {
		delete(s.override, "/jwks")
		s.claims = func(c map[string]any) { c["sub"] = "person-2" }
	})
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: again})
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorContains(t, err, "another person")
}
