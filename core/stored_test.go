package core_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// shelf is a Store in memory. Faults are set by the test.
type shelf struct {
	mu                     sync.Mutex
	values                 map[string]core.Secret
	turn                   chan struct{}
	loadErr, saveErr, lock error
	saves, deletes         int
	hangs                  bool
}

func newShelf() *shelf {
	return &shelf{values: map[string]core.Secret{}, turn: make(chan struct{}, 1)}
}

func (s *shelf) Load(ctx context.Context, key string) (core.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], s.loadErr
}

func (s *shelf) Save(ctx context.Context, key string, value core.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saveErr == nil {
		s.saves++
		s.values[key] = value
	}
	return s.saveErr
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deletes++
	delete(s.values, key)
	return nil
}

func (s *shelf) Lock(ctx context.Context, _ string) (func(), error) {
	if s.lock != nil {
		return nil, s.lock
	}
	if s.hangs {
		select {} // a store that ignores its context
	}
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *shelf) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *shelf) text(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key].Reveal()
}

// family is an authorization server whose refresh tokens rotate. One that is
// presented twice ends them all.
type family struct {
	mu                sync.Mutex
	life, takes       time.Duration
	current           int
	signIns, renewals int
	revoked, down     bool
	revocations       atomic.Int32
}

func (f *family) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return core.Credential{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch was := req.Previous.RefreshState.Reveal(); {
	case f.down:
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "down")
	case was == "":
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
	case f.revoked || was != fmt.Sprint("r", f.current):
		f.revoked = true
		return core.Credential{}, core.Errorf(core.CodeInteractive, "the family is revoked")
	}
	f.renewals++
	return f.next(), nil
}

func (f *family) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	if err := ui.Show(ctx, "sign in"); err != nil {
		return core.Credential{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.signIns++
	f.revoked = false
	return f.next(), nil
}

func (f *family) Revoke(context.Context, core.Credential) error {
	f.revocations.Add(1)
	return nil
}

func (f *family) next() core.Credential {
	f.current++
	return core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{
				"Authorization": core.NewSecret(fmt.Sprint("Bearer t", f.current)),
			},
		},
		RefreshState: core.NewSecret(fmt.Sprint("r", f.current)), Expiry: time.Now().Add(f.life),
		Subject: "ada", Attributes: map[string]string{"base_url": "https://api.example.com"},
		Origins: []string{"https://api.example.com"},
	}
}

func (f *family) counts() (signIns, renewals int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.signIns, f.renewals
}

func somebody(takes time.Duration) *core.UI {
	return &core.UI{Show: func(ctx context.Context, _ string) error {
		select {
		case <-time.After(takes):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
}

func bearing(t *testing.T, s *core.Session) string {
	t.Helper()
	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	return strings.TrimPrefix(c.Attach.Header["Authorization"].Reveal(), "Bearer ")
}

func TestStoredCredentialOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		var kinds []core.EventType
		opts := func(ui *core.UI) *core.Options {
			return &core.Options{
				Store: store, StoreKey: "k", UI: ui,
				Observe: func(e core.Event) { kinds = append(kinds, e.Type) },
			}
		}
		first := core.New("api", f, opts(somebody(time.Second)))
		require.NoError(t, first.Init(t.Context()))
		require.NoError(t, first.Close(t.Context()))
		require.Zero(t, f.revocations.Load(), "Close leaves what is stored")

		synctest.Wait()
		second := core.New("api", f, opts(nil))
		require.NoError(t, second.Init(t.Context()))
		require.Equal(t, "t1", bearing(t, second))
		st := second.Status()
		require.Equal(t, "ada", st.Subject)
		require.Equal(t, []string{"https://api.example.com"}, st.Origins)
		require.Equal(t, "https://api.example.com", st.Attributes["base_url"])
		require.Zero(t, st.Authentications)
		require.NoError(t, second.Close(t.Context()))
		synctest.Wait()

		time.Sleep(2 * time.Hour)
		third := core.New("api", f, opts(nil))
		require.NoError(t, third.Init(t.Context()), "the refresh token was stored, too")
		require.Equal(t, "t2", bearing(t, third))
		require.NoError(t, third.SignOut(t.Context()))
		synctest.Wait()
		require.EqualValues(t, 1, f.revocations.Load())
		require.Empty(t, store.text("k"))
		_, err := third.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeClosed)
		synctest.Wait()

		err = core.New("api", f, opts(nil)).Init(t.Context())
		require.ErrorIs(t, err, core.CodeInteractive)
		require.EqualError(
			t,
			err,
			`session "api": init: interactive: a person must sign in; `+
				`the program cannot ask anybody (it sets no Options.UI); next attempt in `+
				err.Error()[strings.LastIndex(err.Error(), " ")+1:],
		)
		signIns, renewals := f.counts()
		require.Equal(t, [2]int{1, 1}, [2]int{signIns, renewals})
		synctest.Wait()
		require.Equal(
			t,
			[]core.EventType{
				core.EventSigningIn, core.EventAuthenticated, core.EventClosed, core.EventRestored,
				core.EventClosed, core.EventAuthenticated, core.EventClosed, core.EventFailed,
			},
			kinds,
		)
	})
}

func TestSignOutOfASessionThatWasNotUsed(t *testing.T) {
	f, store := &family{life: time.Hour}, newShelf()
	s := core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
	require.NoError(t, s.Init(t.Context()))
	require.NoError(t, s.Close(t.Context()))
	require.NotEmpty(t, store.text("api"), "the key is the session's name")
	require.NoError(t, core.New("api", f, &core.Options{Store: store}).SignOut(t.Context()))
	require.EqualValues(t, 1, f.revocations.Load())
	require.Empty(t, store.text("api"))
	require.NoError(t, s.SignOut(t.Context()), "there is nothing left")
	require.EqualValues(t, 1, f.revocations.Load())
}

func TestSessionsOfOneStoreRenewOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Minute, takes: 200 * time.Millisecond}, newShelf()
		sessions := make([]*core.Session, 10)
		var wait sync.WaitGroup
		for i := range sessions {
			sessions[i] = core.New("api", f,
				&core.Options{Store: store, UI: somebody(20 * time.Second)})
			wait.Go(func() { require.NoError(t, sessions[i].Init(t.Context())) })
		}
		wait.Wait()
		for range 600 {
			time.Sleep(time.Second)
			for _, s := range sessions {
				wait.Go(func() { bearing(t, s) })
			}
			wait.Wait()
		}
		time.Sleep(5 * time.Minute)
		for _, s := range sessions {
			wait.Go(func() { bearing(t, s) })
		}
		wait.Wait()
		signIns, renewals := f.counts()
		require.Equal(t, 1, signIns, "the others waited for the one person")
		require.InDelta(t, 12, renewals, 1, "one for each lifetime")
		require.False(t, f.revoked)
	})
}

func TestRefusedCredentialThatAnotherProcessHasRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		a := core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
		b := core.New("api", f, &core.Options{Store: store})
		require.NoError(t, a.Init(t.Context()))
		require.NoError(t, b.Init(t.Context()))
		reject := func(s *core.Session) {
			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			s.Reject(c, "Bearer")
		}
		reject(a)
		require.Equal(t, "t2", bearing(t, a))
		reject(b)
		require.Equal(t, "t2", bearing(t, b))
		_, renewals := f.counts()
		require.Equal(t, 1, renewals)
		time.Sleep(5 * time.Minute)
		reject(b)
		require.Equal(t, "t3", bearing(t, b))
	})
}

func TestCloseWaitsForARenewalThatMayHaveSpentTheStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour, takes: 2 * time.Second}, newShelf()
		s := core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
		require.NoError(t, s.Init(t.Context()))
		time.Sleep(58 * time.Minute)
		require.Equal(t, "t1", bearing(t, s), "renewing behind the caller's back")
		time.Sleep(time.Second)
		require.NoError(t, s.Close(t.Context()))
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "t2", bearing(t, s))
		signIns, renewals := f.counts()
		require.Equal(t, [2]int{1, 1}, [2]int{signIns, renewals})
	})
}

func TestNobodyIsAskedToSignInForATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &family{life: time.Hour}
		s := core.New("api", f, &core.Options{KeepFresh: true, UI: somebody(0)})
		require.NoError(t, s.Init(t.Context()))
		f.mu.Lock()
		f.revoked = true
		f.mu.Unlock()
		time.Sleep(3 * time.Hour)
		signIns, _ := f.counts()
		require.Equal(t, 1, signIns)
		require.Equal(t, "t2", bearing(t, s), "somebody is there now")
		require.NoError(t, s.Close(t.Context()))
	})
}

// certified returns credentials with a client certificate and its key.
type certified struct {
	family
	pem atomic.Pointer[string]
}

func (p *certified) Authenticate(context.Context, core.Request) (core.Credential, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.next()
	c.Attach.Cert = core.NewSecret(*p.pem.Load())
	return c, nil
}

func TestPrivateKeysAreNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, store := &certified{family: family{life: time.Hour}}, newShelf()
		chain, key, _ := issue(t, "a")
		pair := chain + key
		p.pem.Store(&pair)
		a, b := core.New("api", p, &core.Options{Store: store}), core.New(
			"api",
			p,
			&core.Options{Store: store},
		)
		require.NoError(t, a.Init(t.Context()))
		require.Contains(t, store.text("api"), "BEGIN CERTIFICATE")
		require.NotContains(t, store.text("api"), "PRIVATE")
		require.NoError(t, b.Init(t.Context()))
		require.Equal(t, "t2", bearing(t, b), "without the key the token is of no use")
		c, err := a.Credential(t.Context())
		require.NoError(t, err)
		a.Reject(c, "")
		require.Equal(t, "t2", bearing(t, a), "with the same certificate it is")
		c, err = a.Credential(t.Context())
		require.NoError(t, err)
		require.Contains(t, c.Attach.Cert.Reveal(), "PRIVATE")
	})
}

func TestInputs(t *testing.T) {
	login := core.New("login", &issuer{life: time.Hour}, nil)
	var got core.Request
	p := core.ProviderFunc(func(_ context.Context, req core.Request) (core.Credential, error) {
		got = req
		return everything("x"), nil
	})
	s := core.New("orders", p,
		&core.Options{Inputs: map[string]*core.Session{"subject_token": login}})
	require.NoError(t, s.Init(t.Context()))
	require.Equal(t, "t1", token(got.Inputs["subject_token"]))
	require.True(t, login.Status().State.Ready())

	require.NoError(t, s.Close(t.Context()))
	require.NoError(t, login.Close(t.Context()))
	err := s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeClosed)
	require.EqualError(t, errors.Unwrap(err),
		`the input "subject_token": session "login": closed: call Init again`)
}
