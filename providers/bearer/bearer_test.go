package bearer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/bearer"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

func tokenFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, text)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func jwt(expiry time.Time) string {
	claims := fmt.Sprintf(`{"sub": "x", "exp": %d}`, expiry.Unix())
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestConformance(t *testing.T) {
	t.Run("value", func(t *testing.T) {
		providertest.Run(t, providertest.Fixture{
			Factory:  bearer.Factory,
			Settings: func(s providertest.Server) map[string]any { return object{"token": s.Secret} },
		})
	})
	t.Run("file", func(t *testing.T) {
		path := tokenFile(t, "TokenOfTheFile\n")
		providertest.Run(t, providertest.Fixture{
			Factory:  bearer.Factory,
			Settings: func(s providertest.Server) map[string]any { return object{"token_file": path} },
			Secrets:  []string{"TokenOfTheFile"},
		})
	})
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name     string
		settings object
		want     string
	}{
		{"nothing", object{}, "token: missing: give token or token_file"},
		{"both", object{"token": "a", "token_file": "f"}, "token: give either token or token_file"},
		{"line break", object{"token": "hunter2\n"}, "token: ends in a line break"},
		{"control character", object{"token": "hun\x1bter2"}, "token: has a control character"},
		{"two words", object{"token": "Bearer hunter2"},
			`token: begins with "Bearer ": give the token alone`},
		{"too often", object{"token_file": "f", "interval": "1ms"}, "interval: want at least 1s"},
		{"no interval", object{"token_file": "f", "interval": "often"}, "interval: want a duration"},
		{"base URL", object{"token": "a", "base_url": "x"}, "base_url: want the address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := bearer.Factory.Check("", c.settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := bearer.New(bearer.Config{})
	require.EqualError(t, err, "bad config: token: missing: give token or token_file")
}

// TestFileWithByteOrderMark proves that the mark, which no editor shows, is not sent.
func TestFileWithByteOrderMark(t *testing.T) {
	p, err := bearer.New(bearer.Config{TokenFile: tokenFile(t, "\xef\xbb\xbfhunter2\r\n")})
	require.NoError(t, err)
	cred, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, "Bearer hunter2", cred.Attach.Header["Authorization"].Reveal())
}

func TestFileRefused(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"missing", "no/such/token", "does not exist"},
		{"empty", tokenFile(t, ""), "is empty"},
		{"blank", tokenFile(t, " \n"), "is empty"},
		{"huge", tokenFile(t, string(bytes.Repeat([]byte("hunter2"), 200<<10))),
			"is larger than 1 MiB"},
		{"large", tokenFile(t, string(bytes.Repeat([]byte("hunter2"), 20<<10))), "is larger than 64 KiB"},
		{"binary", tokenFile(t, "hun\x00ter2"), "holds NUL"},
		{"two lines", tokenFile(t, "hunter2\nhunter2\n"), "has a control character or line break"},
		{"quotes", tokenFile(t, `"hunter2"`), "has quotes around it"},
		{"scheme", tokenFile(t, "Bearer hunter2"), "give the token alone"},
		{"UTF-16", tokenFile(t, "\xff\xfeh\x00u\x00"), "save it as UTF-8"},
		{"byte order mark alone", tokenFile(t, "\xef\xbb\xbf"), "is empty"},
		{"device", os.DevNull, "is not a regular file"},
		{"directory", t.TempDir(), "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := bearer.New(bearer.Config{TokenFile: c.path})
			require.NoError(t, err)
			for reason, code := range map[core.Reason]core.Code{core.ReasonInitial: core.CodeBadConfig,
				core.ReasonExpiring: core.CodeUnavailable, core.ReasonRejected: core.CodeUnavailable} {
				_, err = p.Authenticate(t.Context(), core.Request{Reason: reason})
				require.Equal(t, code, core.CodeOf(err))
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, fmt.Sprintf("%q", c.path))
				var coded *core.Error
				require.ErrorAs(t, err, &coded)
				require.True(t, coded.Local)
				require.NotContains(t, err.Error(), "ter2")
			}
		})
	}
}

// The expiry of a JWT is the credential's, without a look at anything else.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		path := tokenFile(t, "x")
		for _, c := range []struct {
			name, token string
			want        time.Time
			value, file core.Code // zero: no error
		}{
			{"opaque", "opaque", time.Time{}, 0, 0},
			{"JWT", jwt(now.Add(time.Hour)), now.Add(time.Hour), 0, 0},
			{"just over", jwt(now.Add(-time.Minute)), now.Add(4 * time.Minute), 0, 0},
			{"long over", jwt(now.Add(-time.Hour)), time.Time{}, core.CodeDenied, core.CodeUnavailable},
		} {
			write(t, path, c.token)
			for cfg, code := range map[*bearer.Config]core.Code{{Token: core.NewSecret(c.token)}: c.value,
				{TokenFile: path}: c.file} {
				p, err := bearer.New(*cfg)
				require.NoError(t, err)
				cred, err := p.Authenticate(t.Context(), core.Request{})
				require.Equal(t, code, core.CodeOf(err), c.name)
				var coded *core.Error
				require.Equal(t, err != nil, errors.As(err, &coded) && coded.Local, c.name)
				require.True(t, c.want.Equal(cred.Expiry), c.name)
				if err == nil && cfg.TokenFile != "" {
					require.Equal(t, now.Add(5*time.Second), cred.RenewAfter)
				} else {
					require.Zero(t, cred.RenewAfter)
				}
			}
		}
	})
}

// A JWT that ends while it is in use is sent until the clocks' skew has passed
// and no longer.
func TestSessionPastTheEndOfItsToken(t *testing.T) {
	for name, cfg := range map[string]bearer.Config{
		"a value": {Token: core.NewSecret("later")},
		"a file":  {TokenFile: "later"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				token := jwt(time.Now().Add(10 * time.Minute))
				if cfg.TokenFile != "" {
					cfg.TokenFile = tokenFile(t, token)
				} else {
					cfg.Token = core.NewSecret(token)
				}
				p, err := bearer.New(cfg)
				require.NoError(t, err)
				s := core.New("api", p, nil)
				require.NoError(t, s.Init(t.Context()))
				defer s.Close(context.Background())
				for at := time.Duration(0); at < 14*time.Minute; at += 10 * time.Second {
					_, err := s.Credential(t.Context())
					require.NoError(t, err, "after %v", at)
					require.Contains(t, []core.State{core.StateFresh, core.StateStale}, s.Status().State)
					require.False(t, s.Status().Expiry.IsZero())
					time.Sleep(10 * time.Second)
				}
				time.Sleep(90 * time.Second) // to 15:30
				_, err = s.Credential(t.Context())
				require.ErrorContains(t, err, "expired at")
				require.Equal(t, core.StateExpired, s.Status().State)
			})
		})
	}
}

// The session picks up a new token of the file by itself, keeps the old one
// while the file is being written, and asks at once after a refusal.
func TestSessionFollowsTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := tokenFile(t, "one\n")
		p, err := bearer.Factory.Open(t.Context(), "", object{"token_file": path, "interval": "10s"})
		require.NoError(t, err)
		s := core.New("api", p, nil)
		require.NoError(t, s.Init(t.Context()))
		token := func() string {
			t.Helper()
			for range 2 { // the first call starts the reading, the second has its outcome
				_, err := s.Credential(t.Context())
				require.NoError(t, err)
				time.Sleep(100 * time.Millisecond) // an empty file is looked at twice
			}
			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			return c.Attach.Header["Authorization"].Reveal()
		}
		require.Equal(t, "Bearer one", token())
		write(t, path, "two\n")
		require.Equal(t, "Bearer one", token())
		time.Sleep(11 * time.Second)
		require.Equal(t, "Bearer two", token())

		write(t, path, "")
		time.Sleep(11 * time.Second)
		require.Equal(t, "Bearer two", token(), "kept while the file is empty")
		require.ErrorContains(t, s.Status().LastError, "is empty")
		write(t, path, "three\n")
		time.Sleep(2 * time.Second)
		require.Equal(t, "Bearer three", token(), "the fault was taken for a passing one")

		write(t, path, "four\n")
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		s.Reject(c, "")
		c, err = s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "Bearer four", c.Attach.Header["Authorization"].Reveal())
		require.NoError(t, s.Close(t.Context()))
	})
}

// A file and what a request then carries, before and after it changed.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the API sees:", r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") == "Bearer old" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	dir, err := os.MkdirTemp("", "bearer")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "token")
	_ = os.WriteFile(file, []byte("old\n"), 0o600)

	ctx := context.Background()
	provider, err := bearer.Factory.Open(ctx, "", map[string]any{"token_file": file})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("api", provider, nil)
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	_ = os.WriteFile(file, []byte("new\n"), 0o600)
	resp, err := s.Client().Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output:
	// the API sees: Bearer old
	// the API sees: Bearer new
	// 200 OK
}
