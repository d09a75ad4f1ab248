package core_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestErrorTimeout(t *testing.T) {
	passed := &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
	refused := &net.OpError{Op: "dial", Err: errors.New("refused")}
	wrap := func(format string, args ...any) error {
		return core.Errorf(core.CodeUnavailable, format, args...)
	}
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"a context's deadline":         {wrap("asking: %w", context.DeadlineExceeded), true},
		"a connection's":               {wrap("asking: %w", passed), true},
		"the system's":                 {wrap("%w", os.ErrDeadlineExceeded), true},
		"of an error within":           {wrap("a: %w", core.Prefix(context.DeadlineExceeded, "b")), true},
		"after one that has no time":   {wrap("%w; %w", refused, context.DeadlineExceeded), true},
		"in the URL's error":           {wrap("%w", &url.Error{Err: passed}), true},
		"behind one that denies it":    {wrap("%w", fmt.Errorf("x: %w", errors.Join(refused, passed))), true},
		"a cancelled context":          {wrap("asking: %w", context.Canceled), false},
		"a refused connection":         {wrap("asking: %w", refused), false},
		"no cause":                     {&core.Error{Code: core.CodeUnavailable}, false},
		"nil":                          {(*core.Error)(nil), false},
		"a nil error within":           {wrap("%w", (*core.Error)(nil)), false},
		"a text that only mentions it": {wrap("%v", context.DeadlineExceeded), false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, os.IsTimeout(tc.err))
			shown := &url.Error{Op: "Get", URL: "https://api.example.com", Err: tc.err}
			require.Equal(t, tc.want, shown.Timeout())
		})
	}
}

// TestTimeoutOfARequest checks what a caller of Client().Do sees while the
// token endpoint does not answer.
func TestTimeoutOfARequest(t *testing.T) {
	hangs := core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
		<-ctx.Done()
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "no answer: %w", ctx.Err())
	})
	s := core.New("slow", hangs, &core.Options{Lazy: true, Origins: []string{"https://api.example.com"}})
	defer s.Close(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/", nil)
	require.NoError(t, err)
	_, err = s.Client().Do(req)
	var shown *url.Error
	require.ErrorAs(t, err, &shown)
	require.True(t, shown.Timeout())
	require.True(t, os.IsTimeout(err))
}

func TestLocalErrors(t *testing.T) {
	missing := core.LocalErrorf(core.CodeBadConfig, "file %q does not exist: %w", "x.pem", os.ErrNotExist)
	busy := &core.Error{Code: core.CodeUnavailable, RetryAfter: time.Minute, Err: errors.New("busy")}
	local := func(err error) bool {
		var e *core.Error
		return errors.As(err, &e) && e.Local
	}
	require.True(t, local(missing))
	require.ErrorIs(t, missing, core.CodeBadConfig)
	require.ErrorIs(t, missing, os.ErrNotExist)
	require.EqualError(t, missing, `bad config: file "x.pem" does not exist: file does not exist`)
	require.False(t, local(core.Errorf(core.CodeBadConfig, "asking: %w", core.Cause(missing))))

	t.Run("a prefix changes nothing else", func(t *testing.T) {
		require.NoError(t, core.Prefix(nil, "x"))
		err := core.Prefix(missing, "client_key")
		require.True(t, local(err))
		require.EqualError(t, err, `bad config: client_key: file "x.pem" does not exist: file does not exist`)
		require.ErrorIs(t, err, os.ErrNotExist)
		var e *core.Error
		require.ErrorAs(t, core.Prefix(busy, "the keys"), &e)
		require.Equal(t, core.Error{Code: core.CodeUnavailable, RetryAfter: time.Minute, Err: e.Err}, *e)
		require.EqualError(t, busy, "unavailable: busy; next attempt in 1m0s", "the original is as it was")
		require.EqualError(t, core.Prefix(core.CodeDenied, "x"), "denied: x")
		require.EqualError(t, core.Prefix(errors.New("odd"), "x"), "unavailable: x: odd")
		require.EqualError(t, core.Prefix(&core.Error{Code: core.CodeDenied}, "x"), "denied: x")
		said := &core.Error{Session: "s", Op: "init", Code: core.CodeDenied, Err: errors.New("no")}
		require.EqualError(t, core.Prefix(said, "x"), `session "s": init: denied: x: no`)
		wrapped := core.Prefix(fmt.Errorf("reading: %w", missing), "x")
		require.True(t, local(wrapped))
		require.ErrorIs(t, wrapped, core.CodeBadConfig)
	})
	t.Run("the session keeps it", func(t *testing.T) {
		for _, given := range []error{missing, fmt.Errorf("reading: %w", missing)} {
			s := core.New("files", core.ProviderFunc(
				func(context.Context, core.Request) (core.Credential, error) {
					return core.Credential{}, given
				}), nil)
			require.True(t, local(s.Init(t.Context())))
			f := core.NewFactory(core.Info{Kind: "files"},
				func(context.Context, core.Environment, struct{}) (core.Provider, error) {
					return nil, given
				})
			_, err := f.Open(t.Context(), "", nil)
			require.True(t, local(err))
		}
	})
}
