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

// withPerson signs in as signIn does.
type withPerson func(ctx context.Context, ui core.UI) (core.Credential, error)

func (withPerson) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
}

func (f withPerson) SignIn(
	ctx context.Context, _ core.Request, ui core.UI,
) (core.Credential, error) {
	return f(ctx, ui)
}

// pollingFor shows a code that is valid for life, and waits until its end.
func pollingFor(life time.Duration) withPerson {
	return func(ctx context.Context, ui core.UI) (core.Credential, error) {
		until := time.Now().Add(life)
		err := ui.ShowDevicePrompt(ctx, core.DevicePrompt{
			VerificationURI: "https://login.example.com/device", UserCode: "WDJB-MJHT",
			ExpiresAt: until,
		})
		if err != nil {
			return core.Credential{}, err
		}
		select {
		case <-time.After(time.Until(until)):
			return bearer("late but there"), nil
		case <-ctx.Done():
			return core.Credential{}, ctx.Err()
		}
	}
}

// The lifetime of a device code counts, unless the program sets a limit, and the person
// is told the end that holds.
func TestSignInLimit(t *testing.T) {
	for name, tt := range map[string]struct {
		life, limit   time.Duration
		shown, signed time.Duration
		ok            bool
	}{
		"shorter than the default":   {5 * time.Minute, 0, 5 * time.Minute, 5 * time.Minute, true},
		"longer than the default":    {15 * time.Minute, 0, 15 * time.Minute, 15 * time.Minute, true},
		"an hour":                    {time.Hour, 0, time.Hour, time.Hour, true},
		"longer than a day":          {48 * time.Hour, 0, 24 * time.Hour, 24 * time.Hour, false},
		"a limit below it":           {15 * time.Minute, 2 * time.Minute, 2 * time.Minute, 2 * time.Minute, false},
		"a limit above it":           {15 * time.Minute, 20 * time.Minute, 15 * time.Minute, 15 * time.Minute, true},
		"a limit beyond the default": {30 * time.Minute, 20 * time.Minute, 20 * time.Minute, 20 * time.Minute, false},
	} {
		for _, way := range []string{"ShowDevicePrompt", "Show"} {
			t.Run(name+" by "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					var shown core.DevicePrompt
					var text string
					ui := &core.UI{ShowDevicePrompt: func(_ context.Context, v core.DevicePrompt) error {
						shown = v
						return nil
					}}
					if way == "Show" {
						ui = &core.UI{Show: func(_ context.Context, message string) error {
							text = message
							return nil
						}}
					}
					s := core.New("s", pollingFor(tt.life), &core.Options{UI: ui, SignInTimeout: tt.limit})
					err := s.Init(t.Context())
					require.InDelta(t, tt.signed, time.Since(began), float64(time.Second))
					if tt.ok {
						require.NoError(t, err)
					} else {
						require.ErrorIs(t, err, core.CodeUnavailable)
						require.ErrorIs(t, err, context.DeadlineExceeded)
					}
					if way == "Show" {
						require.Contains(t, text, began.Add(tt.shown).Local().Format("15:04"))
						require.Contains(t, text, "WDJB-MJHT")
						return
					}
					require.WithinDuration(t, began.Add(tt.shown), shown.ExpiresAt, time.Second)
				})
			})
		}
	}
}

// A sign-in without a device code ends after ten minutes, or the program's limit.
func TestSignInLimitWithoutACode(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		0: 10 * time.Minute, time.Minute: time.Minute, time.Hour: time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			var waits []time.Duration
			began, ended := time.Now(), errors.New("none")
			p := withPerson(func(ctx context.Context, _ core.UI) (core.Credential, error) {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				<-ctx.Done()
				ended = ctx.Err()
				return core.Credential{}, core.Errorf(core.CodeInteractive, "nobody: %w", context.Cause(ctx))
			})
			s := core.New("s", p, &core.Options{UI: &core.UI{}, SignInTimeout: limit,
				Observe: func(ev core.Event) {
					if ev.Type == core.EventSigningIn {
						waits = append(waits, ev.Wait)
					}
				}})
			err := s.Init(t.Context())
			require.ErrorIs(t, err, core.CodeInteractive)
			require.ErrorIs(t, ended, context.DeadlineExceeded, "a child sees why it ended")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, want, time.Since(began))
			require.NoError(t, s.Close(t.Context()))
			synctest.Wait()
			require.Equal(t, []time.Duration{want}, waits)
		})
	}
}

// A prompt that comes when the sign-in is over changes nothing.
func TestSignInLateExtension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late func()
		p := withPerson(func(ctx context.Context, ui core.UI) (core.Credential, error) {
			late = func() {
				_ = ui.ShowDevicePrompt(ctx, core.DevicePrompt{
					VerificationURI: "https://login.example.com/device", ExpiresAt: time.Now().Add(time.Hour),
				})
			}
			return bearer("t"), nil
		})
		var ends []time.Time
		s := core.New("s", p, &core.Options{UI: &core.UI{
			ShowDevicePrompt: func(_ context.Context, v core.DevicePrompt) error {
				ends = append(ends, v.ExpiresAt)
				return nil
			},
		}})
		require.NoError(t, s.Init(t.Context()))
		late()
		require.Equal(t, []time.Time{time.Now().Add(10 * time.Minute)}, ends)
		require.NoError(t, s.Close(t.Context()))
	})
}

// Each function of the UI learns which session it is called for.
func TestSignInNamesTheSession(t *testing.T) {
	require.Empty(t, core.SignInSession(t.Context()))
	var mu sync.Mutex
	got := map[string]string{}
	note := func(ctx context.Context, what string) {
		mu.Lock()
		defer mu.Unlock()
		got[what] = core.SignInSession(ctx)
	}
	ui := &core.UI{
		Show: func(ctx context.Context, _ string) error { note(ctx, "Show"); return nil },
		Ask: func(ctx context.Context, _ string, _ bool) (core.Secret, error) {
			note(ctx, "Ask")
			return core.Secret{}, nil
		},
		Open: func(ctx context.Context, _ string) error { note(ctx, "Open"); return nil },
		ShowDevicePrompt: func(ctx context.Context, _ core.DevicePrompt) error {
			note(ctx, "ShowDevicePrompt")
			return nil
		},
	}
	p := withPerson(func(_ context.Context, ui core.UI) (core.Credential, error) {
		ctx := context.Background() // a provider need not pass the context that it got
		_ = ui.Show(ctx, "")
		_, _ = ui.Ask(ctx, "", false)
		_ = ui.Open(ctx, "")
		return bearer("t"), ui.ShowDevicePrompt(ctx, core.DevicePrompt{VerificationURI: "https://a/"})
	})
	require.NoError(t, core.New("reports", p, &core.Options{UI: ui}).Init(t.Context()))
	require.Equal(t, map[string]string{"Show": "reports", "Ask": "reports", "Open": "reports",
		"ShowDevicePrompt": "reports"}, got)
}

// What the program cannot do, the provider does not get.
func TestSignInUIKeepsWhatIsMissing(t *testing.T) {
	p := withPerson(func(_ context.Context, ui core.UI) (core.Credential, error) {
		require.Nil(t, ui.Show)
		require.Nil(t, ui.Ask)
		require.Nil(t, ui.Open)
		require.Nil(t, ui.ShowDevicePrompt)
		return bearer("t"), nil
	})
	require.NoError(t, core.New("s", p, &core.Options{UI: &core.UI{}}).Init(t.Context()))
}
