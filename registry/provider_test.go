package registry

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

type nothing struct{}

// lazily makes the proxy of a provider that opens slowly.
func lazily(p core.Provider, takes time.Duration, opened *atomic.Int64) *provider {
	open := func(ctx context.Context, _ core.Environment, _ nothing) (core.Provider, error) {
		opened.Add(1)
		select {
		case <-time.After(takes):
			return p, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return newProvider(core.NewFactory(core.Info{Kind: "fake"}, open), "", nil)
}

func plain(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{Subject: "plain"}, nil
}

// able has all the abilities.
type able struct{ core.ProviderFunc }

func (able) Authorize(context.Context, core.Credential, core.Outgoing) (core.Attachment, error) {
	return core.Attachment{Roots: "authorized"}, nil
}
func (able) SignDigest(context.Context, core.SignatureRequest) ([]byte, error) {
	return []byte("signed"), nil
}
func (able) Revoke(context.Context, core.Credential) error { return errors.New("revoked") }
func (able) SignIn(context.Context, core.Request, core.UI) (core.Credential, error) {
	return core.Credential{Subject: "signed in"}, nil
}

func TestAbilities(t *testing.T) {
	ctx := context.Background()
	var opened atomic.Int64
	p := lazily(able{plain}, 0, &opened)
	require.EqualError(t, p.Revoke(ctx, core.Credential{}), "revoked",
		"of a stored credential, as the first call")
	a, err := p.Authorize(ctx, core.Credential{}, core.Outgoing{})
	require.NoError(t, err)
	require.Equal(t, "authorized", a.Roots)
	sig, err := p.SignDigest(ctx, core.SignatureRequest{})
	require.NoError(t, err)
	require.Equal(t, "signed", string(sig))
	c, err := p.SignIn(ctx, core.Request{}, core.UI{})
	require.NoError(t, err)
	require.Equal(t, "signed in", c.Subject)
	require.EqualError(t, p.Revoke(ctx, c), "revoked")
	require.Equal(t, int64(1), opened.Load())
}

func TestAbsentAbilities(t *testing.T) {
	ctx := context.Background()
	var opened atomic.Int64
	p := lazily(core.ProviderFunc(plain), 0, &opened)
	c, err := p.Authenticate(ctx, core.Request{})
	require.NoError(t, err)
	_, err = p.Authorize(ctx, c, core.Outgoing{})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = p.SignDigest(ctx, core.SignatureRequest{})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorIs(t, p.Revoke(ctx, c), errors.ErrUnsupported)
	_, err = p.SignIn(ctx, core.Request{}, core.UI{})
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

func TestOpenOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int64
		p := lazily(core.ProviderFunc(plain), time.Minute, &opened)
		var wait sync.WaitGroup
		for range 10 {
			wait.Go(func() {
				_, err := p.Authenticate(t.Context(), core.Request{})
				require.NoError(t, err)
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := p.Authenticate(ctx, core.Request{}) // waits no longer than its own context
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.Equal(t, time.Second, time.Since(start))
		wait.Wait()
		require.Equal(t, int64(1), opened.Load())
	})
}

// TestEmptyCredential opens a provider that returns nothing to send: the
// proxy's abilities do not hide that from the session.
func TestEmptyCredential(t *testing.T) {
	ctx := context.Background()
	var opened atomic.Int64
	s := core.New("empty", lazily(core.ProviderFunc(plain), 0, &opened), nil)
	_ = s.Init(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com", nil)
	require.NoError(t, err)
	require.ErrorContains(t, s.Authorize(ctx, r), "the provider returned an empty credential")
	require.Empty(t, r.Header)
}

// asked counts the questions whether it authorizes.
type asked struct {
	*provider
	times atomic.Int64
}

func (a *asked) Authorize(
	ctx context.Context, c core.Credential, out core.Outgoing,
) (core.Attachment, error) {
	a.times.Add(1)
	return a.provider.Authorize(ctx, c, out)
}

// TestAuthorizeIsAskedOnce keeps requests from paying for an ability that the
// opened provider lacks.
func TestAuthorizeIsAskedOnce(t *testing.T) {
	ctx := context.Background()
	var opened atomic.Int64
	key := func(context.Context, core.Request) (core.Credential, error) {
		attach := core.Attachment{Header: map[string]core.Secret{"X-Key": core.NewSecret("k")}}
		return core.Credential{Attach: attach}, nil
	}
	p := &asked{provider: lazily(core.ProviderFunc(key), 0, &opened)}
	s := core.New("plain", p, nil)
	require.NoError(t, s.Init(ctx))
	for range 10 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com", nil)
		require.NoError(t, err)
		require.NoError(t, s.Authorize(ctx, r))
		require.Equal(t, "k", r.Header.Get("X-Key"))
	}
	require.Equal(t, int64(1), p.times.Load())
}

// TestErrorOfTheFactory proves that what a factory returns is not taken for the end of a caller's
// context, also where it is the error of a context.
func TestErrorOfTheFactory(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	proxy := func(kind string, open error) *provider {
		describe := func() (core.Info, []core.Setting) { return core.Info{Kind: kind}, nil }
		f := core.ProxyFactory(describe, nil,
			func(context.Context, core.Environment, map[string]any) (core.Provider, error) {
				return nil, open
			})
		return newProvider(f, "", nil)
	}
	_, err := proxy("fake", context.Canceled).Authenticate(ctx, core.Request{})
	require.True(t, err == context.Canceled, "got %v", err)
	_, err = proxy("none", nil).Authenticate(ctx, core.Request{})
	require.EqualError(t, err, `bad config: the factory of kind "none" made no provider`)
}
