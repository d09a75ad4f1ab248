package core

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseChallenges(t *testing.T) {
	type params = []challengeParam
	for _, tc := range []struct {
		name, text string
		want       []challenge
	}{
		{"nothing", "", nil},
		{"commas", " , ,,\t", nil},
		{"a scheme", "Negotiate", []challenge{{scheme: "Negotiate"}}},
		{"token68", "NTLM TlRM/+==", []challenge{{scheme: "NTLM", token: "TlRM/+=="}}},
		{
			"the example of RFC 9110",
			`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`,
			[]challenge{
				{scheme: "Basic", params: params{{"realm", "simple"}}},
				{
					scheme: "Newauth",
					params: params{{"realm", "apps"}, {"type", "1"}, {"title", `Login to "apps"`}},
				},
			},
		},
		{
			"a challenge in a quoted string", `Basic realm="x, Bearer error=\"invalid_token\""`,
			[]challenge{{scheme: "Basic", params: params{{"realm", `x, Bearer error="invalid_token"`}}}},
		},
		{
			"space around the equals sign", `Bearer error = "a" , scope= b`,
			[]challenge{{scheme: "Bearer", params: params{{"error", "a"}, {"scope", "b"}}}},
		},
		{
			"two schemes, the first without parameters", `Negotiate, Bearer error=x`,
			[]challenge{{scheme: "Negotiate"}, {scheme: "Bearer", params: params{{"error", "x"}}}},
		},
		{
			"token68 and another", `Negotiate abc=, Bearer error="x"`,
			[]challenge{
				{scheme: "Negotiate", token: "abc="},
				{scheme: "Bearer", params: params{{"error", "x"}}},
			},
		},
		{
			"commas that are missing", `Bearer realm="a" error="b" Basic realm=c`,
			[]challenge{
				{scheme: "Bearer", params: params{{"realm", "a"}, {"error", "b"}}},
				{scheme: "Basic", params: params{{"realm", "c"}}},
			},
		},
		{
			"a quoted string without an end", `Bearer error="invalid_token`,
			[]challenge{{scheme: "Bearer", params: params{{"error", "invalid_token"}}}},
		},
		{"a parameter without a scheme", `error="x", Bearer`, []challenge{{scheme: "Bearer"}}},
		{
			"what does not follow the grammar", `Bearer a=b, error=, "x", @@, realm=y`,
			[]challenge{{scheme: "Bearer", params: params{{"a", "b"}, {"realm", "y"}}}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, parseChallenges(tc.text)) })
	}
	for _, part := range []string{"a ", "a=", `"`, `\`, "a,", "a b====x ", "//// ", `a="\`} {
		long := strings.Repeat(part, (1<<18)/len(part))
		start := time.Now()
		parseChallenges(long)
		require.Less(t, time.Since(start), 10*time.Second, "%q: not linear", part)
	}
}

// Of each row, the first answer is for the credential's scheme Bearer, the
// second for a credential without a scheme.
func TestJudge(t *testing.T) {
	var (
		stays   = apiAnswer{}
		refused = apiAnswer{refused: true}
		invalid = apiAnswer{refused: true, invalid: true}
	)
	for _, tc := range []struct {
		status    int
		challenge string
		bearer    apiAnswer
		none      apiAnswer
	}{
		{200, `Bearer error="invalid_token"`, stays, stays},
		{302, `Bearer error="invalid_token"`, stays, stays},
		{401, ``, refused, refused},
		{401, `Bearer`, refused, refused},
		{401, `Basic realm="x"`, refused, refused},
		{401, `Bearer error="invalid_token"`, invalid, invalid},
		{401, `bearer Error=invalid_token`, invalid, invalid},
		{401, `Bearer error="invalid_request"`, refused, refused},
		{401, `Bearer realm="invalid_token"`, refused, refused},
		{401, `Bearer error="insufficient_scope", scope="a"`, stays, refused},
		{401, `Bearer realm="https://t/token",service="r",scope="a",error="insufficient_scope"`, refused, refused},
		{401, `Bearer realm="r", scope="a", error="insufficient_scope"`, stays, refused},
		{403, `Bearer realm="https://t/token",service="r",scope="a",error="insufficient_scope"`, stays, stays},
		{401, `BEARER error="insufficient_user_authentication"`, stays, refused},
		{401, `Bearer error="insufficient_claims"`, stays, refused},
		{401, `Basic realm="x", Bearer error="insufficient_scope"`, stays, refused},
		{401, `DPoP error="insufficient_scope"`, refused, refused},
		{401, `Bearer error="insufficient_scope", Bearer error="invalid_token"`, invalid, invalid},
		{401, `DPoP error="use_dpop_nonce"`, stays, stays},
		{401, `DPoP error="invalid_dpop_proof"`, stays, stays},
		{401, `DPoP error="invalid_token"`, refused, refused},
		{400, `Bearer error="invalid_token"`, invalid, invalid},
		{400, `DPoP error="use_dpop_nonce"`, stays, stays},
		{403, `Bearer error="invalid_token"`, invalid, invalid},
		{403, `DPoP error="invalid_token"`, stays, stays},
		{403, `Bearer error="insufficient_scope"`, stays, stays},
		{403, ``, stays, stays},
		{419, ``, refused, refused},
		{440, `Bearer error="insufficient_scope"`, stays, refused},
		{498, ``, stays, stays},
		{500, `Bearer error="invalid_token"`, stays, stays},
		{503, ``, refused, refused},
	} {
		header := http.Header{"Www-Authenticate": {tc.challenge}}
		for scheme, want := range map[string]apiAnswer{"Bearer": tc.bearer, "": tc.none} {
			got := readAnswer(tc.status, header, scheme, []int{419, 440, 503})
			got.challenge = ""
			require.Equal(t, want, got, "%d %s, scheme %q", tc.status, tc.challenge, scheme)
		}
	}
	_, bad := readChallenge("dpop", `DPoP error="invalid_token"`)
	require.True(t, bad, "the credential's own scheme counts, in any case")
	lines := []string{"Negotiate", `Bearer error="invalid_token"`}
	got := readAnswer(401, http.Header{"Www-Authenticate": lines}, "", nil)
	require.Equal(t, apiAnswer{refused: true, invalid: true, challenge: `Negotiate, Bearer error="invalid_token"`}, got)
}

func FuzzChallenges(f *testing.F) {
	for _, s := range []string{
		`Basic realm="a\"b", charset="UTF-8"`, `NTLM abc==`,
		`Bearer error=x scope="a b"`, `,=",`, `a b=c d e=`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		size := 0
		for _, c := range parseChallenges(s) {
			require.True(t, isToken(c.scheme), "%q: scheme %q", s, c.scheme)
			size += len(c.scheme) + len(c.token)
			for _, p := range c.params {
				require.True(t, isToken(p.name), "%q: name %q", s, p.name)
				size += len(p.name) + len(p.value)
			}
		}
		require.LessOrEqual(t, size, len(s))
		if isToken(s) {
			require.Equal(t, []challenge{{scheme: s}}, parseChallenges(s))
		}
		refused, invalid := readChallenge("Bearer", s)
		require.True(t, refused || !invalid)
	})
}
