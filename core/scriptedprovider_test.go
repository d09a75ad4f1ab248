package core_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// scriptedProvider is a provider whose calls a test writes. It notes what was asked.
type scriptedProvider struct {
	authenticate func(ctx context.Context, call int, req core.Request) (core.Credential, error)
	signIn       func(ctx context.Context) (core.Credential, error) // nil: not supported

	mu       sync.Mutex
	requests []core.Request
	asked    int      // sign-ins
	revoked  []string // tokens
}

func (p *scriptedProvider) Authenticate(
	ctx context.Context, req core.Request,
) (core.Credential, error) {
	p.mu.Lock()
	p.requests = append(p.requests, req)
	call := len(p.requests)
	p.mu.Unlock()
	return p.authenticate(ctx, call, req)
}

func (p *scriptedProvider) SignIn(
	ctx context.Context, _ core.Request, _ core.UI,
) (core.Credential, error) {
	if p.signIn == nil {
		return core.Credential{}, errors.ErrUnsupported
	}
	p.mu.Lock()
	p.asked++
	p.mu.Unlock()
	return p.signIn(ctx)
}

func (p *scriptedProvider) Revoke(_ context.Context, c core.Credential) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked = append(p.revoked, token(c))
	return nil
}

func (p *scriptedProvider) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

func (p *scriptedProvider) signIns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *scriptedProvider) gone() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.revoked
}

// lasting is a credential with a lifetime and, if renewal is not empty, a
// refresh state.
func lasting(token, renewal string, life time.Duration) core.Credential {
	c := bearer(token)
	c.RefreshState = core.NewSecret(renewal)
	if life > 0 {
		c.Expiry = time.Now().Add(life)
	}
	return c
}

// issuing returns tokens t1, t2, … that have no refresh state.
func issuing(life time.Duration) func(
	context.Context, int, core.Request,
) (core.Credential, error) {
	return func(
		_ context.Context, call int, _ core.Request,
	) (core.Credential, error) {
		return lasting(fmt.Sprint("t", call), "", life), nil
	}
}

// reaction makes the API of a test.
type reaction func(r *http.Request) (status int, challenge string)

func (f reaction) RoundTrip(r *http.Request) (*http.Response, error) {
	status, challenge := f(r)
	h := http.Header{}
	if challenge != "" {
		h.Set("WWW-Authenticate", challenge)
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody, Request: r}, nil
}

// status sends one request and returns the status of its answer.
func status(t *testing.T, s *core.Session, path string) (int, error) {
	t.Helper()
	resp, err := s.Client().Get("https://api.example.com" + path)
	if err != nil {
		return 0, err
	}
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, nil
}

// hooked is a store whose steps a test delays or breaks: load, save, delete,
// lock and unlock.
type hooked struct {
	*shelf
	on func(step string) error
}

func (h hooked) Load(ctx context.Context, key string) (core.Secret, error) {
	if err := h.on("load"); err != nil {
		return core.Secret{}, err
	}
	return h.shelf.Load(ctx, key)
}

func (h hooked) Save(ctx context.Context, key string, value core.Secret) error {
	if err := h.on("save"); err != nil {
		return err
	}
	return h.shelf.Save(ctx, key, value)
}

func (h hooked) Delete(ctx context.Context, key string) error {
	if err := h.on("delete"); err != nil {
		return err
	}
	return h.shelf.Delete(ctx, key)
}

func (h hooked) Lock(ctx context.Context, key string) (func(), error) {
	if err := h.on("lock"); err != nil {
		return nil, err
	}
	unlock, err := h.shelf.Lock(ctx, key)
	if err != nil {
		return nil, err
	}
	return func() { _ = h.on("unlock"); unlock() }, nil
}
