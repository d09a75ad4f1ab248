package providertest

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/authsession/authsession/core"
)

// counter is a desk whose keys are given out to persons: the browser of a
// willing one comes back to a loopback address, as in RFC 8252.
type counter struct {
	*desk
	broken string // the fault; empty: none
}

func counters(fault string) core.Factory {
	return office(func(d *desk) core.Provider { return &counter{d, fault} })
}

// Authenticate renews; what was never obtained takes a person.
func (c *counter) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if c.broken == "forgets" && req.Reason == core.ReasonExpiring {
		return core.Credential{}, errNo
	}
	if req.Previous.RefreshState.Reveal() != "renewal-0123456789" {
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
	}
	return c.desk.Authenticate(ctx, req)
}

// SignIn opens the person's browser and waits for it.
func (c *counter) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	wait := ctx
	if c.broken == "ignores its context" {
		wait = context.Background()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return core.Credential{}, err
	}
	came := make(chan bool, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case came <- r.URL.Query().Get("no") == "":
		default:
		}
	})}
	go func() { _ = srv.Serve(l) }()
	if c.broken != "listens" {
		defer srv.Close()
	}
	if err := c.ask(ctx, ui, l.Addr().String()); err != nil && c.broken != "goes on" {
		return core.Credential{}, err
	}
	select {
	case willing := <-came:
		return c.signedIn(ctx, willing)
	case <-wait.Done():
		if c.broken == "cause" {
			return core.Credential{}, core.Errorf(core.CodeUnavailable, "gone")
		}
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the person did not come: %w",
			context.Cause(ctx))
	case <-stuck:
		return core.Credential{}, errNo
	}
}

func (c *counter) ask(ctx context.Context, ui core.UI, address string) error {
	page := c.cfg.URL + "/authorize?redirect_uri=http%3A%2F%2F" + address
	switch c.broken {
	case "secret":
		page += "&client_secret=" + c.cfg.Key.Reveal()
	case "file":
		page = "file:///" + address
	case "control":
		page += "\x1b"
	case "nil":
		return ui.Show(ctx, page)
	}
	switch {
	case ui.Open != nil:
		if c.broken == "refusal" {
			if err := ui.Open(ctx, page); err != nil {
				return core.Errorf(core.CodeUnavailable, "%w", err)
			}
			return nil
		}
		return ui.Open(ctx, page)
	case ui.Show != nil:
		return ui.Show(ctx, "open "+page)
	case c.broken == "waits":
		return nil
	case c.broken == "code":
		return core.Errorf(core.CodeBadConfig, "nobody to ask")
	}
	return core.Errorf(core.CodeInteractive, "there is nobody to ask")
}

func (c *counter) signedIn(ctx context.Context, willing bool) (core.Credential, error) {
	if !willing && c.broken != "refusal at the server" {
		return core.Credential{}, core.Errorf(core.CodeDenied, "the person said no")
	}
	cred, err := c.desk.Authenticate(ctx, core.Request{})
	if err == nil && c.broken == "line break" {
		cred.Attach.Header["X"] = core.NewSecret("a\nb")
	}
	return cred, err
}

// attended is the fixture of a counter with a person at it.
func attended(f *Fixture) {
	f.Person = func(_ Server, willing bool) core.UI {
		return core.UI{Open: func(ctx context.Context, page string) error {
			_, address, _ := strings.Cut(page, "redirect_uri=http%3A%2F%2F")
			address, _, _ = strings.Cut(address, "&")
			if !willing {
				address += "/?no=thanks"
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet,
				"http://"+strings.TrimSuffix(address, "\x1b"), nil)
			if err != nil {
				return err
			}
			resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}}
	}
}

var brokenSignIns = []broken{
	{check: "person/nobody", fault: "ignores its context", says: "SignIn was not back", factory: with(func(a *able) {
		a.signIn = func(context.Context, core.UI) (core.Credential, error) {
			<-stuck
			return core.Credential{}, nil
		}
	})},
	{check: "person/nobody", fault: "nil", says: "panicked", factory: counters("nil")},
	{check: "person/nobody", fault: "waits", says: "until the end of its context",
		factory: counters("waits")},
	{check: "person/nobody", fault: "code", says: `want "interactive"`, factory: counters("code")},
	{check: "person/absent", fault: "nil", says: "panicked", factory: counters("nil")},
	{
		check:   "person/absent",
		fault:   "ignores its context",
		says:    "it was not back",
		factory: counters("ignores its context"),
	},
	{check: "person/absent", fault: "cause", says: "does not wrap", factory: counters("cause")},
	{check: "person/absent", fault: "listens", says: "listener for the person's browser is left",
		factory: counters("listens")},
	{check: "person/absent", fault: "goroutine", says: "goroutines are left",
		factory: with(func(a *able) {
			a.signIn = func(context.Context, core.UI) (core.Credential, error) {
				go func() { <-stuck }()
				return core.Credential{}, core.Errorf(core.CodeInteractive, "nobody")
			}
		})},
	{check: "person/refuses", fault: "code", says: `want "denied"`, factory: counters("refusal")},
	{check: "person/refuses", fault: "goes on", says: "continues to wait", factory: counters("goes on")},
	{check: "person/refuses", fault: "at the server", says: "returned a credential",
		factory: counters("refusal at the server"), fixture: attended},
	{check: "person/signs-in", fault: "line break", says: "may not be sent",
		factory: counters("line break"), fixture: attended},
	{check: "person/signs-in", fault: "forgets", says: "in Previous", factory: counters("forgets"),
		fixture: attended},
	{check: "person/shown", fault: "secret", says: "shows the planted secret",
		after: []string{"person/absent"}, factory: counters("secret")},
	{check: "person/shown", fault: "page", says: "is not the URL of a web page", after: []string{"person/absent"},
		factory: counters("file")},
	{check: "person/shown", fault: "control", says: "has control characters",
		after: []string{"person/absent"}, factory: counters("control")},
}

// proving is a desk whose proofs hold what make makes of a remembered nonce.
func proving(make func(nonce string) (string, error)) core.Factory {
	return with(func(a *able) {
		a.authorize = func(out core.Outgoing) (core.Attachment, error) {
			proof, err := make(out.Remembered.Get("Dpop-Nonce"))
			return core.Attachment{Header: map[string]core.Secret{"Proof": core.NewSecret(proof)},
				RememberHeaders: []string{"DPoP-Nonce"}}, err
		}
	})
}

var brokenProofs = []broken{
	{check: "ability/concurrent", fault: "one at a time", says: "at the same time",
		factory: with(func(a *able) {
			var busy sync.Mutex
			a.authorize = func(core.Outgoing) (core.Attachment, error) {
				if !busy.TryLock() {
					return core.Attachment{}, core.Errorf(core.CodeUnavailable, "one at a time")
				}
				defer busy.Unlock()
				pause(maxDelay / 100)
				return core.Attachment{Header: map[string]core.Secret{"Signature": core.NewSecret("x")}}, nil
			}
		})},
	{check: "ability/remembered-headers", fault: "smuggles", says: "may not be sent",
		factory: proving(func(nonce string) (string, error) {
			return "proof " + nonce, nil
		})},
	{check: "ability/remembered-headers", fault: "believes", says: "attachment has",
		factory: proving(func(nonce string) (string, error) {
			return fmt.Sprintf("%x", nonce+"."), nil
		})},
	{check: "ability/remembered-headers", fault: "tells", says: "an error of Authorize shows",
		factory: proving(func(nonce string) (string, error) {
			if nonce != "" {
				return "", core.Errorf(core.CodeUnavailable, "the nonce %q is odd", nonce)
			}
			return "proof", nil
		})},
	{check: "ability/remembered-headers", fault: "written", says: "written to Outgoing.Remembered",
		factory: with(func(a *able) {
			a.authorize = func(out core.Outgoing) (core.Attachment, error) {
				delete(out.Remembered, "Dpop-Nonce")
				return core.Attachment{Header: map[string]core.Secret{"Signature": core.NewSecret("x")}}, nil
			}
		})},
	{check: "ability/rounds", fault: "endless", says: "brings nothing new", fixture: challenged,
		factory: with(func(a *able) {
			a.authorize = func(core.Outgoing) (core.Attachment, error) {
				return core.Attachment{RememberHeaders: []string{"WWW-Authenticate"}}, nil
			}
		})},
	{check: "ability/rounds", fault: "a fourth round", says: "nothing in 3 rounds",
		fixture: challenged, factory: with(func(a *able) {
			a.authorize = func(out core.Outgoing) (core.Attachment, error) {
				return core.Attachment{RememberHeaders: []string{"WWW-Authenticate", "X-Step-2",
					"X-Step-3"}[:len(out.Remembered)+1]}, nil
			}
		})},
	{check: "ability/body", fault: "panic", says: "panicked", factory: with(func(a *able) {
		a.authorize = func(out core.Outgoing) (core.Attachment, error) {
			text := fmt.Sprintf("%x", out.Digests[crypto.SHA256][:8])
			return core.Attachment{Header: map[string]core.Secret{"Digest": core.NewSecret(text)}}, nil
		}
	})},
	{check: "ability/body", fault: "written", says: "has written to Outgoing.Body",
		factory: reading(func(out core.Outgoing) {
			clear(out.Body)
		})},
	{check: "ability/body", fault: "digests", says: "has written to Outgoing.Body",
		factory: reading(func(out core.Outgoing) {
			clear(out.Digests)
		})},
	{check: "credential/body", fault: "10 GiB", says: "asks for bodies of up to 10737418240 bytes",
		factory: spoiled(func(c *core.Credential) {
			c.Body = &core.BodyNeeds{Raw: 10 << 30}
		})},
	{check: "credential/body", fault: "hash", says: "hash number 99",
		factory: spoiled(func(c *core.Credential) {
			c.Body = &core.BodyNeeds{Digests: []crypto.Hash{99}}
		})},
	{check: "inputs/refused", fault: "role", says: `names the input "subject_token" as refused`,
		factory: failing(func(e *core.Error) error {
			return core.InputRefused("subject_token", e)
		})},
	{check: "inputs/strange", fault: "role", says: "roles that nobody knows",
		factory: unless(func(req core.Request) bool {
			return len(req.Inputs) > 0
		})},
	{check: "inputs/strange", fault: "panic", says: "panicked",
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			if in, ok := req.Inputs["subject_token"]; ok {
				_ = strings.SplitN(in.Attach.Header["Authorization"].Reveal(), " ", 2)[1]
			}
			return d.Authenticate(ctx, req)
		})},
	{check: "inputs/strange", fault: "written", says: "written to Request.Inputs",
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			clear(req.Inputs)
			return d.Authenticate(ctx, req)
		})},
	{check: "inputs/strange", fault: "secret", says: "shows an input",
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			if in := req.Inputs["actor_token"].Attach.Header["X-Key"]; !in.IsZero() {
				return core.Credential{}, core.Errorf(core.CodeBadConfig, "the input %q is no bearer token",
					in.Reveal())
			}
			return d.Authenticate(ctx, req)
		})},
	{check: "inputs/strange", fault: "code", says: `without the input "badge"`, fixture: badge,
		factory: unless(func(req core.Request) bool {
			_, ok := req.Inputs["badge"]
			return !ok
		})},
	{check: "previous/stored", fault: "memory", says: "newly opened",
		factory: office(func(d *desk) core.Provider {
			var mine sync.Map
			return core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
				if _, ok := mine.Load(req.Previous.RefreshState.Reveal()); req.Reason != core.ReasonInitial && !ok {
					return core.Credential{}, errNo
				}
				c, err := d.Authenticate(ctx, req)
				mine.Store(c.RefreshState.Reveal(), true)
				return c, err
			})
		})},
}

// reading is a desk whose credentials ask for bodies.
func reading(fn func(core.Outgoing)) core.Factory {
	return office(func(d *desk) core.Provider {
		return &reader{desk: d, fn: fn}
	})
}

type reader struct {
	*desk
	fn func(core.Outgoing)
}

func (r *reader) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	c, err := r.desk.Authenticate(ctx, req)
	c.Body = &core.BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}, Raw: 1000}
	return c, err
}

func (r *reader) Authorize(_ context.Context, c core.Credential,
	out core.Outgoing) (core.Attachment, error) {
	r.fn(out)
	return c.Attach, nil
}

// challenged is the API of a fixture, which begins with a challenge.
func challenged(f *Fixture) {
	f.Remembered = http.Header{"Www-Authenticate": {"Steps"}, "X-Step-2": {"2"}, "X-Step-3": {"3"}}
}

// badge is the input of a fixture.
func badge(f *Fixture) {
	f.Inputs = map[string]core.Credential{"badge": token("badge-0123456789", "")}
}
