package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// allStates is the one list of states, in its order.
var allStates = []string{"new", "fresh", "stale", "expired", "refused", "closing", "closed"}

func TestStateText(t *testing.T) {
	for i, text := range allStates {
		s := core.State(i)
		require.Equal(t, text, s.String())
		written, err := json.Marshal(map[string]core.State{"state": s})
		require.NoError(t, err)
		require.JSONEq(t, `{"state":"`+text+`"}`, string(written))
		back := map[string]core.State{}
		require.NoError(t, json.Unmarshal(written, &back))
		require.Equal(t, s, back["state"])
		require.Equal(t, i >= 1 && i <= 4, s.Ready(), text)
	}
	for _, text := range []string{"", "held", "ready", "Fresh", "fresh ", "unknown", "\x1b[2J"} {
		s := core.StateStale
		err := s.UnmarshalText([]byte(text))
		require.ErrorContains(t, err, "is unknown")
		require.NotContains(t, err.Error(), "\x1b")
		require.Equal(t, core.StateStale, s)
	}
	_, err := core.State(len(allStates)).MarshalText()
	require.ErrorContains(t, err, "is unknown")
	require.Equal(t, "unknown", core.State(len(allStates)).String())
}

func TestCodeText(t *testing.T) {
	for code, text := range map[core.Code]string{
		core.CodeBadConfig: "bad_config", core.CodeUnavailable: "unavailable",
		core.CodeDenied:      "denied",
		core.CodeInteractive: "interactive", core.CodeNotInitialized: "not_initialized",
		core.CodeClosed: "closed", core.CodeOriginRefused: "origin_refused",
	} {
		written, err := code.MarshalText()
		require.NoError(t, err)
		require.Equal(t, text, string(written))
		var back core.Code
		require.NoError(t, back.UnmarshalText(written))
		require.Equal(t, code, back)
	}
	for _, text := range []string{"", "unknown", "bad config", "later"} {
		code := core.CodeDenied
		require.Error(t, code.UnmarshalText([]byte(text)))
		require.Equal(t, core.CodeDenied, code)
	}
}

// A session goes through all states, and Renewable says whether it gets on by
// itself.
func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowEnd{issuer: issuer{life: time.Hour}}
		s := core.New("api", p, nil)
		is := func(state core.State, renewable bool) {
			t.Helper()
			st := s.Status()
			require.Equal(t, state, st.State)
			require.Equal(t, renewable, st.Renewable)
		}
		is(core.StateNew, false)
		p.set(core.Errorf(core.CodeDenied, "no"))
		require.Error(t, s.Init(t.Context()))
		is(core.StateNew, false)
		p.set(nil)
		require.NoError(t, s.Init(t.Context()))
		is(core.StateFresh, true)
		time.Sleep(57 * time.Minute)
		is(core.StateStale, true)
		time.Sleep(time.Hour)
		is(core.StateExpired, true) // nobody has used it, and nothing is wrong
		p.set(core.Errorf(core.CodeUnavailable, "down"))
		_, err := s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		is(core.StateExpired, true)
		time.Sleep(time.Minute)
		p.set(core.Errorf(core.CodeDenied, "no"))
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeDenied)
		is(core.StateExpired, false)
		time.Sleep(time.Minute)
		p.set(nil)
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		is(core.StateFresh, true)
		p.takes = time.Second
		s.Reject(c, "")
		is(core.StateRefused, true)
		time.Sleep(2 * time.Second)
		is(core.StateFresh, true)
		go func() { _ = s.Close(context.Background()) }()
		synctest.Wait()
		is(core.StateClosing, false)
		time.Sleep(5 * time.Second)
		is(core.StateClosed, false)
		require.NoError(t, s.Init(t.Context()))
		is(core.StateFresh, true)
	})
}

// slowEnd takes two seconds to revoke.
type slowEnd struct{ issuer }

func (*slowEnd) Revoke(context.Context, core.Credential) error {
	time.Sleep(2 * time.Second)
	return nil
}

// A new configuration is due to be renewed, whatever the age of the old credential.
func TestStateAfterReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ready(t, &issuer{life: time.Hour}, nil)
		s.Reconfigure(&issuer{life: time.Hour, takes: time.Second}, nil)
		require.Equal(t, core.StateStale, s.Status().State)
		time.Sleep(2 * time.Second)
		require.Equal(t, core.StateFresh, s.Status().State)
	})
}

// visitor signs a person in, without a refresh state unless renews is set.
type visitor struct{ renews bool }

func (v visitor) Authenticate(_ context.Context, req core.Request) (core.Credential, error) {
	if req.Previous.RefreshState.IsZero() {
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
	}
	return v.credential(), nil
}

func (v visitor) SignIn(context.Context, core.Request, core.UI) (core.Credential, error) {
	return v.credential(), nil
}

func (v visitor) credential() core.Credential {
	c := bearer("x")
	c.Expiry = time.Now().Add(time.Hour)
	if v.renews {
		c.RefreshState = core.NewSecret("r")
	}
	return c
}

// A person's sign-in without a refresh state is not renewable, also once it comes
// from a store.
func TestRenewableAfterASignIn(t *testing.T) {
	for _, renews := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			store := newShelf()
			s := ready(t, visitor{renews}, &core.Options{Store: store, UI: somebody(0)})
			require.Equal(t, renews, s.Status().Renewable)
			time.Sleep(30 * time.Minute)
			again := ready(t, visitor{renews}, &core.Options{Store: store})
			require.Zero(t, again.Status().Authentications)
			require.Equal(t, renews, again.Status().Renewable)
			time.Sleep(2 * time.Hour)
			st := again.Status()
			require.Equal(t, core.StateExpired, st.State)
			require.Equal(t, renews, st.Renewable)
		})
	}
}

// The shape names what goes on requests, and no value.
func TestCredentialShape(t *testing.T) {
	attach := core.Attachment{
		Header: map[string]core.Secret{"x-b": core.NewSecret("1"), "X-A": core.NewSecret("2")},
		Query:  map[string]core.Secret{"key": core.NewSecret("3"), "a": core.NewSecret("4")},
		Cookie: map[string]core.Secret{"sid": core.NewSecret("5")},
	}
	s := ready(t, core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{Attach: attach}, nil
	}), nil)
	require.Equal(t, &core.CredentialShape{
		Headers: []string{"X-A", "X-B"}, Query: []string{"a", "key"}, Cookies: []string{"sid"},
	}, s.Status().Credential)
	require.Nil(t, core.New("x", &issuer{}, nil).Status().Credential)

	for name, unsupported := range map[string]bool{"an Authorizer": false, "a proxy": true} {
		s = ready(
			t,
			&perRequest{unsupported: unsupported},
			&core.Options{Origins: []string{"https://a.example"}},
		)
		require.True(t, s.Status().Credential.PerRequest, name)
		r, err := http.NewRequest(http.MethodGet, "https://a.example", nil)
		require.NoError(t, err)
		require.NoError(t, s.Authorize(t.Context(), r))
		require.Equal(t, !unsupported, s.Status().Credential.PerRequest, name)
	}
}

// perRequest authorizes each request, or says that it does not.
type perRequest struct {
	issuer
	unsupported bool
}

func (p *perRequest) Authorize(
	_ context.Context, c core.Credential, _ core.Outgoing,
) (core.Attachment, error) {
	if p.unsupported {
		return core.Attachment{}, errors.ErrUnsupported
	}
	return c.Attach, nil
}
