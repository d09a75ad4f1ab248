package oauth2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
	xoauth2 "golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// sourceFunc is a token source that is a function.
type sourceFunc func() (*xoauth2.Token, error)

func (f sourceFunc) Token() (*xoauth2.Token, error) { return f() }

func static(header string) core.Provider {
	return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{
			Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret(header)}},
			Expiry: time.Now().Add(time.Hour),
		}, nil
	})
}

func TestTokenSource(t *testing.T) {
	var got string
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter,
		r *http.Request) {
		got = r.Header.Get("Authorization")
	}))
	t.Cleanup(api.Close)
	s := core.New("api", static("Bearer a-token"), nil)
	ts := oauth2.TokenSource(t.Context(), s)
	_, err := ts.Token()
	require.ErrorIs(t, err, core.CodeNotInitialized)
	require.NoError(t, s.Init(t.Context()))
	token, err := ts.Token()
	require.NoError(t, err)
	require.True(t, token.Valid())
	require.WithinDuration(t, time.Now().Add(time.Hour), token.Expiry, 10*time.Second)

	client := &http.Client{Transport: &xoauth2.Transport{Source: ts}}
	resp, err := client.Get(api.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "Bearer a-token", got)
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, s.Close(t.Context()))
	_, err = ts.Token()
	require.ErrorIs(t, err, core.CodeClosed)
}

func TestTokenSourceOfOtherCredentials(t *testing.T) {
	more := core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer hunter2")},
		Cookie: map[string]core.Secret{"c": core.NewSecret("v")},
	}}
	for name, p := range map[string]core.Provider{
		"no scheme": static("hunter2"),
		"more than a token": core.ProviderFunc(func(context.Context, core.Request) (core.Credential,
			error) {
			return more, nil
		}),
		"an API key in a query": core.ProviderFunc(func(context.Context,
			core.Request) (core.Credential, error) {
			return core.Credential{
				Attach: core.Attachment{Query: map[string]core.Secret{"key": core.NewSecret("hunter2")}}}, nil
		}),
	} {
		t.Run(name, func(t *testing.T) {
			s := core.New("api", p, nil)
			require.NoError(t, s.Init(t.Context()))
			_, err := oauth2.TokenSource(t.Context(), s).Token()
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, `session "api"`)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestFromTokenSource(t *testing.T) {
	expiry := time.Now().Add(time.Hour)
	for _, tt := range []struct {
		name   string
		token  *xoauth2.Token
		err    error
		header string
		code   core.Code
		text   string
	}{
		{"bearer", &xoauth2.Token{AccessToken: "a", TokenType: "bearer", Expiry: expiry}, nil, "Bearer a",
			0, ""},
		{"no type", &xoauth2.Token{AccessToken: "a", Expiry: expiry}, nil, "Bearer a", 0, ""},
		{"nil", nil, nil, "", core.CodeUnavailable, "no token"},
		{"empty", &xoauth2.Token{}, nil, "", core.CodeUnavailable, "no token"},
		{"DPoP", &xoauth2.Token{AccessToken: "a", TokenType: "DPoP"}, nil, "", core.CodeBadConfig, "DPoP"},
		{"control character", &xoauth2.Token{AccessToken: "a\r\nb"}, nil, "", core.CodeUnavailable,
			"may not be sent"},
		{"coded", nil, core.Errorf(core.CodeInteractive, "sign in"), "", core.CodeInteractive, "sign in"},
		{"other", nil, errors.New("the disk is full"), "", core.CodeUnavailable, "the disk is full"},
		{"refused", nil, refusal(401, "invalid_client"), "", core.CodeDenied, "answers 401: invalid_client"},
		{"wrapped", nil, fmt.Errorf("body: %w", refusal(503, "")), "", core.CodeUnavailable, "answers 503"},
		{"error at 200", nil, refusal(200, "invalid_grant"), "", core.CodeDenied, "invalid_grant"},
		{"without answer", nil, &xoauth2.RetrieveError{}, "", core.CodeUnavailable, "answers with an error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := oauth2.FromTokenSource(sourceFunc(func() (*xoauth2.Token, error) {
				return tt.token,
					tt.err
			}))
			c, err := p.Authenticate(t.Context(), core.Request{})
			if tt.code != 0 {
				require.ErrorIs(t, err, tt.code)
				require.ErrorContains(t, err, tt.text)
				require.NotContains(t, err.Error(), "hunter2")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.header, c.Attach.Header["Authorization"].Reveal())
			require.Equal(t, expiry, c.Expiry)
		})
	}
}

func refusal(status int, code string) error {
	return &xoauth2.RetrieveError{
		Response:  &http.Response{StatusCode: status, Header: http.Header{}},
		Body:      []byte(`{"error":"` + code + `","error_description":"hunter2"}`),
		ErrorCode: code, ErrorDescription: "hunter2",
	}
}

func TestFromTokenSourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := oauth2.FromTokenSource(sourceFunc(func() (*xoauth2.Token, error) {
			calls++
			time.Sleep(time.Minute) // the bubble's clock
			return &xoauth2.Token{AccessToken: "late"}, nil
		}))
		start := time.Now()
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := p.Authenticate(ctx, core.Request{})
			cancel()
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Equal(t, 2*time.Second, time.Since(start))
		c, err := p.Authenticate(t.Context(), core.Request{})
		require.NoError(t, err)
		require.Equal(t, "Bearer late", c.Attach.Header["Authorization"].Reveal())
		require.Equal(t, 1, calls, "later callers wait for the same call")
	})
}

func TestFromTokenSourceThatPanics(t *testing.T) {
	p := oauth2.FromTokenSource(sourceFunc(func() (*xoauth2.Token, error) { panic("hunter2") }))
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.NotContains(t, err.Error(), "hunter2")
}

// TestFromTokenSourceConformance runs the kit over x/oauth2's own client
// credentials.
func TestFromTokenSourceConformance(t *testing.T) {
	type config struct {
		URL    string      `json:"url" required:"true" doc:"The token endpoint."`
		Secret core.Secret `json:"secret" required:"true" doc:"The client's secret."`
	}
	factory := core.NewFactory(core.Info{Kind: "x-oauth2", Summary: "golang.org/x/oauth2."},
		func(_ context.Context, _ core.Environment, c config) (core.Provider, error) {
			ctx := context.WithValue(context.Background(), xoauth2.HTTPClient, providerhttp.NewClient(nil))
			return oauth2.FromTokenSource(sourceFunc(func() (*xoauth2.Token, error) {
				return (&clientcredentials.Config{
					ClientID: "app", ClientSecret: c.Secret.Reveal(), TokenURL: c.URL,
					AuthStyle: xoauth2.AuthStyleInHeader,
				}).Token(ctx)
			})), nil
		})
	const noContext = "Token takes no context: it goes on after its caller has left"
	providertest.Run(t, providertest.Fixture{
		Waive:   map[string]string{"close/goroutines": noContext, "close/connections": noContext},
		Factory: factory,
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"url": s.URL + "/token", "secret": s.Secret}
		},
		Good: http.HandlerFunc(good),
	})
}
