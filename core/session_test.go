package core_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour}
		s := core.New("gs", p, &core.Options{Kind: "fake", Environment: core.QA})
		require.Zero(t, p.calls.Load(), "New sends nothing")

		_, err := s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeNotInitialized)
		require.EqualError(t, err, `session "gs" (fake): not initialized: call Init first`)

		for range 3 {
			require.NoError(t, s.Init(t.Context()))
		}
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t1", token(c), "Init authenticates once")
		st := s.Status()
		require.Equal(t, core.StateFresh, st.State)
		require.Equal(t, core.QA, st.Environment)

		for range 2 {
			require.NoError(t, s.Close(t.Context()))
		}
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeClosed)
		require.EqualError(t, err, `session "gs" (fake): closed: call Init again`)
		require.Equal(t, core.StateClosed, s.Status().State)

		require.NoError(t, s.Init(t.Context()))
		c, err = s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t2", token(c))
	})
}

func TestLazySessionAuthenticatesOnFirstUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour}
		s := core.New("gs", p, &core.Options{Lazy: true})
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t1", token(c))
		require.True(t, s.Status().State.Ready())
		require.NoError(t, s.Close(t.Context()))
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeClosed,
			"lazy is for the first use; after Close, Init is asked for")
	})
}

// revoking is an issuer that can revoke.
type revoking struct {
	issuer
	revoked []string
	err     error
	hang    bool
}

func (r *revoking) Revoke(ctx context.Context, c core.Credential) error {
	if r.hang {
		<-ctx.Done()
	}
	r.revoked = append(r.revoked, token(c))
	return r.err
}

func TestClose(t *testing.T) {
	t.Run("revokes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { require.NoError(t, s.Close(t.Context())) })
			}
			wg.Wait()
			require.Equal(t, []string{"t1"}, p.revoked)
		})
	})
	t.Run("a failed revocation is told, and the session closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{
				issuer: issuer{life: time.Hour}, err: core.Errorf(core.CodeUnavailable, "503"),
			}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			require.EqualError(t, s.Close(t.Context()), `session "gs": revoke: unavailable: 503`)
			require.NoError(t, s.Close(t.Context()))
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.CodeClosed)
			p.err = errors.ErrUnsupported
			require.NoError(t, s.Init(t.Context()))
			require.NoError(t, s.Close(t.Context()))
		})
	})
	t.Run("is bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}, hang: true}
			s := core.New("gs", p, &core.Options{Timeout: time.Second})
			require.NoError(t, s.Init(t.Context()))
			began := time.Now()
			_ = s.Close(t.Context())
			require.LessOrEqual(t, time.Since(began), 2*time.Second)
		})
	})
	t.Run("of a closed session ends the Init that is under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			require.NoError(t, s.Close(t.Context()))
			p.takes = time.Second
			var wg sync.WaitGroup
			wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.CodeClosed) })
			synctest.Wait()
			require.NoError(t, s.Close(t.Context()))
			wg.Wait()
			time.Sleep(time.Minute)
			require.Equal(t, core.StateClosed, s.Status().State)
		})
	})
	t.Run("of a closed session drops what an Init left behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Close(t.Context()))
			p.takes = time.Second
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.Init(ctx), context.DeadlineExceeded)
			time.Sleep(time.Minute)
			require.NoError(t, s.Close(t.Context()))
			require.Equal(t, []string{"t1"}, p.revoked)
		})
	})
	t.Run("ends an Init that waits out a back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{}
			p.set(core.Errorf(core.CodeUnavailable, "503"))
			s := core.New("gs", p, nil)
			require.Error(t, s.Init(t.Context()))
			require.Error(t, s.Init(t.Context()))
			p.set(nil)
			var wg sync.WaitGroup
			wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.CodeClosed) })
			synctest.Wait()
			require.NoError(t, s.Close(t.Context()))
			wg.Wait()
			require.Equal(t, core.StateClosed, s.Status().State)
			require.NoError(t, s.Init(t.Context()), "a later Init begins again")
		})
	})
	t.Run("revokes what the API has refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			p.set(core.Errorf(core.CodeUnavailable, "503"))
			s.Reject(c, "")
			synctest.Wait()
			require.NoError(t, s.Close(t.Context()))
			require.Equal(t, []string{"t1"}, p.revoked)
		})
	})
	t.Run("ends a renewal under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour, takes: time.Minute}
			s := core.New("gs", p, &core.Options{Lazy: true, Timeout: time.Hour})
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := s.Credential(t.Context())
				require.ErrorIs(t, err, core.CodeClosed)
			})
			synctest.Wait()
			began := time.Now()
			require.NoError(t, s.Close(t.Context()))
			require.Zero(t, time.Since(began))
			wg.Wait()
			p.takes = 0
			require.NoError(t, s.Init(t.Context()))
		})
	})
}

type person struct{ issuer }

func (p *person) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	code, err := ui.Ask(ctx, "code", true)
	if err != nil {
		return core.Credential{}, err
	}
	return bearer(code.Reveal()), nil
}

func TestSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{}
		p.set(core.Errorf(core.CodeInteractive, "a person must sign in"))
		s := core.New("gs", p, nil)
		require.ErrorIs(t, s.Init(t.Context()), core.CodeInteractive, "no UI: at once")

		asked := 0
		ask := func(ctx context.Context, prompt string, hidden bool) (core.Secret, error) {
			asked++
			time.Sleep(time.Minute)
			return core.NewSecret("1234"), nil
		}
		s = core.New("gs", p, &core.Options{UI: &core.UI{Ask: ask}})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { require.NoError(t, s.Init(t.Context())) })
		}
		wg.Wait()
		require.Equal(t, 1, asked, "one sign-in, however many wait")
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "1234", token(c))
	})
}

func TestCredentialsThatMayNotBeSent(t *testing.T) {
	header := func(name, value string) core.Credential {
		return core.Credential{
			Attach: core.Attachment{Header: map[string]core.Secret{name: core.NewSecret(value)}},
		}
	}
	for _, tc := range []struct {
		name string
		cred core.Credential
		want string
	}{
		{"nothing", core.Credential{}, "empty credential"},
		{"empty value", header("Authorization", ""), `header "Authorization" is empty`},
		{
			"line break", header("Authorization", "Bearer x\r\nX-Evil: 1"),
			"characters that may not be sent",
		},
		{"bad name", header("Autho rization", "x"), "characters that may not be sent"},
		{"reserved", header("host", "x"), `may not set the header "host"`},
		{
			"huge", header("Authorization", string(make([]byte, 200<<10))),
			"characters that may not be sent",
		},
		{"large", header("Authorization", largeToken), "larger than 128 KiB"},
		{
			"cookie",
			core.Credential{Attach: core.Attachment{Cookie: map[string]core.Secret{"a": core.NewSecret("x;y")}}},
			"may not be sent",
		},
		{
			"origin", core.Credential{Attach: bearer("x").Attach, Origins: []string{"https://a/b"}},
			"not an origin",
		},
		{
			"certificate", core.Credential{Attach: core.Attachment{Cert: core.NewSecret("junk")}},
			"client certificate",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				return tc.cred, nil
			})
			s := core.New("gs", p, nil)
			err := s.Init(t.Context())
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "Evil")
		})
	}
}

var largeToken = func() string {
	b := make([]byte, 129<<10)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}()
