package core_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// hanging is a store that hangs in some of its steps, whatever its context says.
func hanging(steps ...string) hooked {
	return hooked{newShelf(), func(step string) error {
		for _, s := range steps {
			if s == step {
				time.Sleep(time.Hour)
			}
		}
		return nil
	}}
}

// A store that hangs in one of its methods, also together with a provider that
// ignores its context, holds a caller for one limit: Timeout and the grace.
func TestStoreThatHangs(t *testing.T) {
	const timeout, grace = time.Second, 100 * time.Millisecond
	for _, tc := range []struct {
		name   string
		hang   []string
		takes  time.Duration // of the provider
		limit  time.Duration
		works  bool // Init returns no error
		stored bool
	}{
		{"load", []string{"load"}, 0, timeout + grace, false, false},
		{"lock", []string{"lock"}, 0, timeout + grace, false, false},
		{"save", []string{"save"}, 0, timeout + grace, true, false},
		{
			"save and a slow provider", []string{"save"}, 900 * time.Millisecond,
			timeout + grace, true, false,
		},
		{"unlock", []string{"unlock"}, 0, 0, true, true},
		{"unlock and a provider", []string{"unlock"}, time.Minute, timeout + grace, false, false},
		{"save and unlock", []string{"save", "unlock"}, 0, timeout + grace, true, false},
		{
			"all", []string{"load", "lock", "save", "unlock", "delete"}, time.Minute,
			timeout + grace, false, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, store := late(tc.takes), hanging(tc.hang...)
				s := core.New("api", p, &core.Options{Store: store, Timeout: timeout})
				began := time.Now()
				err := s.Init(t.Context())
				require.LessOrEqual(t, time.Since(began), tc.limit)
				if tc.works {
					require.NoError(t, err)
					require.Equal(t, "t1", bearing(t, s))
				} else {
					require.ErrorIs(t, err, core.CodeUnavailable)
				}
				require.Equal(t, tc.stored, store.text("api") != "")

				began = time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				_ = s.SignOut(ctx)
				require.LessOrEqual(t, time.Since(began), timeout+grace/2)
				_, err = s.Credential(t.Context())
				require.ErrorIs(t, err, core.CodeClosed)
				time.Sleep(4 * time.Hour) // nothing is left
			})
		})
	}
}

// A renewal whose outcome cannot be saved is used, also if the store hangs in
// the removal of what was spent.
func TestRenewalThatCannotBeSavedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, hanging()
		s := core.New("api", f, &core.Options{Store: store, UI: somebody(0), Timeout: time.Second})
		require.NoError(t, s.Init(t.Context()))
		require.NoError(t, s.Close(t.Context()))
		time.Sleep(2 * time.Hour)
		store.on = hanging("save", "delete").on
		s = core.New("api", f, &core.Options{Store: store, Timeout: time.Second})
		began := time.Now()
		require.NoError(t, s.Init(t.Context()))
		require.LessOrEqual(t, time.Since(began), 1100*time.Millisecond)
		require.Equal(t, "t2", bearing(t, s))
		require.ErrorIs(t, s.Status().StoreError, core.CodeUnavailable)
		began = time.Now()
		require.ErrorIs(t, s.Close(t.Context()), core.CodeUnavailable)
		require.LessOrEqual(t, time.Since(began), 2200*time.Millisecond, "one for each step")
		time.Sleep(4 * time.Hour)
	})
}

// A record that the API and the issuer refused is marked, and the next Init
// asks a person although it has not expired.
func TestRecordThatWasRefused(t *testing.T) {
	refuse := func(t *testing.T, s *core.Session) {
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		s.Reject(c, `Bearer error="invalid_token"`)
		_, err = s.Credential(t.Context())
		require.Error(t, err)
	}
	for _, tc := range []struct {
		name   string
		fault  func(*testing.T, *family, *core.Session)
		marked bool
		token  string // of a program that can ask
	}{
		{"by both", func(t *testing.T, f *family, s *core.Session) {
			f.revoked = true
			refuse(t, s)
		}, true, "t2"},
		{"by the API, and the issuer is down", func(t *testing.T, f *family, s *core.Session) {
			f.down = true
			refuse(t, s)
			f.down = false
		}, false, "t1"},
		{"by the issuer only", func(t *testing.T, f *family, s *core.Session) {
			f.revoked = true
			time.Sleep(59*time.Minute + 30*time.Second)
			require.Equal(t, "t1", bearing(t, s), "it is stale, and served")
			time.Sleep(time.Second)
		}, false, "t2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, store := &family{life: time.Hour}, newShelf()
				login := core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
				require.NoError(t, login.Init(t.Context()))
				require.NoError(t, login.Close(t.Context()))
				work := core.New("api", f, &core.Options{Store: store})
				require.NoError(t, work.Init(t.Context()))
				tc.fault(t, f, work)
				require.Equal(t, tc.marked, recordOf(t, store)["refused"] == true)
				require.NoError(t, work.Close(t.Context()))
				require.NoError(t, login.Init(t.Context()))
				require.Equal(t, tc.token, bearing(t, login))
				require.Nil(t, recordOf(t, store)["refused"])
			})
		})
	}
}

// What was presented to the issuer is what it refused: a credential without a
// refresh state is not marked.
func TestRecordWithoutRefreshStateIsNotMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		p := &scriptedProvider{authenticate: func(
			_ context.Context, call int, _ core.Request,
		) (core.Credential, error) {
			if call > 1 {
				return core.Credential{}, core.Errorf(core.CodeInteractive, "sign in")
			}
			return lasting("t1", "", time.Hour), nil
		}}
		s := ready(t, p, &core.Options{Store: store})
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		s.Reject(c, `Bearer error="invalid_token"`)
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeInteractive)
		require.Nil(t, recordOf(t, store)["refused"])
	})
}

// recordOf returns the members of the record of the session "api".
func recordOf(t *testing.T, store *shelf) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(store.text("api")), &out))
	return out
}

// later is a record of a version that this program cannot read.
const later = `{"version":99,"id":"x","anything":{"new":true}}`

// A record of a later version does not stop a program that needs nobody to sign
// in, and is not overwritten by it. SignOut deletes it, and so does a person's
// sign-in.
func TestRecordOfALaterVersion(t *testing.T) {
	shelfWith := func() *shelf {
		store := newShelf()
		store.values["api"] = core.NewSecret(later)
		return store
	}
	synctest.Test(t, func(t *testing.T) {
		store := shelfWith()
		p := &scriptedProvider{authenticate: issuing(time.Hour)}
		s := core.New("api", p, &core.Options{Store: store})
		require.NoError(t, s.Init(t.Context()))
		require.True(t, p.requests[0].Previous.RefreshState.IsZero())
		require.Equal(t, core.ReasonInitial, p.requests[0].Reason)
		require.ErrorContains(t, s.Status().StoreError, "later version")
		for call := range 3 {
			require.Equal(t, later, store.text("api"), "after %d renewals", call)
			time.Sleep(2 * time.Hour)
			bearing(t, s)
		}
		require.NoError(t, s.Close(t.Context()))
		require.Equal(t, later, store.text("api"))
		require.NoError(t, s.SignOut(t.Context()))
		require.Empty(t, store.text("api"))

		store, f := shelfWith(), &family{life: time.Hour}
		s = core.New("api", f, &core.Options{Store: store})
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.NotErrorIs(t, err, core.CodeInteractive)
		require.ErrorContains(t, err, "was saved by a later version")
		require.ErrorContains(t, err, "a person must sign in")
		require.Equal(t, later, store.text("api"))

		s = core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "t1", bearing(t, s))
		require.EqualValues(t, 1, recordOf(t, store)["version"])
		require.NoError(t, s.Status().StoreError)
		require.NoError(t, s.Close(t.Context()))

		store = shelfWith()
		require.NoError(t, core.New("api", f, &core.Options{Store: store}).SignOut(t.Context()))
		require.Empty(t, store.text("api"), "also of a session that was not used")
	})
}
