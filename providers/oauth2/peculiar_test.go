package oauth2_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
)

// respond makes the server answer token requests with a document.
func (s *server) respond(status int, kind, body string) {
	s.set(func() {
		s.override = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	})
}

// TestForeignMembers checks that a member that nobody needs cannot fail a token answer.
func TestForeignMembers(t *testing.T) {
	for name, body := range map[string]string{
		"scope is a list":        `{"access_token":"good","scope":["a","b"]}`,
		"scope is an object":     `{"access_token":"good","scope":{}}`,
		"no refresh token":       `{"access_token":"good","refresh_token":false}`,
		"ID token is a number":   `{"access_token":"good","id_token":7}`,
		"issued_token_type":      `{"access_token":"good","issued_token_type":["x"]}`,
		"expires_in":             `{"access_token":"good","expires_in":{"s":1}}`,
		"number that is too big": `{"access_token":"good","n":1e999}`,
		"a mark":                 "\ufeff" + `{"access_token":"good"}`,
		"error is null":          `{"access_token":"good","error":null}`,
		"error is empty":         `{"access_token":"good","error":""}`,
		"a form":                 `access_token=good&scope=a%2Cb&refresh_token=`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.respond(200, "text/plain", body)
			c, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Equal(t, "Bearer good", c.Attach.Header["Authorization"].Reveal())
			require.True(t, c.RefreshState.IsZero())
		})
	}
}

// TestForeignMetadata does so for metadata.
func TestForeignMetadata(t *testing.T) {
	for name, value := range map[string]any{
		"token_endpoint_auth_methods_supported": "client_secret_basic",
		"grant_types_supported":                 map[string]any{"a": 1},
		"mtls_endpoint_aliases":                 []any{"x"},
		"revocation_endpoint":                   7,
		"require_pushed_authorization_requests": "no",
		"dpop_signing_alg_values_supported":     []any{1, nil},
		"scopes_supported":                      1e300,
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			doc := map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/token"}
			doc[name] = value
			s.metadata["/.well-known/oauth-authorization-server"] = doc
			_, err := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL}).
				Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
		})
	}
}

func TestThirdMetadataPlace(t *testing.T) {
	for _, path := range []string{
		"/.well-known/oauth-authorization-server/tenant", "/tenant/.well-known/openid-configuration",
		"/.well-known/openid-configuration/tenant",
	} {
		s := newServer(t)
		s.metadata[path] = map[string]any{"issuer": s.URL + "/tenant", "token_endpoint": s.URL + "/token"}
		_, err := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL + "/tenant"}).
			Authenticate(t.Context(), core.Request{})
		require.NoError(t, err, path)
	}
}

// TestPageForMetadata checks that an address that is not an issuer is a fault of the settings.
func TestPageForMetadata(t *testing.T) {
	for name, body := range map[string]string{"page": "<!doctype html>", "text": "hello", "list": "[]"} {
		s := newServer(t)
		page := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
		s.Config.Handler = http.HandlerFunc(page)
		_, err := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL}).
			Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeBadConfig, name)
		require.ErrorContains(t, err, "is not a JSON object", name)
	}
}

func TestTokenURLBesideIssuer(t *testing.T) {
	s := newServer(t)
	s.metadata["/.well-known/oauth-authorization-server"] = map[string]any{"issuer": s.URL,
		"token_endpoint": s.URL + "/other", "revocation_endpoint": s.URL + "/revoke"}
	p := s.open(t, map[string]any{"issuer": s.URL})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Len(t, s.seen("/token"), 1)
	require.Empty(t, s.seen("/other"))
	require.NoError(t, p.(core.Revoker).Revoke(t.Context(), c))
	require.Len(t, s.seen("/revoke"), 1, "the other endpoints are discovered")
}

func TestTokenTypeSetting(t *testing.T) {
	s := newServer(t)
	s.respond(200, "application/json", `{"access_token":"good","token_type":"BearerToken"}`)
	_, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "(BearerToken); if they are bearer tokens, set token_type: BearerToken")
	c, err := s.open(t, map[string]any{"token_type": "bearertoken"}).
		Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, "Bearer good", c.Attach.Header["Authorization"].Reveal())

	s.respond(200, "application/json", `{"access_token":"good","token_type":"`+url.QueryEscape(secret)+`"}`)
	_, err = s.open(t, nil).Authenticate(t.Context(), core.Request{})
	require.ErrorContains(t, err, "set token_type to its name")
	requireClean(t, err)
}

func TestTokenPathAndAttributes(t *testing.T) {
	s := newServer(t)
	s.respond(200, "application/json", `{"ok":true,"token_type":"bot","team":{"id":"T1","n":7},
		"instance_url":"https://eu.example.com","a.b":"dots","bad":"x\u0000","list":["a"],
		"authed_user":{"access_token":"xoxp-1","token_type":"user","refresh_token":"xoxe-1",
		"expires_in":43200}}`)
	p := s.open(t, map[string]any{"token_type": "user", "token_path": "authed_user.access_token",
		"token_attributes": map[string]any{"team": "team.id", "number": "team.n", "ok": "ok", "dots": "a.b",
			"instance": "instance_url", "bad": "bad", "list": "list", "none": "team.none.x"}})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, "Bearer xoxp-1", c.Attach.Header["Authorization"].Reveal())
	require.Equal(t, "xoxe-1", c.RefreshState.Reveal())
	require.WithinDuration(t, time.Now().Add(12*time.Hour), c.Expiry, time.Minute)
	require.Equal(t, map[string]string{"team": "T1", "number": "7", "ok": "true", "dots": "dots",
		"instance": "https://eu.example.com"}, c.Attributes)
}

func TestIDTokenAsBearer(t *testing.T) {
	s := newServer(t)
	end := time.Now().Add(10 * time.Minute).Truncate(time.Second)
	jwt := "e30." + base64.RawURLEncoding.EncodeToString(
		[]byte(fmt.Sprintf(`{"exp":%d}`, end.Unix())),
	) + ".c2ln"
	s.respond(200, "application/json", `{"access_token":"other","expires_in":86400,"id_token":"`+jwt+`"}`)
	c, err := s.open(t, map[string]any{"token_path": "id_token"}).Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, "Bearer "+jwt, c.Attach.Header["Authorization"].Reveal())
	require.True(t, end.Equal(c.Expiry), "it says itself when it ends")
}

func TestHeadersAndGrantType(t *testing.T) {
	s := newServer(t)
	var got http.Header
	s.set(func() {
		s.override = func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Clone()
			writeJSON(w, 403, map[string]any{"error": "invalid_request",
				"error_description": "the key canary-1234 is bad"})
		}
	})
	p := s.open(t, map[string]any{"grant_type": "urn:ibm:params:oauth:grant-type:apikey",
		"client_auth": "none", "client_secret": nil, "params": map[string]any{"apikey": "canary-9876"},
		"headers": map[string]any{"X-Api-Key": "canary-1234"}})
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.Equal(t, "canary-1234", got.Get("X-Api-Key"))
	form := s.seen("/token")[0].form
	require.Equal(t, "urn:ibm:params:oauth:grant-type:apikey", form.Get("grant_type"))
	require.Equal(t, "canary-9876", form.Get("apikey"))
	require.ErrorContains(t, err, "sent: grant apikey, client_auth none")
	require.NotContains(t, err.Error(), "canary")
}

func TestScopesOnRefresh(t *testing.T) {
	for name, tt := range map[string]struct {
		setting, wants bool
		sent           []string // the scope of each request
	}{
		"not wanted":          {false, false, []string{""}},
		"wanted":              {false, true, []string{"", "a b"}},
		"set":                 {true, true, []string{"a b"}},
		"set, and not wanted": {true, false, []string{"a b", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.override = func(w http.ResponseWriter, r *http.Request) {
				if r.PostForm.Has("scope") != tt.wants {
					writeJSON(w, 400, map[string]any{"error": "invalid_scope"})
					return
				}
				writeJSON(w, 200, map[string]any{"access_token": "a"})
			}
			_, err := s.open(t, map[string]any{"refresh_scopes": tt.setting, "scopes": []any{"a", "b"}}).
				Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring,
					Previous: core.Credential{RefreshState: core.NewSecret("rt")}})
			require.NoError(t, err)
			var sent []string
			for _, r := range s.seen("/token") {
				require.Equal(t, "refresh_token", r.form.Get("grant_type"))
				sent = append(sent, r.form.Get("scope"))
			}
			require.Equal(t, tt.sent, sent)
		})
	}
}

func TestGivenClientAssertion(t *testing.T) {
	s := newServer(t)
	want := "e30.first.sig"
	s.proof = func(r *http.Request) bool {
		return r.PostForm.Get("client_assertion") == want && r.PostForm.Get("client_id") == clientID &&
			r.PostForm.Get(
				"client_assertion_type",
			) == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	}
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(want+"\n"), 0o600))
	p := s.open(t, map[string]any{"client_secret": nil, "client_assertion": map[string]any{"file": file}})
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(file, []byte("e30.second.sig"), 0o600))
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorContains(
		t,
		err,
		"client_auth private_key_jwt); check client_id and the JWT of client_assertion",
	)
	require.NotContains(t, err.Error(), "second")
	s.set(func() { want = "e30.second.sig" })
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err, "the file is read again")

	p = s.open(t, map[string]any{"client_secret": nil, "client_assertion": map[string]any{"input": true}})
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "no session for client_assertion")
	_, err = p.Authenticate(t.Context(), core.Request{Inputs: map[string]core.Credential{
		"client_assertion": {Attach: core.Attachment{Header: map[string]core.Secret{
			"Authorization": core.NewSecret("Bearer " + want)}}},
	}})
	require.NoError(t, err)
}

// TestDeniedAssertionNamesAudience checks that the error says which audience was sent.
func TestDeniedAssertionNamesAudience(t *testing.T) {
	s := newServer(t)
	s.proof = func(*http.Request) bool { return false }
	key := map[string]any{"text": keyPEM(t, ecKey)}
	_, err := s.open(t, map[string]any{"client_secret": nil, "client_key": key}).
		Authenticate(t.Context(), core.Request{})
	require.ErrorContains(t, err, `another audience than "`+s.URL+`/token": set client_assertion.audience`)

	s.respond(400, "application/json", `{"error":"invalid_grant"}`)
	_, err = s.open(t, map[string]any{"grant": "jwt_bearer", "client_secret": nil, "client_auth": "none",
		"assertion": map[string]any{"key": key, "audience": "urn:x"}}).
		Authenticate(t.Context(), core.Request{})
	require.ErrorContains(t, err, `another audience than "urn:x": set assertion.audience`)
}

func TestPushedAuthorizationOff(t *testing.T) {
	s := newPeople(t)
	s.meta["pushed_authorization_request_endpoint"] = s.URL + "/par"
	s.override["/par"] = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 400, map[string]any{"error": "unauthorized_client"})
	}
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, newWindow().ui())
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorContains(t, err, "the pushed authorization request (RFC 9126): "+s.URL+"/par answers 400")
	require.ErrorContains(t, err, "set pushed_authorization: off")
	_, page, err := signIn(t, s.open(t, map[string]any{"pushed_authorization": "off"}))
	require.NoError(t, err)
	require.Contains(t, page, "You are signed in")
	require.Len(t, s.seen("/par"), 1)
}

func TestNoIDToken(t *testing.T) {
	s := newPeople(t)
	answer := func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, map[string]any{"access_token": "a"})
	}
	s.override["/token"] = answer
	_, _, err := signIn(t, s.open(t, nil))
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "issued no ID token")
	_, _, err = signIn(t, s.open(t, map[string]any{"scopes": []any{"read"}}))
	require.NoError(t, err, "it was not asked for")
}

// TestSpentTokenIsNotSentAgain checks that a refresh token that was replaced is never sent again.
func TestSpentTokenIsNotSentAgain(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another person": func(c map[string]any) { c["sub"] = "person-2" },
		"another client": func(c map[string]any) { c["aud"] = "other" },
		"ended":          func(c map[string]any) { c["exp"] = 1 },
		"another issuer": func(c map[string]any) { c["iss"] = "https://evil.example.com" },
		"other at_hash":  func(c map[string]any) { c["at_hash"] = "AAAA" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newPeople(t)
			p := s.open(t, nil)
			c, _, err := signIn(t, p)
			require.NoError(t, err)
			s.set(func() { s.claims = change })
			renew := core.Request{Reason: core.ReasonExpiring, Previous: c}
			_, err = p.Authenticate(t.Context(), renew)
			require.ErrorContains(t, err, "ID token")
			sent := len(s.seen("/token"))
			for range 3 {
				_, err = p.Authenticate(t.Context(), renew)
				require.ErrorIs(t, err, core.CodeInteractive)
				require.ErrorContains(t, err, "used up")
			}
			require.Len(t, s.seen("/token"), sent)
			s.set(func() { s.claims = nil })
			c, _, err = signIn(t, p)
			require.NoError(t, err)
			_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
			require.NoError(t, err)
		})
	}
}

func TestRedirectPorts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := func(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
	require.NoError(t, free.Close())
	s := newPeople(t)
	_, _, err = signIn(t, s.open(t, map[string]any{"redirect": map[string]any{
		"ports": []any{port(taken), port(free)}}}))
	require.NoError(t, err)
	require.Contains(t, s.seen("/authorize")[0].form.Get("redirect_uri"), ":"+strconv.Itoa(port(free)))
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	p := s.open(t, map[string]any{"redirect": map[string]any{"ports": []any{port(taken), port(other)}}})
	_, err = p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, newWindow().ui())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "none of redirect.ports is free")
}

func TestPeculiarSettings(t *testing.T) {
	for name, tt := range map[string]struct {
		settings string
		fault    string
	}{
		"header name": {`{"headers":{"X Key":"a"}}`, "headers.X Key: is not the name of a header"},
		"header twice": {`{"headers":{"X-Key":"hunter2","x-key":"b"}}`,
			"headers.x-key: is there twice, in other letters"},
		"header of ours": {`{"headers":{"authorization":"a"}}`, "headers.authorization: belongs to the request"},
		"header value":   {`{"headers":{"X-Key":"hunter2\n"}}`, "headers.X-Key: ends in a line break"},
		"grant_type":     {`{"grant_type":"a\nb"}`, "grant_type: has a control character"},
		"other grant": {
			`{"grant_type":"a","grant":"jwt_bearer","assertion":{"text":"a.b.c"}}`,
			"grant_type: is for the grant client_credentials",
		},
		"token_type":       {`{"token_type":"a b"}`, "token_type: is not the name"},
		"token_type DPoP":  {`{"token_type":"dpop"}`, "token_type: names a type that is not Bearer"},
		"token_path":       {`{"token_path":"a..b"}`, "token_path: is not a path"},
		"attribute":        {`{"token_attributes":{"a":".x"}}`, "token_attributes.a: is not a path"},
		"secret attribute": {`{"token_attributes":{"a":"u.refresh_token"}}`, "token_attributes.a: names a secret"},
		"base_url":         {`{"token_attributes":{"base_url":"x"}}`, "token_attributes.base_url: is not a name"},
		"ports":            {`{"redirect":{"ports":[0]}}`, "redirect.ports: number 1: want 1 to 65535"},
		"port and ports":   {`{"redirect":{"port":1,"ports":[2]}}`, "redirect.ports: give either"},
		"two assertions": {
			`{"client_secret":null,"client_assertion":{"file":"a","input":true}}`,
			"client_assertion: give either",
		},
		"secret and JWT": {
			`{"client_auth":"client_secret_post","client_assertion":{"file":"a"}}`,
			"client_assertion: a JWT is given",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var changes map[string]any
			require.NoError(t, json.Unmarshal([]byte(tt.settings), &changes))
			settings := map[string]any{"token_url": "https://login.example.com/token", "client_id": "app",
				"client_secret": "s3cret"}
			if _, ok := changes["grant"]; ok {
				changes["client_auth"], changes["client_secret"] = "none", nil
			}
			for name, value := range changes {
				if settings[name] = value; value == nil {
					delete(settings, name)
				}
			}
			_, err := oauth2.Factory.Open(t.Context(), "", settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, tt.fault)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// TestKeysAreMissedInRenewal checks that no answer for the keys loses a renewed refresh token.
func TestKeysAreMissedInRenewal(t *testing.T) {
	for _, status := range []int{200, 401, 403, 404, 410, 500, 503} {
		s := newPeople(t)
		p := s.open(t, nil)
		c, _, err := signIn(t, p)
		require.NoError(t, err)
		s.set(func() {
			s.override["/jwks"] = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte("<html>"))
			}
		})
		renewed, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
		require.NoError(t, err, status)
		require.Equal(t, c.Subject, renewed.Subject)
		require.False(t, c.RefreshState.Equal(renewed.RefreshState))
	}
}

// TestExchangeAtServerWithoutIt checks that the metadata is consulted before the tokens are blamed.
func TestExchangeAtServerWithoutIt(t *testing.T) {
	s := newServer(t)
	s.metadata["/.well-known/oauth-authorization-server"] = map[string]any{"issuer": s.URL,
		"token_endpoint": s.URL + "/token", "grant_types_supported": []any{"client_credentials"}}
	s.respond(400, "application/json", `{"error":"invalid_request"}`)
	_, err := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL, "grant": "token_exchange",
		"subject_token": "subject-canary"}).Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(
		t,
		err,
		"the server does not offer the grant token_exchange, but client_credentials",
	)
	require.NotContains(t, err.Error(), "may have ended")
}

// TestRefusalsOfEachGrant checks what an answer means for each grant that no person takes part in.
func TestRefusalsOfEachGrant(t *testing.T) {
	key := map[string]any{"text": keyPEM(t, ecKey)}
	for name, settings := range map[string]map[string]any{
		"client_credentials": {},
		"refresh_token":      {"refresh_token": "configured-one"},
		"jwt_bearer":         {"assertion": map[string]any{"key": key}},
		"token_exchange":     {"subject_token": "a-subject-token"},
	} {
		t.Run(name, func(t *testing.T) {
			settings["grant"] = name
			for body, want := range map[string]core.Code{
				`400 {"error":"invalid_grant"}`: core.CodeDenied, `400 `: core.CodeDenied,
				`401 {"message":"x"}`: core.CodeDenied, `403 {"error":"invalid_grant"}`: core.CodeDenied,
				`401 <html>`: core.CodeUnavailable, `400 <html>`: core.CodeUnavailable,
				`403 `: core.CodeUnavailable, `409 {}`: core.CodeUnavailable,
				`400 {"error":"server_error"}`: core.CodeUnavailable,
				`400 error=invalid_scope`:      core.CodeBadConfig, `404 <html>`: map[bool]core.Code{
					true: core.CodeUnavailable, false: core.CodeBadConfig}[name == "refresh_token"],
			} {
				s := newServer(t)
				status, _ := strconv.Atoi(body[:3])
				s.respond(status, "text/html", body[4:])
				_, err := s.open(t, settings).Authenticate(t.Context(), core.Request{})
				require.ErrorIs(t, err, want, body)
				require.ErrorContains(t, err, s.URL+"/token answers "+body[:3], body)
				require.ErrorContains(t, err, "client_auth client_secret_basic)", body)
				requireClean(t, err)
			}
		})
	}
}
