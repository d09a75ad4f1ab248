package providerhttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// flaky is a token endpoint that answers its first requests with 503, or breaks
// their connections.
type flaky struct {
	*httptest.Server
	fails    atomic.Int64 // how many requests fail
	breaks   bool         // it breaks connections
	requests atomic.Int64
}

func newFlaky(t *testing.T, breaks bool) *flaky {
	f := &flaky{breaks: breaks}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.requests.Add(1)
		switch {
		case f.fails.Add(-1) < 0:
			_, _ = w.Write([]byte(`{"token":"t"}`))
		case f.breaks:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// Authenticate implements [core.Provider]. What it spends is the refresh state.
func (f *flaky) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	var answer struct{ Token core.Secret }
	call := providerhttp.Call{
		URL: f.URL, Form: map[string]any{"refresh_token": req.Previous.RefreshState},
		SpendsNothing: req.Previous.RefreshState.IsZero(),
	}
	if err := providerhttp.Post(ctx, req, call, &answer); err != nil {
		return core.Credential{}, err
	}
	h := map[string]core.Secret{"Authorization": answer.Token}
	return core.Credential{
		Attach: core.Attachment{Header: h}, RefreshState: core.NewSecret("refresh"),
		Expiry: time.Now().Add(time.Hour),
	}, nil
}

// One failure of the token endpoint does not fail Init. An attempt after a
// failure sends one request, and a refresh token is never sent twice.
func TestSessionOverAFlakyEndpoint(t *testing.T) {
	for name, breaks := range map[string]bool{"503": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFlaky(t, breaks)
			s := core.New("api", f, nil)
			f.fails.Store(1)
			require.NoError(t, s.Init(t.Context()))
			require.EqualValues(t, 2, f.requests.Load())

			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			f.fails.Store(1)
			s.Reject(c, "")
			_, err = s.Credential(t.Context())
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.EqualValues(t, 3, f.requests.Load(), "the refresh token was sent once")
			require.NoError(t, s.Close(t.Context()))

			s = core.New("api", f, nil)
			f.fails.Store(3)
			require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
			require.EqualValues(t, 5, f.requests.Load())
			require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
			require.EqualValues(t, 6, f.requests.Load(), "one request after a failure")
			require.NoError(t, s.Close(t.Context()))
		})
	}
}
