package oauth2

import (
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// refusal is an answer to a token request, and what a session makes of it.
type refusal struct {
	answer           answers
	program, persons core.Code // of a program's grant, and of one that a person takes part in
	texts            []string  // parts of the error
}

// Codes and media types of the tables.
const (
	denied      = core.CodeDenied
	interactive = core.CodeInteractive
	later       = core.CodeUnavailable
	badConfig   = core.CodeBadConfig

	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	htmlType = "text/html"
)

// What errors advise.
const (
	checkClient  = "; check client_id"
	checkGrant   = "check that the client may use this grant"
	checkScopes  = "; check scopes"
	checkAllowed = "check that the client may have the audience and the scopes"
	checkGateway = "a gateway or a proxy"
)

// inJSON is an answer in JSON.
func inJSON(status int, body string) answers { return answers{status, jsonType, body} }

// documentedRefusals are the refusals that authorization servers document, or that programs of
// others have recorded of them. The comments name the sources.
var documentedRefusals = map[string]map[string]refusal{
	"Hydra": { // recorded from Ory Hydra v2.3.0: TestHydraRefusals of test/acceptance
		"spent": {inJSON(400, `{"error":"invalid_grant","error_description":"The provided `+
			`authorization grant (e.g., authorization code, resource owner credentials) or refresh `+
			`token is invalid, expired, revoked, does not match the redirection URI used in the `+
			`authorization request, or was issued to another client. The refresh token has not been `+
			`found: not_found"}`), denied, interactive, []string{"has not been found: not_found)"}},
		"secret": {inJSON(401, `{"error":"invalid_client","error_description":"Client authentication `+
			`failed (e.g., unknown client, no client authentication included, or unsupported `+
			`authentication method)."}`), denied, denied, []string{"unknown client", checkClient}},
		"scope": {inJSON(400, `{"error":"invalid_scope","error_description":"The requested scope is `+
			`invalid, unknown, or malformed. The OAuth 2.0 Client is not allowed to request scope `+
			`'write'."}`), badConfig, badConfig, []string{"request scope 'write'", checkScopes}},
		"grant": {inJSON(400, `{"error":"unauthorized_client","error_description":"The client is not `+
			`authorized to request a token using this method. The OAuth 2.0 Client is not allowed to `+
			`use authorization grant 'client_credentials'."}`), denied, denied,
			[]string{"grant 'client_credentials'", checkGrant}},
	},
	"Keycloak": { // keycloak/keycloak, services/src/main/java/org/keycloak/…
		// protocol/oidc/TokenManager.java
		"spent": {inJSON(400, `{"error":"invalid_grant",`+
			`"error_description":"Maximum allowed refresh token reuse exceeded"}`),
			denied, interactive, []string{"reuse exceeded"}},
		// protocol/oidc/TokenManager.java
		"ended": {inJSON(400, `{"error":"invalid_grant","error_description":"Session not active"}`),
			denied, interactive, []string{"Session not active"}},
		// authentication/authenticators/client/ClientIdAndSecretAuthenticator.java
		"secret": {inJSON(401, `{"error":"unauthorized_client",`+
			`"error_description":"Invalid client or Invalid client credentials"}`), denied, denied,
			[]string{"Invalid client credentials", checkClient, checkGrant}},
		// authentication/AuthenticationProcessor.java
		"client": {inJSON(401, `{"error":"invalid_client",`+
			`"error_description":"Invalid client or Invalid client credentials"}`), denied, denied,
			[]string{checkClient}},
		// protocol/oidc/endpoints/TokenEndpoint.java
		"scope": {inJSON(400, `{"error":"invalid_scope","error_description":"Invalid scopes: write"}`),
			badConfig, badConfig, []string{"Invalid scopes: write", checkScopes}},
		// protocol/oidc/endpoints/TokenEndpoint.java
		"grant": {inJSON(401, `{"error":"unauthorized_client",`+
			`"error_description":"Client not enabled to retrieve service account"}`), denied, denied,
			[]string{"service account", checkGrant}},
	},
	"Entra": { // MicrosoftDocs/entra-docs, docs/identity-platform/…
		// learn.microsoft.com, "Authorize access … using the OAuth 2.0 code grant flow", the sample
		"ended": {inJSON(400, `{"error":"invalid_grant","error_description":"AADSTS70002: Error `+
			`validating credentials. AADSTS70008: The provided authorization code or refresh token is `+
			`expired. Send a new interactive authorization request for this user and resource.\r\nTrace `+
			`ID: 3939d04c-d7ba-42bf-9cb7-1e5854cdce9e\r\nTimestamp: 2016-04-11 18:00:12Z",`+
			`"error_codes":[70002,70008],"timestamp":"2016-04-11 18:00:12Z"}`), denied, interactive,
			[]string{"AADSTS70008: The provided authorization code or refresh token is expired."}},
		// reference-error-codes.md, AADSTS700082
		"unused": {inJSON(400, `{"error":"invalid_grant","error_description":"AADSTS700082: The `+
			`refresh token has expired due to inactivity. The token was issued on 2022-03-02T03:54:33Z `+
			`and was inactive for 90.00:00:00.","error_codes":[700082]}`), denied, interactive,
			[]string{"AADSTS700082", "inactive for 90.00:00:00"}},
		// reference-error-codes.md, AADSTS7000215
		"secret": {inJSON(401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid `+
			`client secret provided. Ensure the secret being sent in the request is the client secret `+
			`value, not the client secret ID, for a secret added to app 'app'.\r\nTrace ID: 0",`+
			`"error_codes":[7000215],"error_uri":"https://login.microsoftonline.com/error?code=7000215"}`),
			denied, denied, []string{"not the client secret ID", checkClient}},
		// reference-error-codes.md, AADSTS700016
		"client": {inJSON(400, `{"error":"unauthorized_client","error_description":"AADSTS700016: `+
			`Application with identifier 'app' was not found in the directory 'example'. This can happen `+
			`if the application has not been installed by the administrator of the tenant or consented `+
			`to by any user in the tenant. You may have sent your authentication request to the wrong `+
			`tenant.","error_codes":[700016]}`), denied, denied,
			[]string{"request to the wrong tenant", checkGrant, checkClient}},
		// the sample response of reference-error-codes.md
		"scope": {inJSON(400, `{"error":"invalid_scope","error_description":"AADSTS70011: The provided `+
			`value for the input parameter 'scope' isn't valid. The scope https://example.contoso.com/`+
			`activity.read isn't valid.\r\nTrace ID: 0000aaaa-11bb-cccc-dd33-eeeeee333333",`+
			`"error_codes":[70011],"error_uri":"https://login.microsoftonline.com/error?code=70011"}`),
			badConfig, badConfig, []string{"activity.read isn't valid.", checkScopes}},
		// reference-error-codes.md, the table of the values of "error", and AADSTS500011
		"resource": {inJSON(400, `{"error":"invalid_resource","error_description":"AADSTS500011: The `+
			`resource principal named api://other was not found in the tenant named example."}`),
			badConfig, badConfig, []string{"api://other", "; check audience and resource"}},
		// reference-error-codes.md, the table of the values of "error"
		"person": {inJSON(400, `{"error":"interaction_required","error_description":"AADSTS50076: Due `+
			`to a configuration change made by your administrator, you must use multi-factor `+
			`authentication.","suberror":"basic_action"}`), interactive, interactive,
			[]string{"AADSTS50076"}},
		"busy": {inJSON(400, `{"error":"temporarily_unavailable"}`), later, later,
			[]string{"temporarily_unavailable"}},
	},
	"Okta": {
		// okta/okta-react-native, issue 287
		"ended": {inJSON(400, `{"error":"invalid_grant",`+
			`"error_description":"The refresh token is invalid or expired."}`), denied, interactive,
			[]string{"invalid or expired."}},
		// support.okta.com, "Invalid_Client Error Returned When Requesting OAuth Token(s)"
		"secret": {inJSON(401, `{"error":"invalid_client","error_description":"The client secret `+
			`supplied for a confidential client is invalid."}`), denied, denied,
			[]string{"confidential client is invalid.", checkClient}},
		// the same page
		"client": {inJSON(401, `{"errorCode":"invalid_client",`+
			`"errorSummary":"Invalid value for 'client_id' parameter."}`), denied, denied,
			[]string{"invalid_client (Invalid value for 'client_id' parameter.)", checkClient}},
		// snowflakedb/snowflake-jdbc, wiremock mapping of the browser's sign-in
		"scope": {inJSON(400, `{"error":"invalid_scope","error_description":"One or more scopes are `+
			`not configured for the authorization server resource."}`), badConfig, badConfig,
			[]string{"are not configured", checkScopes}},
		// okta/okta-signin-widget, test of transformUnhandledErrors
		"grant": {inJSON(400, `{"error":"unauthorized_client","error_description":"The client is not `+
			`authorized to use the provided grant type. Configured grant types: [refresh_token, `+
			`implicit, authorization_code]."}`), denied, denied,
			[]string{"[refresh_token, implicit, authorization_code]", checkGrant}},
		// support.okta.com, "Tokens Not Issued with Lifetime Configured in Access Rule"
		"policy": {inJSON(400, `{"error":"access_denied","error_description":"Policy evaluation failed `+
			`for this request, please check the policy configurations."}`), denied, interactive,
			[]string{"the policy configurations.", checkAllowed}},
		// developer.okta.com, "Error codes", E0000047
		"busy": {inJSON(429, `{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due `+
			`to too many requests."}`), later, later, []string{"E0000047 (API call exceeded"}},
	},
	"Auth0": {
		// community.auth0.com, topic 120406 (by Auth0)
		"spent": {inJSON(403, `{"error":"invalid_grant",`+
			`"error_description":"Unknown or invalid refresh token."}`), denied, interactive,
			[]string{"Unknown or invalid refresh token."}},
		// auth0/node-auth0, issue 682; auth0/laravel-auth0, issue 42
		"secret": {inJSON(401, `{"error":"access_denied","error_description":"Unauthorized"}`),
			denied, denied, []string{"access_denied (Unauthorized)", checkClient, checkAllowed}},
		// auth0-extensions/auth0-extension-tools, test of getAccessToken
		"audience": {inJSON(403, `{"error":"access_denied","error_description":"Client is not `+
			`authorized to access \"https://api.example.com\". You might probably want to create a `+
			`\"client-grant\" associated to this API."}`), denied, interactive,
			[]string{"not authorized to access", checkAllowed}},
		// auth0/docs, "Application grant types", section Errors
		"grant": {inJSON(403, `{"error":"unauthorized_client",`+
			`"error_description":"Grant type 'client_credentials' not allowed for the client."}`),
			denied, denied, []string{"'client_credentials' not allowed", checkGrant}},
		// auth0.com/docs, Authentication API, rate limits and attack protection
		"busy": {inJSON(429, `{"error":"too_many_attempts","error_description":"Wait."}`), later, later,
			[]string{"too_many_attempts"}},
	},
	"Google": {
		// developers.google.com/identity/protocols/oauth2, "Refresh token expiration"
		"ended": {inJSON(400, `{"error":"invalid_grant",`+
			`"error_description":"Token has been expired or revoked."}`), denied, interactive,
			[]string{"expired or revoked."}},
		// support.google.com/a/answer/9368756
		"policy": {inJSON(400, `{"error":"invalid_grant","error_description":"reauth related error `+
			`(invalid_rapt)","error_uri":"https://support.google.com/a/answer/9368756",`+
			`"error_subtype":"invalid_rapt"}`), denied, interactive, []string{"(invalid_rapt)"}},
		// developers.google.com/identity/protocols/oauth2/web-server, "Errors"
		"secret": {inJSON(401, `{"error":"invalid_client",`+
			`"error_description":"The provided client secret is invalid."}`), denied, denied,
			[]string{"secret is invalid.", checkClient}},
		"client": {inJSON(401, `{"error":"invalid_client",`+
			`"error_description":"The OAuth client was not found."}`), denied, denied,
			[]string{"was not found.", checkClient}},
		"deleted": {inJSON(401, `{"error":"deleted_client",`+
			`"error_description":"The OAuth client was deleted."}`), denied, denied,
			[]string{"was deleted.", checkClient}},
		// developers.google.com/identity/protocols/oauth2/service-account, "JWT error codes"
		"disabled": {inJSON(401, `{"error":"disabled_client",`+
			`"error_description":"The OAuth client was disabled."}`), denied, denied,
			[]string{"was disabled.", checkClient}},
		"scope": {inJSON(400, `{"error":"invalid_scope",`+
			`"error_description":"Invalid OAuth scope or ID token audience provided."}`),
			badConfig, badConfig, []string{"Invalid OAuth scope", checkScopes}},
		"grant": {inJSON(401, `{"error":"unauthorized_client","error_description":"Client is `+
			`unauthorized to retrieve access tokens using this method, or client not authorized for any `+
			`of the scopes requested."}`), denied, denied, []string{"using this method", checkGrant}},
		// developers.google.com/identity/protocols/oauth2/limited-input-device, "Quota exceeded"
		"busy": {inJSON(403, `{"error_code":"rate_limit_exceeded"}`), later, later,
			[]string{"answers 403: rate_limit_exceeded"}},
		"broken": {inJSON(500, `{"error":"internal_failure"}`), later, later,
			[]string{"internal_failure"}},
	},
	"GitHub": { // github/docs, content/apps/…
		// golang.org/x/oauth2 clients and coder/coder record bad_refresh_token with status 200
		"ended": {inJSON(200, `{"error":"bad_refresh_token","error_description":"The refresh token `+
			`passed is incorrect or expired.","error_uri":"https://docs.github.com/apps"}`),
			denied, interactive, []string{"incorrect or expired."}},
		// oauth-apps/…/troubleshooting-oauth-app-access-token-request-errors.md
		"secret": {inJSON(200, `{"error":"incorrect_client_credentials","error_description":"The `+
			`client_id and/or client_secret passed are incorrect.","error_uri":"/apps/`+
			`managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/"}`),
			denied, denied, []string{"passed are incorrect.", checkClient}},
		"secret, as a form": {answers{200, formType, `error=incorrect_client_credentials&error_` +
			`description=The+client_id+and%2For+client_secret+passed+are+incorrect.`}, denied, denied,
			[]string{"passed are incorrect.", checkClient}},
		"code": {inJSON(200, `{"error":"bad_verification_code",`+
			`"error_description":"The code passed is incorrect or expired."}`), denied, interactive,
			[]string{"The code passed is incorrect or expired."}},
		"redirect": {inJSON(200, `{"error":"redirect_uri_mismatch","error_description":"The `+
			`redirect_uri MUST match the registered callback URL for this application."}`), badConfig,
			badConfig, []string{"registered callback URL", "; check redirect"}},
		"person": {inJSON(200, `{"error":"unverified_user_email",`+
			`"error_description":"The user must have a verified primary email."}`), denied, interactive,
			[]string{"verified primary email."}},
		// oauth-apps/building-oauth-apps/authorizing-oauth-apps.md, "Error codes for the device flow"
		"grant": {inJSON(200, `{"error":"unsupported_grant_type"}`), badConfig, badConfig,
			[]string{"; check grant"}},
		"device flow": {inJSON(200, `{"error":"device_flow_disabled"}`), badConfig, badConfig,
			[]string{"device_flow_disabled"}},
	},
	"Slack": { // docs.slack.dev/reference/methods/oauth.v2.access, "Errors"
		"ended": {inJSON(200, `{"ok":false,"error":"invalid_refresh_token"}`), denied, interactive,
			[]string{"invalid_refresh_token"}},
		"code": {inJSON(200, `{"ok":false,"error":"invalid_code"}`), denied, interactive,
			[]string{"invalid_code"}},
		"secret": {inJSON(200, `{"ok":false,"error":"bad_client_secret"}`), denied, denied,
			[]string{"bad_client_secret", checkClient}},
		"client": {inJSON(200, `{"ok":false,"error":"invalid_client_id"}`), denied, denied,
			[]string{"invalid_client_id", checkClient}},
		"grant": {inJSON(200, `{"ok":false,"error":"invalid_grant_type"}`), badConfig, badConfig,
			[]string{"invalid_grant_type", "; check grant"}},
		"scope": {inJSON(200, `{"ok":false,"error":"no_scopes"}`), badConfig, badConfig,
			[]string{"no_scopes", checkScopes}},
		"redirect": {inJSON(200, `{"ok":false,"error":"bad_redirect_uri"}`), badConfig, badConfig,
			[]string{"bad_redirect_uri", "; check redirect"}},
		"busy": {inJSON(200, `{"ok":false,"error":"ratelimited"}`), later, later,
			[]string{"ratelimited"}},
		"broken": {inJSON(200, `{"ok":false,"error":"internal_error"}`), later, later,
			[]string{"internal_error"}},
		"down": {inJSON(200, `{"ok":false,"error":"service_unavailable"}`), later, later,
			[]string{"service_unavailable"}},
	},
	"Twitch": {
		// dev.twitch.tv/docs/authentication/refresh-tokens
		"ended": {inJSON(400, `{"error":"Bad Request","status":400,"message":"Invalid refresh token"}`),
			denied, interactive, []string{"Bad Request (Invalid refresh token)"}},
		// nicklaw5/helix, authentication_test.go, TestRefreshUserAccessToken
		"secret": {inJSON(403, `{"status":403,"message":"invalid client secret"}`), denied, denied,
			[]string{"answers 403: invalid client secret", checkClient}},
		"client": {inJSON(400, `{"status":400,"message":"invalid client"}`), denied, denied,
			[]string{"answers 400: invalid client", checkClient}},
		"scope": {inJSON(400, `{"status":400,"message":"invalid scope requested: 'invalid:scope'"}`),
			badConfig, badConfig, []string{"requested: 'invalid:scope'", checkScopes}},
	},
	"others": {
		"empty 400":  {answers{400, "", ``}, denied, interactive, []string{"answers 400"}},
		"empty 401":  {answers{401, "", ``}, denied, interactive, []string{"answers 401"}},
		"other JSON": {inJSON(400, `{"code":7}`), denied, interactive, []string{"answers 400"}},
		"page 400":   {answers{400, htmlType, `<html>`}, later, later, []string{checkGateway}},
		"page 401":   {answers{401, htmlType, `<html>`}, later, later, []string{checkGateway}},
		"page 403":   {answers{403, htmlType, `<html>`}, later, later, []string{checkGateway}},
		"page 404":   {answers{404, htmlType, `<html>`}, later, later, []string{checkGateway}},
		"empty 403":  {answers{403, "", ``}, later, later, []string{checkGateway}},
		"framework 403": {inJSON(403, `{"status":403,"error":"Forbidden"}`), later, later,
			[]string{"Forbidden", checkGateway}},
		"gateway 403": {inJSON(403, `{"message":"Access denied"}`), later, later,
			[]string{"Access denied", checkGateway}},
		"gateway 400": {inJSON(400, `{"message":"Invalid request body"}`), denied, interactive,
			[]string{"Invalid request body"}},
		"413":      {answers{413, "text/plain", `too large`}, later, later, []string{"answers 413"}},
		"451 JSON": {inJSON(451, `{"message":"blocked"}`), later, later, []string{"blocked"}},
		"half an object": {inJSON(400, `{"error":"temporarily_una`), later, later,
			[]string{"answers 400"}},
	},
}

// TestDocumentedRefusals has the refusals of a refresh token, of a client, of scopes and of grants
// that servers document.
func TestDocumentedRefusals(t *testing.T) {
	for server, refusals := range documentedRefusals {
		require.GreaterOrEqual(t, len(refusals), 4, server)
		for name, tt := range refusals {
			t.Run(server+", "+name, func(t *testing.T) {
				for grantName, want := range map[string]core.Code{
					ClientCredentials: tt.program, AuthorizationCode: tt.persons, DeviceCode: tt.persons,
					RefreshToken: tt.program,
				} {
					err := renewed(t, grantName, tt.answer)
					require.Equal(t, want, core.CodeOf(err), "%s: %v", grantName, err)
					require.ErrorContains(t, err, "https://login.example.com/token")
					require.ErrorContains(t, err, ", client_auth none)")
					for _, text := range tt.texts {
						require.ErrorContains(t, err, text, grantName)
					}
				}
			})
		}
	}
}

// TestErrorThatIsAnObject has an answer whose error is in no words: it refuses no refresh token.
func TestErrorThatIsAnObject(t *testing.T) {
	for _, grantName := range []string{AuthorizationCode, DeviceCode, RefreshToken} {
		err := renewed(t, grantName, inJSON(200, `{"error":{"message":"x"}}`))
		require.Equal(t, core.CodeUnavailable, core.CodeOf(err), "%s: %v", grantName, err)
		require.ErrorContains(t, err, "is an error")
	}
}
