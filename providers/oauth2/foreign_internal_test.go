package oauth2

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// TestLoopbackEndpoints checks that an issuer elsewhere cannot have secrets sent to this machine.
func TestLoopbackEndpoints(t *testing.T) {
	const far = "https://login.example.com"
	for _, endpoint := range []string{"http://127.0.0.1:8080/token", "https://127.0.0.1/token",
		"http://localhost/token", "http://[::1]:1/token", "http://app.localhost/token",
		"http://127.8.8.8/token"} {
		doc := func(issuer string) []byte {
			text, err := json.Marshal(map[string]any{"issuer": issuer, "token_endpoint": far + "/token",
				"revocation_endpoint": endpoint, "mtls_endpoint_aliases": map[string]any{"token_endpoint": endpoint},
				"device_authorization_endpoint": endpoint, "jwks_uri": endpoint})
			require.NoError(t, err)
			return text
		}
		cfg := &Config{Issuer: far}
		m, err := parseMetadata(doc(far), cfg)
		require.NoError(t, err, endpoint)
		require.Empty(t, m.RevocationEndpoint, endpoint)
		require.Empty(t, m.Aliases.TokenEndpoint, endpoint)
		conn := &connection{cfg: cfg, meta: m}
		require.ErrorIs(t, conn.checkEndpoint("jwks", m.JWKSURI), core.CodeBadConfig, endpoint)
		require.ErrorIs(t, conn.checkEndpoint("device_authorization", m.DeviceEndpoint), core.CodeBadConfig)

		_, err = parseMetadata(fmt.Appendf(nil, `{"issuer":%q,"token_endpoint":%q}`, far, endpoint), cfg)
		require.ErrorIs(t, err, core.CodeBadConfig, endpoint)
		if !strings.Contains(endpoint, "app.") {
			require.ErrorContains(t, err, "is on the loopback interface and the issuer is not", endpoint)
		}

		conn.cfg = &Config{Issuer: far, JWKSURL: endpoint, AllowHTTP: true}
		require.NoError(t, conn.checkEndpoint("jwks", endpoint), "the settings may name it")
		near := "http://127.0.0.1:9"
		_, err = parseMetadata(fmt.Appendf(nil, `{"issuer":%q,"token_endpoint":%q}`, near,
			"http://127.0.0.1:8080/token"), &Config{Issuer: near})
		require.NoError(t, err, "a loopback issuer may")
	}
}

// TestPendingInOtherForms checks that refusals are read as successes are.
func TestPendingInOtherForms(t *testing.T) {
	for name, pending := range map[string]string{
		"mark": "\ufeff" + `{"error":"authorization_pending"}`, "form": "error=authorization_pending",
		"mark and form": "\ufefferror=authorization_pending&error_description=wait+for+it\r\n",
		"odd member":    `{"error":"authorization_pending","error_description":["x"]}`,
		"space":         "\n  {\"error\":\"authorization_pending\"}\n",
		"a page":        "<html>a gateway</html>",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := time.Now()
				transport := &polls{began: now, answers: []string{pending, pending, `{"access_token":"a"}`}}
				client := &grant.Client{TokenURL: "https://login.example.com/token", ID: "app",
					HTTP: &http.Client{Transport: transport}}
				d := deviceAuthorization{code: core.NewSecret("code"), interval: time.Second,
					visit: core.DevicePrompt{ExpiresAt: now.Add(time.Minute)}}
				token, err := pollToken(t.Context(), client, d)
				require.NoError(t, err)
				require.Equal(t, "a", token.Access.Reveal())
			})
		})
	}
}

// TestForeignKeys checks that a member of a JWK that nobody needs cannot lose the key.
func TestForeignKeys(t *testing.T) {
	const key = `"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"`
	for name, tt := range map[string]struct {
		body string
		keys int
	}{
		"x5c with an empty text": {`{"keys":[{` + key + `,"x5c":[""]}]}`, 1},
		"x5c is a string":        {`{"keys":[{` + key + `,"x5c":"AAAA"}]}`, 1},
		"x5t is wrong":           {`{"keys":[{` + key + `,"x5t":"???","x5t#S256":7}]}`, 1},
		"x5u is no URL":          {`{"keys":[{` + key + `,"x5u":"::"}]}`, 1},
		"kid is a number":        {`{"keys":[{` + key + `,"kid":5}]}`, 1},
		"alg is a list":          {`{"keys":[{` + key + `,"alg":["EdDSA"]}]}`, 1},
		"key_ops is a string":    {`{"keys":[{` + key + `,"key_ops":"verify"}]}`, 1},
		"n of another type":      {`{"keys":[{` + key + `,"n":5}]}`, 1},
		"a bad one first":        {`{"keys":[5,null,"x",{"kty":"RSA"},{` + key + `}]}`, 1},
		"other members":          {`{"keys":[{` + key + `}],"next":{"a":1e999}}`, 1},
		"a mark":                 {"\ufeff" + `{"keys":[{` + key + `}]}`, 1},
		"for encryption":         {`{"keys":[{` + key + `,"use":"enc"}]}`, 0},
		"a private one":          {`{"keys":[{` + key + `,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`, 1},
	} {
		keys, err := parseKeys([]byte(tt.body))
		require.Len(t, keys, tt.keys, "%s: %v", name, err)
	}
}

// mutate returns text with one to four random changes.
func mutate(r *rand.Rand, text string) string {
	pieces := []string{"null", "[]", "{}", "7", `""`, "1e999", "true", `"\u0000"`, "\ufeff", "<html>", `\`,
		`"`, ",", "}", "{", "[", "\x00", "\xff", " ", "error", strings.Repeat("[", 2000), `{"a":`}
	for range 1 + r.IntN(4) {
		if text == "" {
			return pieces[r.IntN(len(pieces))]
		}
		at := r.IntN(len(text))
		end := min(len(text), at+1+r.IntN(12))
		switch piece := pieces[r.IntN(len(pieces))]; r.IntN(5) {
		case 0:
			text = text[:at] + piece + text[at:]
		case 1:
			text = text[:at] + text[end:]
		case 2:
			text = text[:at] + piece + text[end:]
		case 3:
			text = text[:at]
		default: // a value
			if colon := strings.IndexByte(text[at:], ':'); colon >= 0 {
				at += colon + 1
				end := at + strings.IndexAny(text[at:]+",", ",}")
				text = text[:at] + piece + text[min(len(text), end):]
			}
		}
	}
	return text
}

// TestMutations sends 1,000 damaged documents of each kind. None makes the provider panic, take
// long, show a secret, or ask a person to sign in without a refusal that says so.
func TestMutations(t *testing.T) {
	const canary = "kq7zcanaryz1"
	refuses := func(body string) bool { // what a person may read as a refusal
		return strings.Contains(body, "error") || strings.TrimSpace(strings.Trim(body, "\ufeff")) == "" ||
			json.Valid([]byte(body))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	require.NoError(t, err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	require.NoError(t, err)
	check := func(kind, body string, call func() error) {
		began := time.Now()
		var err error
		require.NotPanics(t, func() { err = call() }, "%s %q", kind, body)
		require.Less(t, time.Since(began), 20*time.Second, "%s %q", kind, body)
		if err == nil {
			return
		}
		require.NotZero(t, core.CodeOf(err), "%s %q", kind, body)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), canary, "%s %q", kind, body)
		require.Less(t, len(err.Error()), 2000, "%s %q", kind, body)
		if kind != "refusal" || !refuses(body) {
			require.NotErrorIs(t, err, core.CodeInteractive, "%s %q", kind, body)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	cfg := &Config{Grant: AuthorizationCode, Issuer: "https://login.example.com", ClientID: "app",
		ClientSecret: core.NewSecret(canary)}
	metadataText := `{"issuer":"https://login.example.com","token_endpoint":"https://login.example.com/t",` +
		`"jwks_uri":"https://login.example.com/k","grant_types_supported":["a"],"x":"` + canary + `"}`
	tokenText := `{"access_token":"` + canary + `","token_type":"Bearer","expires_in":60,"scope":"a b",` +
		`"refresh_token":"` + canary + `2","id_token":"a.b.c"}`
	refusalText := `{"error":"invalid_grant","error_description":"the token ` + canary + ` has ended"}`
	claimsText := `{"iss":"https://login.example.com","aud":["app"],"sub":"` + canary + `","exp":99999999999,"nbf":1}`
	jwk, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: canary}}})
	require.NoError(t, err)
	exchange := func(status int, body string) error {
		conn := &connection{cfg: cfg, meta: &metadata{}, client: &grant.Client{ID: "app",
			TokenURL: "https://login.example.com/t", Auth: grant.Post(cfg.ClientSecret),
			HTTP: &http.Client{Transport: answers{status, "application/json", body}}}}
		_, err := renewSignIn(t.Context(), conn, core.NewSecret(canary), nil)
		return err
	}
	for range 1000 {
		body := mutate(r, tokenText)
		check("token", body, func() error {
			err := exchange(200, body)
			if strings.Contains(body, `"error"`) {
				return nil // it became a refusal
			}
			return err
		})
		body = mutate(r, refusalText)
		status := []int{200, 400, 401, 403, 404, 429, 500, 503}[r.IntN(8)]
		check("refusal", body, func() error { return exchange(status, body) })
		body = mutate(r, metadataText)
		check("metadata", body, func() error { _, err := parseMetadata([]byte(body), cfg); return err })
		body = mutate(r, string(jwk))
		check("keys", body, func() error { _, err := parseKeys([]byte(body)); return err })
		body = mutate(r, claimsText)
		check("claims", body, func() error {
			jws, err := signer.Sign([]byte(body))
			require.NoError(t, err)
			text, err := jws.CompactSerialize()
			require.NoError(t, err)
			keys, err := parseKeys(jwk)
			require.NoError(t, err)
			_, err = checkIDToken(t.Context(), keys, text, expectation{issuer: cfg.Issuer, clientID: "app",
				secrets: cfg.secrets()})
			return err
		})
		body = mutate(
			r,
			`{"device_code":"`+canary+`","user_code":"WDJB","verification_uri":"https://e.example","expires_in":60}`,
		)
		check("device", body, func() error {
			client := &grant.Client{ID: "app", HTTP: &http.Client{Transport: answers{200, "", body}}}
			fields, err := client.Post(t.Context(), "https://login.example.com/d", url.Values{})
			if err == nil {
				_, err = parseDeviceAnswer(fields, time.Now())
			}
			if grant.ErrorCode(err, "expired_token") {
				return nil
			}
			return err
		})
	}
}
