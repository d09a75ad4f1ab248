package core_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// front issues f1, f2 and so on; its provider may take a person.
type front struct {
	issued  atomic.Int64
	persons atomic.Int64
	fail    atomic.Bool
	asks    bool // renewals take a person
}

func (f *front) Authenticate(_ context.Context, req core.Request) (core.Credential, error) {
	if f.asks && req.Reason != core.ReasonInitial {
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
	}
	if f.fail.Load() {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "down")
	}
	return authorization(fmt.Sprint("f", f.issued.Add(1))), nil
}

func (f *front) SignIn(context.Context, core.Request, core.UI) (core.Credential, error) {
	f.persons.Add(1)
	return authorization(fmt.Sprint("f", f.issued.Add(1))), nil
}

// exchange takes the input subject, unless revoked says no.
type exchange struct {
	mu      sync.Mutex
	seen    []string
	said    []string // challenges
	revoked func(text string) bool
	role    string // that it names; empty: subject
	life    time.Duration
}

func (e *exchange) Authenticate(_ context.Context, req core.Request) (core.Credential, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	text := req.Inputs["subject"].Attach.Header["Authorization"].Reveal()
	e.seen, e.said = append(e.seen, text), append(e.said, req.Challenge)
	if e.revoked != nil && e.revoked(text) {
		role := e.role
		if role == "" {
			role = "subject"
		}
		return core.Credential{}, core.InputRefused(role, core.Errorf(core.CodeDenied, "invalid_grant"))
	}
	c := authorization("orders for " + text)
	if e.life > 0 {
		c.Expiry = time.Now().Add(e.life)
	}
	return c, nil
}

func (e *exchange) asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.seen...)
}

func is(texts ...string) func(string) bool {
	return func(text string) bool {
		for _, t := range texts {
			if text == "T "+t {
				return true
			}
		}
		return false
	}
}

func TestInputRefused(t *testing.T) {
	setup := func(e *exchange, f *front) (*core.Session, *core.Session) {
		login := core.New("front", f, nil)
		opts := &core.Options{Inputs: map[string]*core.Session{"subject": login}}
		return core.New("orders", e, opts), login
	}
	t.Run("it is rejected where it is from, and the next one is tried", func(t *testing.T) {
		e, f := &exchange{revoked: is("f1")}, &front{}
		orders, login := setup(e, f)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { require.NoError(t, orders.Init(t.Context())) })
		}
		group.Wait()
		require.Equal(t, []string{"T f1", "T f2"}, e.asked())
		require.EqualValues(t, 2, f.issued.Load())
		require.EqualValues(t, 1, login.Status().Refusals)
		require.Zero(t, orders.Status().Failures, "nothing has failed")
		require.EqualValues(t, 1, orders.Status().Authentications)
	})
	t.Run("once", func(t *testing.T) {
		e, f := &exchange{revoked: func(string) bool { return true }}, &front{}
		orders, login := setup(e, f)
		err := orders.Init(t.Context())
		require.ErrorIs(t, err, core.CodeDenied)
		require.ErrorContains(t, err, `session "orders": init: denied: invalid_grant`)
		require.Equal(t, []string{"T f1", "T f2"}, e.asked())
		require.EqualValues(t, 1, login.Status().Refusals)
		require.EqualValues(t, 1, orders.Status().Failures)
	})
	t.Run("the input's session has no other", func(t *testing.T) {
		e, f := &exchange{revoked: is("f1")}, &front{}
		orders, login := setup(e, f)
		require.NoError(t, login.Init(t.Context()))
		f.fail.Store(true)
		err := orders.Init(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorContains(t, err, `the input "subject"`)
		require.Equal(t, []string{"T f1"}, e.asked())
	})
	t.Run("the input's session was refused a moment ago", func(t *testing.T) {
		e, f := &exchange{}, &front{}
		orders, login := setup(e, f)
		require.NoError(t, login.Init(t.Context()))
		for range 3 { // refusals that follow each other closely are spaced
			c, err := login.Credential(t.Context())
			require.NoError(t, err)
			login.Reject(c, "")
		}
		c, err := login.Credential(t.Context())
		require.NoError(t, err)
		e.revoked = func(text string) bool { return text == c.Attach.Header["Authorization"].Reveal() }
		require.ErrorIs(t, orders.Init(t.Context()), core.CodeDenied)
		require.Len(t, e.asked(), 1, "the same input is not presented twice")
	})
	t.Run("the input's session has another already", func(t *testing.T) {
		e, f := &exchange{}, &front{}
		orders, login := setup(e, f)
		require.NoError(t, login.Init(t.Context()))
		e.revoked = func(text string) bool {
			if text != "T f1" {
				return false
			}
			c, err := login.Credential(t.Context())
			require.NoError(t, err)
			login.Reject(c, "")
			_, err = login.Credential(t.Context())
			require.NoError(t, err)
			return true
		}
		require.NoError(t, orders.Init(t.Context()))
		require.Equal(t, []string{"T f1", "T f2"}, e.asked())
		require.EqualValues(t, 1, login.Status().Refusals, "the new one was not refused")
	})
	t.Run("the second attempt is told what the first one was", func(t *testing.T) {
		e, f := &exchange{}, &front{}
		orders, _ := setup(e, f)
		require.NoError(t, orders.Init(t.Context()))
		e.revoked = is("f1")
		c, err := orders.Credential(t.Context())
		require.NoError(t, err)
		orders.Reject(c, "T realm=x")
		_, err = orders.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"", "T realm=x", "T realm=x"}, e.said)
	})
	t.Run("an input that it does not have", func(t *testing.T) {
		e, f := &exchange{revoked: is("f1"), role: "actor\x1b"}, &front{}
		orders, login := setup(e, f)
		err := orders.Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, `its input "actor"`)
		require.Len(t, e.asked(), 1)
		require.Zero(t, login.Status().Refusals)
		e.revoked = func(string) bool { return true }
		require.ErrorIs(t, core.New("alone", e, nil).Init(t.Context()), core.CodeBadConfig)
	})
}

// A timer's renewal that finds its input refused asks nobody to sign in, and the API's callers
// share the second attempt.
func TestInputRefusedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &front{asks: true}
		login := core.New("front", f, &core.Options{UI: &core.UI{}})
		e := &exchange{life: time.Minute}
		orders := core.New("orders", e, &core.Options{
			KeepFresh: true, Inputs: map[string]*core.Session{"subject": login},
		})
		require.NoError(t, orders.Init(t.Context()))
		e.mu.Lock()
		e.revoked = is("f1")
		e.mu.Unlock()
		time.Sleep(59 * time.Second)
		require.Greater(t, len(e.asked()), 1)
		require.Zero(t, f.persons.Load(), "nobody used a session")
		_, err := login.Credential(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, f.persons.Load())
		require.NoError(t, orders.Close(t.Context()))
		require.NoError(t, login.Close(t.Context()))
	})
}

func TestInputRefusedError(t *testing.T) {
	require.NoError(t, core.InputRefused("subject", nil))
	cause := errors.New("cause")
	for _, tc := range []struct {
		err  error
		code core.Code
		text string
	}{
		{core.CodeDenied, core.CodeDenied, "denied"},
		{cause, core.CodeUnavailable, "unavailable: cause"},
		{
			&core.Error{Code: core.CodeDenied, RetryAfter: time.Second, Op: "x", Err: cause},
			core.CodeDenied, "x: denied: cause; next attempt in 1s",
		},
		{
			fmt.Errorf("so: %w", &core.Error{Code: core.CodeDenied, RetryAfter: time.Second, Err: cause}),
			core.CodeDenied, "denied: so: denied: cause; next attempt in 1s; next attempt in 1s",
		},
	} {
		before := tc.err.Error()
		err := core.InputRefused("subject", tc.err)
		var e *core.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "subject", e.Input)
		require.ErrorIs(t, err, tc.code)
		require.Equal(t, tc.text, err.Error())
		require.Equal(t, before, tc.err.Error())
		require.ErrorAs(t, core.Prefix(err, "p"), &e)
		require.Equal(t, "subject", e.Input)
	}
}
