package core_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// refusing is a session whose API accepts every path but those that a test
// names, and whose provider fails after the first credential.
type refusing struct {
	*core.Session
	p    *scriptedProvider
	fail atomic.Pointer[error] // of the provider; nil: it succeeds
	sent atomic.Int64          // requests to the API
}

const plain401 = `Bearer realm="x"`

func newRefusing(t *testing.T, renewal string, opts core.Options) *refusing {
	t.Helper()
	r := &refusing{}
	r.p = &scriptedProvider{authenticate: func(
		_ context.Context, call int, _ core.Request,
	) (core.Credential, error) {
		if call == 1 {
			return lasting("t1", renewal, time.Hour), nil
		}
		time.Sleep(time.Second)
		if err := r.fail.Load(); err != nil {
			return core.Credential{}, *err
		}
		return lasting("t2", renewal, time.Hour), nil
	}}
	opts.Transport = reaction(func(req *http.Request) (int, string) {
		r.sent.Add(1)
		if req.Header.Get("Authorization") == "" {
			return 500, "" // nothing may be sent without a credential
		}
		if req.URL.Path == "/ok" || req.Header.Get("Authorization") == "Bearer t2" {
			return 200, ""
		}
		if req.URL.Path == "/invalid" {
			return 401, `Bearer error="invalid_token"`
		}
		return 401, plain401
	})
	r.Session = ready(t, r.p, &opts)
	return r
}

func (r *refusing) failWith(code core.Code) {
	err := core.Errorf(code, "no")
	r.fail.Store(&err)
}

// A refused credential goes on being used only if the failure of its
// replacement says nothing about it, if the API did not call it invalid, and if
// the API has accepted it before.
func TestUseOfARefusedCredential(t *testing.T) {
	for _, tc := range []struct {
		name     string
		code     core.Code
		renewal  string
		path     string
		accepted bool
		served   bool
	}{
		{"unavailable", core.CodeUnavailable, "r", "/admin", true, true},
		{"bad config", core.CodeBadConfig, "r", "/admin", true, true},
		{"interactive, with nothing presented", core.CodeInteractive, "", "/admin", true, true},
		{"interactive, by the issuer", core.CodeInteractive, "r", "/admin", true, false},
		{"denied", core.CodeDenied, "r", "/admin", true, false},
		{"denied, with nothing presented", core.CodeDenied, "", "/admin", true, false},
		{"invalid", core.CodeUnavailable, "r", "/invalid", true, false},
		{"never accepted", core.CodeUnavailable, "r", "/admin", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRefusing(t, tc.renewal, core.Options{})
				r.failWith(tc.code)
				if tc.accepted {
					code, err := status(t, r.Session, "/ok")
					require.NoError(t, err)
					require.Equal(t, 200, code)
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					code, err := status(t, r.Session, tc.path)
					require.NoError(t, err)
					require.Equal(t, 401, code, "the refusal is the caller's")
				})
				synctest.Wait()
				sent := r.sent.Load()
				_, err := status(t, r.Session, "/ok")
				require.ErrorIs(t, err, tc.code, "a caller that waited gets the error")
				wg.Wait()
				require.Equal(t, sent, r.sent.Load())
				require.Equal(t, core.StateRefused, r.Status().State)

				code, err := status(t, r.Session, "/ok")
				if tc.served {
					require.NoError(t, err)
					require.Equal(t, 200, code)
				} else {
					require.ErrorIs(t, err, tc.code)
					require.Equal(t, sent, r.sent.Load())
				}
				for name, err := range withoutAnswers(t, r.Session) {
					require.ErrorIs(t, err, tc.code, name)
				}
			})
		})
	}
}

// withoutAnswers uses a session in all ways that do not see what the API
// answers.
func withoutAnswers(t *testing.T, s *core.Session) map[string]error {
	t.Helper()
	out := map[string]error{}
	_, out["Credential"] = s.Credential(t.Context())
	_, out["Signer"] = s.Signer(t.Context())
	req, err := http.NewRequest(http.MethodGet, "https://api.example.com/ok", nil)
	require.NoError(t, err)
	out["Authorize"] = s.Authorize(t.Context(), req)
	require.Empty(t, req.Header)
	_, out["PerRPC"] = s.PerRPC().GetRequestMetadata(t.Context())
	_, out["TLSConfig"] = s.TLSConfig(nil).GetClientCertificate(new(tls.CertificateRequestInfo))
	return out
}

// tolerated is a session whose refused credential goes on being used.
func tolerated(t *testing.T, renewal string) *refusing {
	t.Helper()
	r := newRefusing(t, renewal, core.Options{})
	r.failWith(core.CodeUnavailable)
	code, err := status(t, r.Session, "/ok")
	require.NoError(t, err)
	require.Equal(t, 200, code)
	code, err = status(t, r.Session, "/admin")
	require.NoError(t, err)
	require.Equal(t, 401, code)
	code, err = status(t, r.Session, "/ok")
	require.NoError(t, err)
	require.Equal(t, 200, code)
	return r
}

// What ends the use of a refused credential.
func TestEndOfARefusedCredential(t *testing.T) {
	for _, tc := range []struct {
		name    string
		renewal string
		event   func(t *testing.T, r *refusing)
		want    error // of the next request; nil: it is answered with 200
	}{
		{"the next attempt is denied", "r", func(_ *testing.T, r *refusing) {
			r.failWith(core.CodeDenied)
		}, core.CodeDenied},
		{"the issuer refuses its refresh state", "r", func(_ *testing.T, r *refusing) {
			r.failWith(core.CodeInteractive)
		}, core.CodeInteractive},
		{"a sign-in is necessary, which says nothing", "", func(_ *testing.T, r *refusing) {
			r.failWith(core.CodeInteractive)
		}, nil},
		{"there is another", "r", func(_ *testing.T, r *refusing) { r.fail.Store(nil) }, nil},
		{"the API says that it is not valid", "r", func(t *testing.T, r *refusing) {
			code, err := status(t, r.Session, "/invalid")
			require.NoError(t, err)
			require.Equal(t, 401, code)
		}, core.CodeUnavailable},
		{"it expires", "r", func(t *testing.T, r *refusing) {
			time.Sleep(59 * time.Minute)
			code, err := status(t, r.Session, "/ok")
			require.NoError(t, err)
			require.Equal(t, 200, code)
			time.Sleep(time.Minute)
		}, core.CodeUnavailable},
		{"Close", "r", func(t *testing.T, r *refusing) {
			require.NoError(t, r.Close(t.Context()))
			require.Equal(t, []string{"t1"}, r.p.gone(), "its refresh state may be good")
		}, core.CodeClosed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := tolerated(t, tc.renewal)
				tc.event(t, r)
				time.Sleep(20 * time.Second)
				_, _ = status(t, r.Session, "/ok") // it may start an attempt
				time.Sleep(2 * time.Second)
				code, err := status(t, r.Session, "/ok")
				if tc.want != nil {
					require.ErrorIs(t, err, tc.want)
					return
				}
				require.NoError(t, err)
				require.Equal(t, 200, code)
			})
		})
	}
}

// A session whose refused credential is in use recovers behind its callers,
// within the back-off, and asks the issuer no more often than that.
func TestRefusedSessionRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := tolerated(t, "r")
		for range 600 {
			began := time.Now()
			code, err := status(t, r.Session, "/ok")
			require.NoError(t, err)
			require.Equal(t, 200, code)
			require.Zero(t, time.Since(began), "no caller waits")
			time.Sleep(100 * time.Millisecond)
		}
		require.Less(t, r.p.calls(), 10)
		require.Equal(t, core.StateRefused, r.Status().State)
		r.fail.Store(nil)
		time.Sleep(time.Minute)
		_, _ = status(t, r.Session, "/ok")
		time.Sleep(2 * time.Second)
		require.Equal(t, "t2", bearing(t, r.Session))
		require.Equal(t, core.StateFresh, r.Status().State)
		code, err := status(t, r.Session, "/admin")
		require.NoError(t, err)
		require.Equal(t, 200, code)
	})
}

// That the issuer refused the refresh state before the API refused the
// credential ends its use all the same.
func TestRefusedCredentialWhoseIssuerRefusedBefore(t *testing.T) {
	for renewal, served := range map[string]bool{"r": false, "": true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRefusing(t, renewal, core.Options{})
			r.failWith(core.CodeInteractive)
			code, err := status(t, r.Session, "/ok")
			require.NoError(t, err)
			require.Equal(t, 200, code)
			time.Sleep(59*time.Minute + 30*time.Second)
			_, err = status(t, r.Session, "/ok") // it starts a renewal
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
			code, err = status(t, r.Session, "/admin")
			require.NoError(t, err)
			require.Equal(t, 401, code)
			calls := r.p.calls()
			code, err = status(t, r.Session, "/ok")
			if served {
				require.NoError(t, err)
				require.Equal(t, 200, code)
			} else {
				require.ErrorIs(t, err, core.CodeInteractive)
			}
			require.Equal(t, calls, r.p.calls(), "the cool-down binds")
		})
	}
}

// A caller that waited for a timer's attempt, and asks again because that could
// not ask anybody, does not get the refused credential either.
func TestRefusedCredentialAfterATimersAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRefusing(t, "", core.Options{KeepFresh: true, Early: time.Minute})
		r.failWith(core.CodeInteractive)
		code, err := status(t, r.Session, "/ok")
		require.NoError(t, err)
		require.Equal(t, 200, code)
		for r.p.calls() < 2 {
			time.Sleep(100 * time.Millisecond) // until the timer's attempt is under way
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			code, err := status(t, r.Session, "/admin")
			require.NoError(t, err)
			require.Equal(t, 401, code)
		})
		synctest.Wait()
		_, err = status(t, r.Session, "/ok")
		require.ErrorIs(t, err, core.CodeInteractive)
		wg.Wait()
		require.Equal(t, 3, r.p.calls(), "the callers made an attempt of their own")
		require.EqualValues(t, 2, r.sent.Load())
		require.NoError(t, r.Close(t.Context()))
	})
}
