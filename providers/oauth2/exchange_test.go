package oauth2_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
)

const (
	accessType  = "urn:ietf:params:oauth:token-type:access_token"
	jwtType     = "urn:ietf:params:oauth:token-type:jwt"
	bearerURN   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	exchangeURN = "urn:ietf:params:oauth:grant-type:token-exchange"
)

func TestJWTBearer(t *testing.T) {
	s := newServer(t)
	p := s.open(t,
		map[string]any{"grant": "jwt_bearer", "scopes": []any{"a"}, "assertion": map[string]any{
			"subject": "alice", "audience": "urn:server", "lifetime": "2m",
			"claims": map[string]any{"tenant": "t1", "deep": map[string]any{"n": 1}},
			"key":    map[string]any{"text": keyPEM(t, ecKey), "id": "k1"},
		}})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, "alice", c.Subject)
	got := s.seen("/token")[0]
	require.NotEmpty(t, got.auth, "the client authenticates besides")
	require.Equal(t, []string{bearerURN, "a"},
		[]string{got.form.Get("grant_type"), got.form.Get("scope")})
	header, claims := checkAssertion(t, got.form.Get("assertion"), ecKey.Public(), "ES256",
		"urn:server", 2*time.Minute)
	require.Equal(t, []string{"k1", clientID, "alice"},
		[]string{header.KeyID, claims.Issuer, claims.Subject})
	token, err := jwt.ParseSigned(got.form.Get("assertion"), []gojose.SignatureAlgorithm{"ES256"})
	require.NoError(t, err)
	var more map[string]any
	require.NoError(t, token.UnsafeClaimsWithoutVerification(&more))
	require.Equal(t, "t1", more["tenant"])
	require.Equal(t, map[string]any{"n": 1.0}, more["deep"])

	t.Run("with the client's key", func(t *testing.T) {
		s := newServer(t)
		s.proof = func(r *http.Request) bool { return r.PostForm.Has("client_assertion") }
		c, err := s.open(t, map[string]any{
			"grant": "jwt_bearer", "client_secret": nil,
			"client_key": map[string]any{"text": keyPEM(t, rsaKey)},
		}).Authenticate(t.Context(), core.Request{})
		require.NoError(t, err)
		require.Equal(t, clientID, c.Subject)
		form := s.seen("/token")[0].form
		for _, name := range []string{"assertion", "client_assertion"} {
			checkAssertion(t, form.Get(name), rsaKey.Public(), "RS256", s.URL+"/token", time.Minute)
		}
		require.NotEqual(t, form.Get("assertion"), form.Get("client_assertion"))
	})
	t.Run("from a file", func(t *testing.T) {
		s := newServer(t)
		s.proof = func(*http.Request) bool { return true }
		file := filepath.Join(t.TempDir(), "jwt")
		p := s.open(t,
			map[string]any{"grant": "jwt_bearer", "client_secret": nil,
				"assertion": map[string]any{"file": file}})
		_, err := p.Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "assertion: file")
		for i, text := range []string{"one", "two"} {
			require.NoError(t, os.WriteFile(file, []byte(text+"\n"), 0o600))
			_, err := p.Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Equal(t, text, s.seen("/token")[i].form.Get("assertion"))
		}
		require.NoError(t, os.WriteFile(file, []byte("two words"), 0o600))
		_, err = p.Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.NotContains(t, err.Error(), "words")
	})
}

func TestTokenExchange(t *testing.T) {
	input := func(value string) core.Credential {
		return core.Credential{Subject: "alice",
			Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret(value)}}}
	}
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("from-file\n"), 0o600))
	for _, tt := range []struct {
		name     string
		settings map[string]any
		inputs   map[string]core.Credential
		want     map[string]string
		subject  string
	}{
		{"setting", map[string]any{"subject_token": "st", "audience": "api"}, nil, map[string]string{
			"subject_token": "st", "subject_token_type": accessType, "audience": "api",
		}, clientID},
		{"file, types and actor", map[string]any{
			"subject_token_file": file, "subject_token_type": "jwt", "actor_token": "at",
			"actor_token_type": "urn:own", "requested_token_type": "access_token",
		}, nil, map[string]string{
			"subject_token": "from-file", "subject_token_type": jwtType, "actor_token": "at",
			"actor_token_type": "urn:own", "requested_token_type": accessType,
		}, clientID},
		{"inputs", nil,
			map[string]core.Credential{"subject_token": input("Bearer s1"), "actor_token": input("dpop a1")},
			map[string]string{
				"subject_token": "s1", "subject_token_type": accessType, "actor_token": "a1",
				"actor_token_type": accessType,
			}, "alice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			settings := map[string]any{"grant": "token_exchange"}
			for name, value := range tt.settings {
				settings[name] = value
			}
			c, err := s.open(t, settings).Authenticate(t.Context(), core.Request{Inputs: tt.inputs})
			require.NoError(t, err)
			require.Equal(t, tt.subject, c.Subject)
			tt.want["grant_type"] = exchangeURN
			form := s.seen("/token")[0].form
			require.Len(t, form, len(tt.want))
			for name, value := range tt.want {
				require.Equal(t, value, form.Get(name), name)
			}
		})
	}
	for name, tt := range map[string]struct {
		settings map[string]any
		inputs   map[string]core.Credential
		text     string
	}{
		"no subject": {nil, nil, "there is no subject token"},
		"twice": {map[string]any{"subject_token": "st"},
			map[string]core.Credential{"subject_token": input("Bearer s1")},
			"subject_token is given as a setting and in inputs"},
		"an API key as input": {nil, map[string]core.Credential{"subject_token": input("Basic eDp5")},
			"the session for subject_token has no token"},
		"no file": {map[string]any{"subject_token_file": file + "x"}, nil,
			"subject_token: file"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			settings := map[string]any{"grant": "token_exchange"}
			for name, value := range tt.settings {
				settings[name] = value
			}
			_, err := s.open(t, settings).Authenticate(t.Context(), core.Request{Inputs: tt.inputs})
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, tt.text)
			require.Empty(t, s.seen("/token"))
		})
	}
}

func TestTokenExchangeAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		answer map[string]any
		code   core.Code
		text   string
	}{
		"not an access token": {200,
			map[string]any{"access_token": "x", "token_type": "N_A", "issued_token_type": jwtType},
			core.CodeBadConfig, "not an access token (token_type N_A"},
		"another type": {200,
			map[string]any{"access_token": "x", "token_type": "Bearer", "issued_token_type": accessType},
			core.CodeBadConfig, "another type of token than requested_token_type"},
		"an ended subject": {400,
			map[string]any{"error": "invalid_request", "error_description": "subject-canary"}, core.CodeDenied,
			"one of the tokens may have ended"},
		"a target": {400, map[string]any{"error": "invalid_target"}, core.CodeBadConfig,
			"invalid_target"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.override = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, tt.status, tt.answer) }
			_, err := s.open(t, map[string]any{
				"grant": "token_exchange", "subject_token": "subject-canary", "requested_token_type": "jwt",
			}).Authenticate(t.Context(), core.Request{})
			require.ErrorIs(t, err, tt.code)
			require.ErrorContains(t, err, tt.text)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

// TestExchangeNamesTheInput: the subject's token, if it is that of another session and if it is the
// one that the server refused, is rejected there (RFC 8693 §2.2.2).
func TestExchangeNamesTheInput(t *testing.T) {
	input := func(text string) core.Credential {
		return core.Credential{
			Attach: core.Attachment{
				Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + text)}}}
	}
	subject := map[string]core.Credential{"subject_token": input("s")}
	both := map[string]core.Credential{"subject_token": input("s"), "actor_token": input("a")}
	for _, tt := range []struct {
		answer   string
		settings map[string]any
		inputs   map[string]core.Credential
		want     string
	}{
		{"invalid_grant", nil, subject, "subject_token"},
		{"invalid_grant", nil, both, "subject_token"},
		{"invalid_request", nil, subject, "subject_token"},
		{"invalid_request", nil, both, ""},
		{"invalid_target", nil, subject, ""},
		{"invalid_client", nil, subject, ""},
		{"invalid_grant", map[string]any{"subject_token": "s"}, nil, ""},
		{"invalid_request", map[string]any{"subject_token": "s"}, nil, ""},
	} {
		s := newServer(t)
		s.override = func(w http.ResponseWriter,
			_ *http.Request) {
			writeJSON(w, 400, map[string]any{"error": tt.answer})
		}
		settings := map[string]any{"grant": "token_exchange"}
		maps.Copy(settings, tt.settings)
		_, err := s.open(t, settings).Authenticate(t.Context(), core.Request{Inputs: tt.inputs})
		var e *core.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, tt.want, e.Input, tt.answer)
		require.Contains(t, []core.Code{core.CodeDenied, core.CodeBadConfig}, e.Code)
	}
}

// A session whose subject's token was revoked renews that, and goes on.
func TestExchangeOfARevokedInput(t *testing.T) {
	s := newServer(t)
	var seen []string
	s.override = func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.PostForm.Get("subject_token"))
		if r.PostForm.Get("subject_token") == "f1" {
			writeJSON(w, 400, map[string]any{"error": "invalid_grant"})
			return
		}
		writeJSON(w, 200,
			map[string]any{"access_token": "orders", "token_type": "Bearer", "expires_in": 60,
				"issued_token_type": accessType})
	}
	n := 0
	front := core.New("front",
		core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			n++
			return core.Credential{
					Attach: core.Attachment{
						Header: map[string]core.Secret{"Authorization": core.NewSecret(fmt.Sprint("Bearer f", n))}}},
				nil
		}), nil)
	orders := core.New("orders", s.open(t, map[string]any{"grant": "token_exchange"}), &core.Options{
		Inputs: map[string]*core.Session{"subject_token": front},
	})
	require.NoError(t, orders.Init(t.Context()))
	require.Equal(t, []string{"f1", "f2"}, seen)
	require.EqualValues(t, 1, front.Status().Refusals)
}

// TestExchangeRefreshes renews with the refresh token, and trades anew once
// that is spent.
func TestExchangeRefreshes(t *testing.T) {
	s := newServer(t)
	s.refresh = "some"
	p := s.open(t, map[string]any{"grant": "token_exchange", "subject_token": "st"})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	c, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.NoError(t, err)
	s.set(func() { s.refresh = "spent" })
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.NoError(t, err)
	var types []string
	for _, r := range s.seen("/token") {
		types = append(types, r.form.Get("grant_type"))
	}
	require.Equal(t, []string{exchangeURN, "refresh_token", "refresh_token", exchangeURN}, types)
}

func TestExchangeFaults(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settings map[string]any
		fault    string
	}{
		{"nothing to trade", map[string]any{"grant": "jwt_bearer"},
			"assertion: missing; the grant jwt_bearer needs a file, a text or a key"},
		{"two assertions",
			map[string]any{"grant": "jwt_bearer", "assertion": map[string]any{"file": "x", "text": "y"}},
			"assertion: give either text or file"},
		{"a JWT and claims",
			map[string]any{"grant": "jwt_bearer", "assertion": map[string]any{"file": "x", "subject": "y"}},
			"the other settings are for a JWT that is made"},
		{"own claims",
			map[string]any{"grant": "jwt_bearer",
				"assertion": map[string]any{"claims": map[string]any{"exp": 1},
					"key": map[string]any{"file": "x"}}}, "assertion.claims.exp: belongs to the grant"},
		{"a key that is none",
			map[string]any{"grant": "jwt_bearer",
				"assertion": map[string]any{"key": map[string]any{"text": "x"}}},
			"assertion.key.text: holds no PEM"},
		{"lifetime",
			map[string]any{"grant": "jwt_bearer",
				"assertion": map[string]any{"lifetime": "2h", "file": "x"}},
			"assertion.lifetime: want 1s to 1h"},
		{"another grant",
			map[string]any{"assertion": map[string]any{"subject": "x"}, "subject_token": "x",
				"actor_token_file": "y"},
			"assertion: is for the grant jwt_bearer; subject_token: is for the grant token_exchange; " +
				"actor_token: is for the grant token_exchange"},
		{"two subjects",
			map[string]any{"grant": "token_exchange", "subject_token": "x", "subject_token_file": "y"},
			"subject_token: give either subject_token or subject_token_file"},
		{"type", map[string]any{"grant": "token_exchange", "subject_token_type": "a b"},
			"subject_token_type: is not the name or the URI"},
		{"reserved", map[string]any{"params": map[string]any{"subject_token": "x"}},
			"params.subject_token: belongs to the grant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings := map[string]any{"token_url": "https://login.example.com/token", "client_id": "app",
				"client_secret": "s"}
			for name, value := range tt.settings {
				settings[name] = value
			}
			err := oauth2.Factory.Check("", settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, tt.fault)
		})
	}
}

// TestClaimsAreCopied keeps a program's own map out of the provider, and writes
// the text of secrets that came from variables.
func TestClaimsAreCopied(t *testing.T) {
	s := newServer(t)
	claims := map[string]any{"tenant": core.NewSecret("t1"), "list": []any{core.NewSecret("a"), 1}}
	p, err := oauth2.New(oauth2.Config{
		Grant: oauth2.JWTBearer, TokenURL: s.URL + "/token",
		ClientID: clientID, ClientSecret: core.NewSecret(secret),
		Assertion: oauth2.BearerAssertion{
			Claims: claims, Key: oauth2.PrivateKey{Text: core.NewSecret(keyPEM(t, ecKey))},
		},
	})
	require.NoError(t, err)
	claims["tenant"], claims["list"].([]any)[0] = "t2", "b"
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	token, err := jwt.ParseSigned(s.seen("/token")[0].form.Get("assertion"),
		[]gojose.SignatureAlgorithm{"ES256"})
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, token.Claims(ecKey.Public(), &got))
	require.Equal(t, "t1", got["tenant"])
	require.Equal(t, []any{"a", 1.0}, got["list"])
}
