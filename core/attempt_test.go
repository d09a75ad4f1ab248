package core_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestHalfOfTheTimeIsTheProviders proves that a Begin which does not return leaves the provider
// half of the attempt's time.
func TestHalfOfTheTimeIsTheProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := core.New("api", &issuer{takes: 20 * time.Millisecond}, &core.Options{
			Timeout: 100 * time.Millisecond,
			Begin: func(context.Context, core.Event) context.Context {
				time.Sleep(90 * time.Millisecond)
				return nil
			},
		})
		require.NoError(t, s.Init(t.Context()))
	})
}

// TestBareErrors proves that an error without a code is said to be one of time only if the time was
// over.
func TestBareErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  func(ctx context.Context) error
		late bool
	}{
		{"of the provider", func(context.Context) error { return errors.New("broken") }, false},
		{"of the context", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, true},
		{"of something at the end", func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("broken")
		}, true},
		{"with a code at the end", func(ctx context.Context) error {
			<-ctx.Done()
			return core.Errorf(core.CodeUnavailable, "broken")
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := core.ProviderFunc(
					func(ctx context.Context, _ core.Request) (core.Credential, error) {
						return core.Credential{}, c.ask(ctx)
					})
				err := core.New("api", provider, nil).Init(t.Context())
				require.ErrorIs(t, err, core.CodeUnavailable)
				require.Equal(t, c.late, strings.Contains(err.Error(), "did not finish in time"), err)
			})
		})
	}
}

// lateProvider returns a token a second after Authenticate was called, whatever its context says,
// and fails to revoke it if it says so.
type lateProvider struct{ revoke error }

func (p *lateProvider) Authenticate(context.Context, core.Request) (core.Credential, error) {
	time.Sleep(time.Second)
	return bearer("late"), nil
}

func (p *lateProvider) Revoke(context.Context, core.Credential) error { return p.revoke }

// TestLateCredentialThatCannotBeRevoked proves that the log says so, and nothing otherwise.
func TestLateCredentialThatCannotBeRevoked(t *testing.T) {
	for _, fault := range []error{nil, errors.New("the issuer is down")} {
		synctest.Test(t, func(t *testing.T) {
			var log safeText
			s := core.New("api", &lateProvider{fault}, &core.Options{
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			go func() { _ = s.Init(context.Background()) }()
			time.Sleep(time.Millisecond)
			_ = s.Close(t.Context())
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, fault != nil,
				strings.Contains(log.String(), "could not release a credential"), log.String())
		})
	}
}

// TestWaitIsLogged proves that a session which has a logger alone, or an Observe alone, reports a
// wait.
func TestWaitIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log safeText
		front := core.New("front", &issuer{takes: time.Second}, nil)
		s := core.New("api", &issuer{}, &core.Options{
			Inputs: map[string]*core.Session{"subject": front},
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		require.NoError(t, s.Init(t.Context()))
		synctest.Wait()
		require.Contains(t, log.String(), "waiting")
	})
}
