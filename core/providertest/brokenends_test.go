package providertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net/http"
	"sync/atomic"

	"github.com/authsession/authsession/core"
)

// able is a desk with an ability per function; nil ones are unsupported, as in
// a proxy.
type able struct {
	*desk
	revoke    func(context.Context, core.Credential) error
	authorize func(core.Outgoing) (core.Attachment, error)
	sign      func(core.SignatureRequest) ([]byte, error)
	signIn    func(context.Context, core.UI) (core.Credential, error)
}

func (a *able) Revoke(ctx context.Context, c core.Credential) error {
	if a.revoke == nil {
		return fmt.Errorf("revoke: %w", errors.ErrUnsupported)
	}
	return a.revoke(ctx, c)
}

func (a *able) Authorize(_ context.Context, _ core.Credential,
	out core.Outgoing) (core.Attachment, error) {
	if a.authorize == nil {
		return core.Attachment{}, errors.ErrUnsupported
	}
	return a.authorize(out)
}

func (a *able) SignDigest(_ context.Context, req core.SignatureRequest) ([]byte, error) {
	if a.sign == nil {
		return nil, errors.ErrUnsupported
	}
	return a.sign(req)
}

func (a *able) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	if a.signIn == nil {
		return core.Credential{}, errors.ErrUnsupported
	}
	return a.signIn(ctx, ui)
}

func with(set func(*able)) core.Factory {
	return office(func(d *desk) core.Provider {
		a := &able{desk: d}
		set(a)
		return a
	})
}

// chain makes a factory whose credential has a certificate without its key,
// which sign answers for.
func chain(sign func(*ecdsa.PrivateKey, core.SignatureRequest) ([]byte, error)) core.Factory {
	return office(func(d *desk) core.Provider {
		return &signing{able: able{desk: d, sign: func(req core.SignatureRequest) ([]byte, error) {
			return sign(serverCert().PrivateKey.(*ecdsa.PrivateKey), req)
		}}}
	})
}

type signing struct{ able }

func (s *signing) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	c, err := s.desk.Authenticate(ctx, req)
	if err == nil {
		c.Attach.Cert = core.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
			Bytes: serverCert().Certificate[0]})))
	}
	return c, err
}

func signWell(key *ecdsa.PrivateKey, req core.SignatureRequest) ([]byte, error) {
	return key.Sign(rand.Reader, req.Digest, req.Hash)
}

// stuck ends with the test binary.
var stuck = make(chan struct{})

var brokenAbilities = []broken{
	{check: "ability/revoke", fault: "error", says: "Revoke with a good server",
		factory: with(func(a *able) {
			a.revoke = func(context.Context, core.Credential) error { return errNo }
		})},
	{check: "ability/revoke", fault: "ignores its context", says: "Revoke was not back", factory: with(func(a *able) {
		a.revoke = func(_ context.Context, c core.Credential) error {
			_, err := a.fetch(context.Background(), a.client)
			return err
		}
	})},
	{check: "ability/revoke", fault: "written", says: "written to the credential",
		factory: with(func(a *able) {
			a.revoke = func(_ context.Context, c core.Credential) error {
				clear(c.Attach.Header)
				return nil
			}
		})},
	{check: "ability/authorize", fault: "written", says: "written to Outgoing.Header",
		factory: with(func(a *able) {
			a.authorize = func(out core.Outgoing) (core.Attachment, error) {
				out.Header.Set("Date", "today")
				return core.Attachment{Header: map[string]core.Secret{"Signature": core.NewSecret("x")}}, nil
			}
		})},
	{check: "ability/authorize", fault: "nothing", says: "attaches nothing",
		factory: with(func(a *able) {
			a.authorize = func(core.Outgoing) (core.Attachment, error) { return core.Attachment{}, nil }
		})},
	{check: "ability/authorize", fault: "line break", says: "may not be sent",
		factory: with(func(a *able) {
			a.authorize = func(core.Outgoing) (core.Attachment, error) {
				return core.Attachment{Header: map[string]core.Secret{"Signature": core.NewSecret("x\ny")}}, nil
			}
		})},
	{check: "ability/sign", fault: "signature", says: "does not fit",
		factory: chain(func(*ecdsa.PrivateKey, core.SignatureRequest) ([]byte, error) {
			return []byte("x"), nil
		})},
	{check: "ability/sign", fault: "error", says: "SignDigest: ",
		factory: chain(func(*ecdsa.PrivateKey, core.SignatureRequest) ([]byte, error) {
			return nil, errNo
		})},
}

var brokenEnds = []broken{
	{check: "session/life", fault: "once only", says: "Session.Init",
		factory: office(func(d *desk) core.Provider {
			var used atomic.Bool
			return core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
				if req.Reason == core.ReasonInitial && used.Swap(true) {
					return core.Credential{}, errNo
				}
				return d.Authenticate(ctx, req)
			})
		})},
	{check: "session/life", fault: "no renewal", says: "a request of the session is answered 401",
		factory: unless(func(req core.Request) bool {
			return req.Reason == core.ReasonRejected
		})},
	{check: "session/refused", fault: "code", says: `want "denied"`, factory: coded(core.CodeUnavailable)},
	{check: "close/goroutines", fault: "left", says: "goroutines are left",
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			go func() { <-stuck }()
			return d.Authenticate(ctx, req)
		})},
	{check: "close/connections", fault: "idle", says: "connections to the server are left",
		factory: careless(insecure(true))},

	{check: "secrets/values", fault: "provider", says: "the provider as %v shows the planted secret",
		factory: office(func(d *desk) core.Provider {
			return plainly{d, d.cfg.Key.Reveal()}
		})},
	{check: "secrets/values", fault: "subject", says: "Subject holds the credential's header",
		factory: spoiled(func(c *core.Credential) {
			c.Subject = "who has " + c.Attach.Header["Authorization"].Reveal()
		})},
	{check: "secrets/values", fault: "attribute", says: `Attributes["token"] holds`,
		factory: spoiled(func(c *core.Credential) {
			c.Attributes = map[string]string{"token": c.RefreshState.Reveal()}
		})},
	{check: "secrets/errors", fault: "text", says: "shows the planted secret",
		after: []string{"server/refuses"},
		factory: showing(func(e *core.Error, key string) error {
			return core.Errorf(e.Code, "%w with %q", e.Err, key)
		})},
	{check: "secrets/errors", fault: "field", says: "as %#v", after: []string{"server/refuses"},
		factory: showing(func(e *core.Error, key string) error {
			return core.Errorf(e.Code, "%w", &keyed{key})
		})},
	{check: "secrets/errors", fault: "base64", says: "shows the planted secret",
		after: []string{"server/refuses"},
		factory: showing(func(e *core.Error, key string) error {
			req := http.Request{Header: http.Header{}}
			req.SetBasicAuth("a client", key)
			return core.Errorf(e.Code, "%s", req.Header.Get("Authorization"))
		})},
	{check: "secrets/log", fault: "log", says: "log shows the planted secret",
		after: []string{"credential/obtained"},
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			log.Printf("the key is %s", d.cfg.Key.Reveal())
			return d.Authenticate(ctx, req)
		})},
	{check: "errors/text", fault: "body", says: "has the body of an answer",
		after: []string{"server/errors"},
		factory: called(func(ctx context.Context, d *desk, _ core.Request) (core.Credential, error) {
			body, err := d.fetch(ctx, d.client)
			if err != nil {
				return core.Credential{}, core.Errorf(core.CodeOf(err), "%w: %s", err, htmlPage)
			}
			return credentialOf(body)
		})},
	{check: "errors/text", fault: "lines", says: "control characters or several lines",
		after:   []string{"server/errors"},
		factory: failing(func(e *core.Error) error { return errors.Join(e, e) })},
}

// plainly shows the key when it is printed.
type plainly struct {
	core.Provider
	key string
}

// keyed is an error that shows its key only to those who look inside.
type keyed struct{ key string }

func (*keyed) Error() string { return "refused" }
