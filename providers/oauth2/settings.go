// The settings: the types that a configuration fills and that a program writes as literals. Struct
// tags are longer than other lines, as Go cannot divide them.
//
// Read on in address.go.

package oauth2

import (
	"cmp"
	"crypto"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// The values of [Config.Grant].
const (
	ClientCredentials = "client_credentials" // RFC 6749 §4.4
	RefreshToken      = "refresh_token"      // RFC 6749 §6
	JWTBearer         = "jwt_bearer"         // RFC 7523 §2.1: a signed assertion
	TokenExchange     = "token_exchange"     // RFC 8693: another party's token
	AuthorizationCode = "authorization_code" // RFC 6749 §4.1: sign-in in this machine's browser
	DeviceCode        = "device_code"        // RFC 8628: sign-in on any device
)

// The values of [Config.ClientAuth], as servers name them in their metadata
// (token_endpoint_auth_methods_supported).
const (
	SecretBasic   = "client_secret_basic"         // RFC 6749 §2.3.1
	SecretPost    = "client_secret_post"          // RFC 6749 §2.3.1
	SecretJWT     = "client_secret_jwt"           // RFC 7523 §2.2, signed with the secret
	PrivateKeyJWT = "private_key_jwt"             // RFC 7523 §2.2, signed with a private key
	TLSClient     = "tls_client_auth"             // RFC 8705 §2.1
	SelfSignedTLS = "self_signed_tls_client_auth" // RFC 8705 §2.2
	NoClientAuth  = "none"                        // a public client
)

// Config is the settings. ClientID and one of Issuer and TokenURL are required; the zero value of
// every other field is a default. docs/providers/oauth2.md explains them.
type Config struct {
	Grant         string                 `json:"grant" default:"client_credentials" enum:"client_credentials,authorization_code,device_code,refresh_token,jwt_bearer,token_exchange" identity:"true" doc:"How tokens are obtained."`
	Issuer        string                 `json:"issuer" identity:"true" doc:"The authorization server, as https://login.example.com; its endpoints are discovered (RFC 8414, OpenID Connect)."`
	TokenURL      string                 `json:"token_url" identity:"true" doc:"The token endpoint, in place of issuer, or of the one that the issuer names."`
	RevocationURL string                 `json:"revocation_url" doc:"Where tokens are revoked when the session is closed (RFC 7009). Default: what the issuer names, if it does."`
	Scopes        []string               `json:"scopes" identity:"true" doc:"The scopes to ask for. Default: what the server gives."`
	Audience      string                 `json:"audience" identity:"true" doc:"The parameter audience, which some servers require."`
	Resource      []string               `json:"resource" identity:"true" doc:"The APIs that the token is for, as absolute URIs (RFC 8707)."`
	Params        map[string]core.Secret `json:"params" doc:"Further parameters of the token request. They cannot replace those of the grant."`
	RefreshToken  core.Secret            `json:"refresh_token" doc:"The refresh token to begin with. Needed by, and only for, the grant refresh_token."`
	BaseURL       string                 `json:"base_url" identity:"true" doc:"The address of the API, for its client (attribute base_url). The token is then sent to its origin only."`
	RefreshScopes bool                   `json:"refresh_scopes" doc:"Sends scopes with the refresh token, too, as some servers require. Otherwise they are sent after a refusal with invalid_scope."`
	AllowHTTP     bool                   `json:"allow_http" doc:"Allows an authorization server over plain HTTP that is not on the loopback."`

	// For servers that differ from RFC 6749.

	GrantType       string                 `json:"grant_type" identity:"true" doc:"The parameter grant_type that the grant client_credentials sends, for a grant of the server's own; params has its further parameters."`
	Headers         map[string]core.Secret `json:"headers" doc:"Further headers of the requests to the authorization server. They cannot replace Authorization, Content-Type, Accept and DPoP."`
	TokenType       string                 `json:"token_type" doc:"What the server calls bearer tokens (token_type), if not Bearer."`
	TokenPath       string                 `json:"token_path" default:"access_token" identity:"true" doc:"Where the answer has the token: names of members, joined by dots, as authed_user.access_token. With id_token the ID token is sent to the API."`
	TokenAttributes map[string]string      `json:"token_attributes" doc:"Members of the answer that become attributes of the session: the attribute's name, and the path of the member, as in token_path."`

	// Which client asks, and how it authenticates, at every endpoint of the authorization server.

	ClientID string `json:"client_id" required:"true" identity:"true" doc:"The client's id at the server."`

	ClientSecret core.Secret `json:"client_secret" doc:"Its secret."`

	ClientAuth string `json:"client_auth" enum:"client_secret_basic,client_secret_post,client_secret_jwt,private_key_jwt,tls_client_auth,self_signed_tls_client_auth,none" doc:"How the client authenticates. Default: by the key, secret or certificate that is given, or none."`

	ClientKey PrivateKey `json:"client_key" doc:"Its private key, for private_key_jwt."`

	ClientAssertion Assertion `json:"client_assertion" doc:"The JWT of private_key_jwt and client_secret_jwt."`

	TLS Certificates `json:"tls" doc:"Certificates for requests to the server."`

	CertificateBound bool `json:"certificate_bound" identity:"true" doc:"The certificate in tls binds tokens (RFC 8705 §3)."`

	// Signer is the private key, in place of a file or text in ClientKey; ClientKey.ID and
	// ClientKey.Algorithm apply to it. The key may be held elsewhere, for example by a KMS: Signer is
	// called for each token request, and the provider sets no time limit for it. Nil means
	// ClientKey. A configuration cannot name a Signer.
	Signer crypto.Signer `json:"-"`

	// What the grants jwt_bearer (RFC 7523 §2.1) and token_exchange (RFC 8693) exchange.

	Assertion BearerAssertion `json:"assertion" doc:"The JWT for jwt_bearer, given or made for each request."`

	SubjectToken core.Secret `json:"subject_token" doc:"The token to exchange. Default: that of the input subject_token."`

	SubjectTokenFile string `json:"subject_token_file" identity:"true" doc:"A file with it, read again each time."`

	SubjectTokenType string `json:"subject_token_type" default:"access_token" doc:"Its type, as jwt, saml2, or a URI."`

	ActorToken core.Secret `json:"actor_token" doc:"The acting party's token. Default: the input actor_token, if any."`

	ActorTokenFile string `json:"actor_token_file" identity:"true" doc:"A file with it, read again each time."`

	ActorTokenType string `json:"actor_token_type" default:"access_token" doc:"Its type, as subject_token_type."`

	RequestedTokenType string `json:"requested_token_type" identity:"true" doc:"The type to ask for, if any."`

	// Tokens that are bound to a key of the session (RFC 9449).

	DPoP bool `json:"dpop" identity:"true" doc:"Bind tokens to a key of the session (DPoP, RFC 9449)."`

	DPoPAlgorithm string `json:"dpop_algorithm" default:"ES256" enum:"ES256,EdDSA,RS256,PS256" doc:"Its algorithm."`

	// The grants that a person takes part in.

	AuthorizationURL       string            `json:"authorization_url" doc:"Where the person signs in, for authorization_code without issuer (RFC 6749 §3.1)."`
	DeviceAuthorizationURL string            `json:"device_authorization_url" doc:"Where codes for another device are issued, for device_code without issuer (RFC 8628 §3.1)."`
	PushedAuthorizationURL string            `json:"pushed_authorization_url" doc:"Where the authorization request is sent first (RFC 9126). Default: what the issuer names, if it does."`
	PushedAuthorization    string            `json:"pushed_authorization" default:"auto" enum:"auto,off" doc:"off: the authorization request is not sent to the server first (RFC 9126), although it offers that."`
	JWKSURL                string            `json:"jwks_url" doc:"The keys that ID tokens are signed with. Default: what the issuer names."`
	SignIn                 string            `json:"sign_in" enum:"browser,device" doc:"How a person signs in, if not in the way of the grant: browser as authorization_code, device as device_code. What is stored stays valid."`
	Redirect               Redirect          `json:"redirect" doc:"The address on this machine that the browser is sent back to (RFC 8252 §7.3). It must be registered at the server."`
	AuthorizationParams    map[string]string `json:"authorization_params" identity:"true" doc:"Further parameters of the person's request, such as prompt or login_hint."`
}

// secrets returns the texts of the settings that no error may repeat, whatever the server answers.
func (c *Config) secrets() []core.Secret {
	list := []core.Secret{c.ClientSecret, c.RefreshToken, c.Assertion.Text, c.SubjectToken,
		c.ActorToken}
	for _, values := range []map[string]core.Secret{c.Params, c.Headers} {
		for _, value := range values {
			list = append(list, value)
		}
	}
	return list
}

// printable joins names that a server published, for an error.
func (c *Config) printable(names []string) string {
	return cmp.Or(core.Printable(strings.Join(names, ", "), 300, c.secrets()...), "others")
}

// quoted returns a text of the settings or of the metadata, for an error.
func (c *Config) quoted(s string) string {
	return `"` + core.Printable(s, 200, c.secrets()...) + `"`
}

// Certificates names the certificates for requests to the authorization server: the client's own
// with its key, as PEM or as PKCS #12, and the roots that verify the server. The zero value is no
// client certificate and the system's roots.
type Certificates struct {
	CertFile string `json:"cert_file" doc:"PEM file with the certificate, its issuers and perhaps the key."`

	Cert core.Secret `json:"cert" doc:"The same as text, in place of cert_file."`

	KeyFile string `json:"key_file" doc:"PEM file with the key. Default: cert_file."`

	Key core.Secret `json:"key" doc:"The same as text, in place of key_file."`

	KeyPassword core.Secret `json:"key_password" doc:"The password of an encrypted key in PEM."`

	CAFile string `json:"ca_file" doc:"PEM file with the roots for the server. Default: the system's."`

	CA core.Secret `json:"ca" doc:"The same as text, in place of ca_file."`

	P12File string `json:"p12_file" doc:"PKCS #12 file (.p12, .pfx), in place of cert and key."`

	P12         core.Secret `json:"p12" doc:"The same in base64, in place of p12_file."`
	P12Password core.Secret `json:"p12_password" doc:"The password of the PKCS #12. Default: empty."`

	Renegotiation string `json:"renegotiation" enum:"never,once,freely" doc:"Whether the server may ask for it (TLS 1.2). Default: never."`
}

// PrivateKey names a private key and how it signs. The zero value is no key.
type PrivateKey struct {
	File string `json:"file" doc:"The key: PEM, JWK, JWK Set or PKCS #12. Read again each time."`

	Text     core.Secret `json:"text" doc:"The same as text, PKCS #12 in base64, in place of file."`
	Password core.Secret `json:"password" doc:"The password of the PKCS #12, or of the encrypted PEM key."`

	ID string `json:"id" doc:"The key's id (kid), also in a JWK Set. Default: the kid of the JWK, or none."`

	Algorithm string `json:"algorithm" enum:"RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA" doc:"Default: the JWK's alg, or what fits the key."`
}

// Assertion is what the client states about itself in a JWT (RFC 7523 §3).
type Assertion struct {
	File      string        `json:"file" doc:"A file with the JWT, which another process renews, read again each time; in place of client_key."`
	Input     bool          `json:"input" doc:"The JWT is the token of the session that inputs names as client_assertion, in place of client_key."`
	Audience  string        `json:"audience" doc:"The audience. Default: the issuer, or the token endpoint if there is no issuer."`
	Lifetime  time.Duration `json:"lifetime" default:"1m" doc:"Its lifetime, at most 1h."`
	Algorithm string        `json:"algorithm" enum:"HS256,HS384,HS512" doc:"How client_secret_jwt signs. Default: HS256. That of a key is client_key.algorithm."`
}

// BearerAssertion is the JWT that the grant jwt_bearer exchanges (RFC 7523 §3): one from File or
// Text, or one that the provider makes and signs for each request.
type BearerAssertion struct {
	File string      `json:"file" identity:"true" doc:"A file with the JWT, read each time."`
	Text core.Secret `json:"text" doc:"The JWT itself."`

	Issuer string `json:"issuer" identity:"true" doc:"The issuer (iss) to claim. Default: client_id."`

	Subject string `json:"subject" identity:"true" doc:"The subject (sub) to claim. Default: the issuer."`

	Audience string `json:"audience" identity:"true" doc:"The audience (aud). Default: the issuer or token endpoint."`

	Lifetime time.Duration  `json:"lifetime" default:"1m" doc:"Its lifetime, at most 1h."`
	Claims   map[string]any `json:"claims" identity:"true" doc:"Further claims."`
	Key      PrivateKey     `json:"key" doc:"What signs it, as client_key. Default: client_key."`
}

// Redirect is the address that the browser is sent back to: on the loopback interface, unless
// Listen or URL says otherwise.
type Redirect struct {
	Port   int    `json:"port" doc:"0: any free port, or the first free one of ports."`
	Ports  []int  `json:"ports" doc:"Ports to try one after the other, if several are registered at the server. In place of port."`
	Path   string `json:"path" doc:"The path, exactly as it is registered at the server. Default: that of url, or /."`
	Host   string `json:"host" default:"127.0.0.1" enum:"127.0.0.1,localhost,::1" doc:"The host, as it is registered at the server."`
	Listen string `json:"listen" doc:"The IP address to listen on, as 0.0.0.0 within a container whose port is published. Other machines may then reach the port. Default: that of host."`
	URL    string `json:"url" doc:"The redirect URI, if it is another address than that of host, port and path, as that of a proxy in front of port. Without port and ports nothing listens, and the person types the code that the page shows."`
}
