package core_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// with returns a credential with one header.
func with(name, value string) core.Credential {
	return core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{name: core.NewSecret(value)},
	}}
}

func TestToken(t *testing.T) {
	for value, want := range map[string]string{
		"Bearer abc":    "abc",
		"bearer abc":    "abc",
		"BEARER   a.b~": "a.b~",
		"Bearer a=/+":   "a=/+",
		"Bearer":        "",
		"Bearer ":       "",
		"Bearer a b":    "",
		"Bearer a\tb":   "",
		"Bearer a\nb":   "",
		"Bearerabc":     "",
		"Basic YTpi":    "",
		"DPoP abc":      "",
		"abc":           "",
		"":              "",
	} {
		for _, name := range []string{"Authorization", "authorization", "AUTHORIZATION"} {
			token, ok := with(name, value).Token()
			require.Equal(t, want, token.Reveal(), value)
			require.Equal(t, want != "", ok, value)
		}
	}
	_, ok := with("X-Api-Key", "Bearer abc").Token()
	require.False(t, ok)
	_, ok = core.Credential{}.Token()
	require.False(t, ok)
}

func TestUserPassword(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for value, want := range map[string][]string{
		"Basic " + encode("ada:secret"):        {"ada", "secret"},
		"basic " + encode("ada:secret"):        {"ada", "secret"},
		"Basic  " + encode("ada:p:ss wörd "):   {"ada", "p:ss wörd "},
		"Basic " + encode("token:"):            {"token", ""},
		"Basic " + encode(":secret"):           {"", "secret"},
		"Basic " + encode(":"):                 {"", ""},
		"Basic " + encode("a\xe4:b\xff"):       {"a\xe4", "b\xff"},
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==":   {"Aladdin", "open sesame"}, // RFC 7617 §2
		"Basic dGVzdDoxMjPCow==":               {"test", "123£"},           // RFC 7617 §2.1
		"Basic " + encode("no colon"):          nil,
		"Basic " + encode("ada:a\r\nQUIT"):     nil,
		"Basic " + encode("ada\x00:b"):         nil,
		"Basic " + encode("ada:b\u0085"):       nil,
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ":     nil, // no padding
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==":   nil, // bits beyond the text
		"Basic QWxhZGRpbjpvcGVu\nIHNlc2FtZQ==": nil,
		"Basic QWxh,ZGRp":                      nil,
		"Basic":                                nil,
		"Basic ":                               nil,
		"Bearer " + encode("ada:secret"):       nil,
		"":                                     nil,
	} {
		user, password, ok := with("authorization", value).UserPassword()
		require.Equal(t, want != nil, ok, "%q", value)
		if ok {
			require.Equal(t, want, []string{user.Reveal(), password.Reveal()}, "%q", value)
			continue
		}
		require.True(t, user.IsZero() && password.IsZero())
	}
	_, _, ok := core.Credential{}.UserPassword()
	require.False(t, ok)
}

// What is printed of the results is no secret.
func TestOutsideHTTPHidesSecrets(t *testing.T) {
	token, _ := with("Authorization", "Bearer s3cr3t").Token()
	user, password, _ := with("Authorization", "Basic YWRhOnMzY3IzdA==").UserPassword()
	text := fmt.Sprintf("%v %+v %#v %s", token, user, password, password)
	require.NotContains(t, text, "s3cr3t")
	require.NotContains(t, text, "ada")
}

// Whatever net/http sends as Basic is read again, and what is read has no control
// character and makes the same header.
func FuzzUserPassword(f *testing.F) {
	f.Add("ada", "p:ss wörd")
	f.Add("", "")
	f.Add("a:b", "\n")
	f.Fuzz(func(t *testing.T, name, word string) {
		r := &http.Request{Header: http.Header{}}
		r.SetBasicAuth(name, word)
		c := with("Authorization", r.Header.Get("Authorization"))
		user, password, ok := c.UserPassword()
		require.Equal(t, !strings.ContainsFunc(name+word, unicode.IsControl), ok)
		if ok {
			require.Equal(t, name+":"+word, user.Reveal()+":"+password.Reveal())
			require.NotContains(t, user.Reveal(), ":")
		}
		raw := with("Authorization", "Basic "+name)
		if user, password, ok = raw.UserPassword(); ok {
			r.SetBasicAuth(user.Reveal(), password.Reveal())
			require.Equal(t, "Basic "+strings.Trim(name, " "), r.Header.Get("Authorization"))
		}
		if token, ok := with("Authorization", "Bearer "+name).Token(); ok {
			require.Equal(t, strings.Trim(name, " "), token.Reveal())
		}
	})
}

// A client of a server that does not speak HTTP asks for user name and password
// each time that it connects.
func ExampleCredential_UserPassword() {
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		header := map[string]core.Secret{"Authorization": core.NewSecret("Basic YWRhOnMzY3IzdA==")}
		return core.Credential{Attach: core.Attachment{Header: header}}, nil
	})
	session := core.New("cache", provider, &core.Options{Lazy: true})
	login := func(ctx context.Context) (user, password string, err error) {
		c, err := session.Credential(ctx)
		if err != nil {
			return "", "", err
		}
		name, word, ok := c.UserPassword()
		if !ok {
			return "", "", fmt.Errorf("the session has no user name and password")
		}
		return name.Reveal(), word.Reveal(), nil
	}
	user, password, err := login(context.Background())
	fmt.Println(user, len(password), err)
	// Output: ada 6 <nil>
}

// What PerRPC tells beside the headers: which credential they are of, so that a
// refusal can be told by identity, and whether a call may be repeated.
func TestRPCMetadata(t *testing.T) {
	s := ready(t, &issuer{}, &core.Options{NoReplay: true})
	first, err := s.PerRPC().Metadata(t.Context(), "https://api.example.com/pkg.S")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"authorization": "Bearer t1"}, first.Header)
	require.True(t, first.NoReplay)
	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	require.True(t, first.Credential.Same(c))
	require.False(t, core.Credential{}.Same(core.Credential{}), "no session made them")

	s.Reject(first.Credential, "")
	second, err := s.PerRPC().Metadata(t.Context(), "https://api.example.com/pkg.S")
	require.NoError(t, err)
	require.False(t, second.Credential.Same(first.Credential))

	_, err = core.New("x", fixed(c), nil).PerRPC().Metadata(t.Context())
	require.ErrorIs(t, err, core.CodeNotInitialized)
}
