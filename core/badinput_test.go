package core_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// uses calls every method of a session, and everything that takes a session.
// What returns no error is nil.
func uses(s *core.Session) map[string]func(ctx context.Context) error {
	one := func(_ any, err error) error { return err }
	request := func(ctx context.Context) *http.Request {
		if ctx == nil {
			ctx = context.Background()
		}
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/", nil)
		return r
	}
	nothing := func(context.Context) error { return nil }
	return map[string]func(ctx context.Context) error{
		"Authorize": func(ctx context.Context) error { return s.Authorize(ctx, request(ctx)) },
		"Client":    func(ctx context.Context) error { return one(s.Client().Do(request(ctx))) },
		"HandshakeClient": func(ctx context.Context) error {
			return one(s.HandshakeClient().Do(request(ctx)))
		},
		"Close": func(ctx context.Context) error { return s.Close(ctx) },
		"Credential": func(ctx context.Context) error {
			return one(s.Credential(ctx))
		},
		"DialTLS": func(ctx context.Context) error {
			return one(s.DialTLS(ctx, "tcp", "127.0.0.1:1"))
		},
		"Init": func(ctx context.Context) error { return s.Init(ctx) },
		"Name": func(context.Context) error { _ = s.Name(); return nil },
		"PerRPC": func(ctx context.Context) error {
			_ = s.PerRPC().RequireTransportSecurity()
			return one(s.PerRPC().GetRequestMetadata(ctx, "https://api.example.com/x"))
		},
		"Reconfigure": func(context.Context) error { s.Reconfigure(nil, nil); return nil },
		"Reject":      func(context.Context) error { s.Reject(core.Credential{}, ""); return nil },
		"Renew":       func(ctx context.Context) error { return s.Renew(ctx) },
		"Restore":     func(ctx context.Context) error { return one(s.Restore(ctx)) },
		"RejectStored": func(ctx context.Context) error {
			return one(s.RejectStored(ctx, core.NewSecret("x")))
		},
		"SignIn": func(ctx context.Context) error {
			return s.SignIn(ctx, &core.SignInOptions{UI: &core.UI{}})
		},
		"For": func(ctx context.Context) error {
			return one(s.For(core.Need{MinValidity: time.Second}).Credential(ctx))
		},
		"SignOut": func(ctx context.Context) error { return s.SignOut(ctx) },
		"Signer":  func(ctx context.Context) error { return one(s.Signer(ctx)) },
		"Status":  func(context.Context) error { _ = s.Status(); return nil },
		"Stored":  func(ctx context.Context) error { return one(s.Stored(ctx)) },
		"String":  func(context.Context) error { _ = s.String(); return nil },
		"TLSConfig": func(context.Context) error {
			_, err := s.TLSConfig(nil).GetClientCertificate(new(tls.CertificateRequestInfo))
			return err
		},
		"Transport": func(ctx context.Context) error {
			return one(s.Transport(nil).RoundTrip(request(ctx)))
		},
		"Scope.Use": func(ctx context.Context) error { return new(core.Scope).Use(ctx, s) },
		"Scope.Do": func(ctx context.Context) error {
			return new(core.Scope).Do(ctx, s, nothing)
		},
		"Scope.With": func(ctx context.Context) error {
			if ctx == nil {
				ctx = context.Background()
			}
			scope := new(core.Scope)
			_, err := scope.Client().Do(request(scope.With(ctx, nil, s)))
			return err
		},
		"Scope.SetCurrent": func(ctx context.Context) error {
			scope := new(core.Scope)
			scope.SetCurrent(s)
			_, err := scope.Client().Do(request(ctx))
			return err
		},
	}
}

// withoutError are the uses that have none to return.
const withoutError = "Close Name Reconfigure Reject Restore SignOut Status Stored String"

// Every use of a session that New did not make, that has no provider or that is
// nothing but its zero options returns a typed error, and does not panic.
func TestUsesOfASessionThatWasNotMade(t *testing.T) {
	methods := reflect.TypeFor[*core.Session]()
	for i := range methods.NumMethod() {
		require.Contains(t, uses(nil), methods.Method(i).Name)
	}
	for made, newSession := range map[string]func() *core.Session{
		"new(core.Session)": func() *core.Session { return new(core.Session) },
		"no provider":       func() *core.Session { return core.New("", nil, nil) },
		"lazy":              func() *core.Session { return core.New("", nil, &core.Options{Lazy: true}) },
		"closed": func() *core.Session {
			s := new(core.Session)
			_ = s.Close(context.Background())
			return s
		},
	} {
		for name := range uses(nil) {
			t.Run(made+"/"+name, func(t *testing.T) {
				s := newSession()
				err := uses(s)[name](t.Context())
				if slices.Contains(strings.Fields(withoutError), name) {
					require.NoError(t, err)
				} else {
					var e *core.Error
					require.ErrorAs(t, err, &e)
					require.Contains(t, []core.Code{
						core.CodeBadConfig, core.CodeNotInitialized, core.CodeClosed,
					}, e.Code)
				}
				requireUsable(t, s)
			})
		}
	}
}

// requireUsable requires that nothing of a session is stuck: it works once it
// has a provider.
func requireUsable(t *testing.T, s *core.Session) {
	t.Helper()
	s.Reconfigure(&issuer{life: time.Hour}, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	require.NoError(t, s.Init(ctx))
	_, err := s.Credential(ctx)
	require.NoError(t, err)
	require.NoError(t, s.Close(ctx))
	require.Equal(t, core.StateClosed, s.Status().State)
}

// A context that is over or nil leaves nothing stuck: no lock, no block and no
// Close that does not end.
func TestContextsThatAreOverOrNil(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for name, ctx := range map[string]context.Context{"over": over, "nil": nil} {
		for use := range uses(nil) {
			for _, initialised := range []bool{true, false} {
				t.Run(strings.Join([]string{name, use}, "/"), func(t *testing.T) {
					s := core.New("api", &revoking{issuer: issuer{life: time.Hour}}, &core.Options{
						Transport: reaction(func(*http.Request) (int, string) { return 200, "" }),
					})
					if initialised {
						require.NoError(t, s.Init(t.Context()))
					}
					err := uses(s)[use](ctx)
					if err != nil && use != "DialTLS" {
						var e *core.Error
						require.ErrorAs(t, err, &e)
					}
					s.Reconfigure(&issuer{life: time.Hour}, nil)
					blocks := func() error {
						return core.Do(context.Background(), s, func(context.Context) error { return nil })
					}
					require.NoError(t, s.Close(t.Context()))
					require.NoError(t, blocks())
					require.Equal(t, core.StateClosed, s.Status().State, "no block is left")
					requireUsable(t, s)
				})
			}
		}
	}
}

// What a provider may return by mistake.
func TestProvidersThatReturnNothing(t *testing.T) {
	var none *core.Error
	for name, tc := range map[string]struct {
		p    core.Provider
		want core.Code
	}{
		"an empty credential": {fixed(core.Credential{}), core.CodeUnavailable},
		"a typed nil error": {core.ProviderFunc(func(
			context.Context, core.Request,
		) (core.Credential, error) {
			return bearer("x"), none
		}), core.CodeUnavailable},
		"an error without a code": {core.ProviderFunc(func(
			context.Context, core.Request,
		) (core.Credential, error) {
			return core.Credential{}, io.EOF
		}), core.CodeUnavailable},
		"an Authorizer that attaches nothing": {emptyHanded{}, core.CodeUnavailable},
		"an origin that is none": {fixed(core.Credential{
			Attach: bearer("x").Attach, Origins: []string{"https://a/b"},
		}), core.CodeBadConfig},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				s := core.New("api", tc.p, &core.Options{
					Lazy:      true,
					Transport: reaction(func(*http.Request) (int, string) { sent++; return 200, "" }),
				})
				_, err := status(t, s, "/")
				require.ErrorIs(t, err, tc.want)
				require.Zero(t, sent, "nothing is sent without a credential")
				s.Reconfigure(fixed(bearer("good")), &core.Options{
					Transport: reaction(func(*http.Request) (int, string) { sent++; return 200, "" }),
				})
				require.NoError(t, s.Init(t.Context()))
				synctest.Wait()
				require.Equal(t, "good", bearing(t, s))
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
}

// emptyHanded is an Authorizer that attaches nothing.
type emptyHanded struct{}

func (emptyHanded) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{}, nil
}

func (emptyHanded) Authorize(
	context.Context, core.Credential, core.Outgoing,
) (core.Attachment, error) {
	return core.Attachment{}, nil
}

// An error of a caller whose context is over wraps that of the context.
func TestErrorOfAContextThatIsOver(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the user left")
	cancel(why)
	p := &issuer{life: time.Hour}
	s := core.New("api", p, &core.Options{Lazy: true})
	_, err := s.Credential(ctx)
	for _, err := range []error{s.Init(ctx), err} {
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorIs(t, err, why)
	}
	require.Zero(t, p.calls.Load(), "nobody would wait for the attempt")
}

// A code that this version does not know counts as one that may pass.
func TestUnknownCodes(t *testing.T) {
	for _, code := range []core.Code{core.CodeOriginRefused, core.CodeOriginRefused + 1, 200} {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{}
			p.set(core.Errorf(code, "no"))
			s := core.New("api", p, nil)
			require.ErrorIs(t, s.Init(t.Context()), code)
			require.ErrorIs(t, s.Init(t.Context()), code)
			p.set(nil)
			time.Sleep(time.Hour)
			require.NoError(t, s.Init(t.Context()))
		})
	}
}

// A view ends with its session, and a zero one is one of a zero session.
func TestViewsOfWhatIsOver(t *testing.T) {
	closed := ready(t, &issuer{life: time.Hour}, nil)
	before := closed.For(core.Need{MinValidity: time.Minute})
	_, err := before.Credential(t.Context())
	require.NoError(t, err)
	require.NoError(t, closed.Close(t.Context()))
	for name, tc := range map[string]struct {
		view *core.View
		code core.Code
	}{
		"made before Close": {before, core.CodeClosed},
		"made after Close":  {closed.For(core.Need{}), core.CodeClosed},
		"of a zero session": {new(core.Session).For(core.Need{}), core.CodeNotInitialized},
		"zero":              {new(core.View), core.CodeNotInitialized},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := tc.view.Credential(t.Context())
			require.ErrorIs(t, err, tc.code)
			_, err = tc.view.Client().Get("https://api.example.com")
			require.ErrorIs(t, err, tc.code)
			r, err := http.NewRequest(http.MethodGet, "https://api.example.com", nil)
			require.NoError(t, err)
			require.ErrorIs(t, tc.view.Authorize(t.Context(), r), tc.code)
			require.Empty(t, r.Header)
			require.Less(t, time.Since(began), hangBound)
		})
	}
}
