package providertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

func trusting(ca string) *providerhttp.Options {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca))
	return &providerhttp.Options{TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
}

var errNo = core.Errorf(core.CodeDenied, "no")

var brokenCredentials = []broken{
	{check: "credential/obtained", fault: "error", says: "with a good server",
		factory: called(func(context.Context, *desk, core.Request) (core.Credential, error) {
			return core.Credential{}, errNo
		})},
	{check: "credential/attachment", fault: "nothing", says: "attaches nothing",
		factory: spoiled(func(c *core.Credential) {
			c.Attach = core.Attachment{}
		})},
	{check: "credential/attachment", fault: "nothing from a proxy", says: "attaches nothing",
		factory: office(func(d *desk) core.Provider {
			return bare{&able{desk: d}}
		})},
	{check: "credential/attachment", fault: "line break", says: "may not be sent",
		factory: spoiled(func(c *core.Credential) {
			c.Attach.Header["X"] = core.NewSecret("a\nb")
		})},
	{check: "credential/attachment", fault: "host", says: "frames or routes",
		factory: spoiled(func(c *core.Credential) {
			c.Attach.Header["host"] = core.NewSecret("a")
		})},
	{check: "credential/attachment", fault: "cookie", says: "cookie",
		factory: spoiled(func(c *core.Credential) {
			c.Attach.Cookie = map[string]core.Secret{"a": core.NewSecret("a;b")}
		})},
	{check: "credential/attachment", fault: "query", says: "query parameter",
		factory: spoiled(func(c *core.Credential) {
			c.Attach.Query = map[string]core.Secret{"a": {}}
		})},
	{check: "credential/expiry", fault: "past", says: "ago",
		factory: spoiled(func(c *core.Credential) {
			c.Expiry = time.Now().Add(-time.Hour)
		})},
	{check: "credential/expiry", fault: "absurd", says: "in the year",
		factory: spoiled(func(c *core.Credential) {
			c.RenewAfter = time.Now().AddDate(900, 0, 0)
		})},
	{check: "credential/origins", fault: "path", says: "not an origin",
		factory: spoiled(func(c *core.Credential) {
			c.Origins = []string{"https://api.example.com/v1"}
		})},
	{check: "credential/plain-data", fault: "bytes", says: "Subject is not UTF-8",
		factory: spoiled(func(c *core.Credential) {
			c.Subject = "\xff"
		})},
	{check: "previous/expiring", fault: "error", says: "Reason expiring",
		factory: unless(func(req core.Request) bool {
			return req.Reason == core.ReasonExpiring
		})},
	{check: "previous/expiring", fault: "written", says: "written to Request.Previous",
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			delete(req.Previous.Attach.Header, "Authorization")
			return d.Authenticate(ctx, req)
		})},
	{check: "previous/rejected", fault: "error", says: "Reason rejected",
		factory: unless(func(req core.Request) bool {
			return req.Reason == core.ReasonRejected
		})},
	{check: "previous/rejected", fault: "challenge", says: "panic",
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			if req.Challenge != "" {
				_ = strings.SplitN(req.Challenge, "error=", 2)[1]
			}
			return d.Authenticate(ctx, req)
		})},
	{check: "previous/absent", fault: "error", says: "no Previous",
		factory: unless(func(req core.Request) bool {
			return req.Reason != core.ReasonInitial && req.Previous.RefreshState.IsZero()
		})},
	{check: "previous/absent", fault: "panic", says: "panicked",
		factory: called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
			if strings.HasPrefix(req.Previous.RefreshState.Reveal(), "\x00") {
				panic("not mine")
			}
			return d.Authenticate(ctx, req)
		})},
	{check: "previous/elsewhere", fault: "memory", says: "newly opened",
		factory: office(func(d *desk) core.Provider {
			var mine sync.Map
			return core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
				if _, ok := mine.Load(req.Previous.RefreshState); req.Reason != core.ReasonInitial && !ok {
					return core.Credential{}, errNo
				}
				c, err := d.Authenticate(ctx, req)
				mine.Store(c.RefreshState, true)
				return c, err
			})
		})},
}

// bare is a proxy whose credential attaches nothing.
type bare struct{ *able }

func (bare) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{Subject: "nobody"}, nil
}

// unless refuses some requests.
func unless(refuse func(core.Request) bool) core.Factory {
	return called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
		if refuse(req) {
			return core.Credential{}, errNo
		}
		return d.Authenticate(ctx, req)
	})
}

// ignoresContext ignores the end of its context.
var ignoresContext = called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
	return d.Authenticate(context.WithoutCancel(ctx), req)
})

// numb reports the end of its context as something else.
var numb = failing(func(e *core.Error) error {
	if errors.Is(e, context.Canceled) || errors.Is(e, context.DeadlineExceeded) {
		return core.Errorf(core.CodeUnavailable, "gone")
	}
	return e
})

var brokenCalls = []broken{
	{check: "context/before", fault: "sends", says: "requests were sent", factory: ignoresContext},
	{check: "context/cancel", fault: "ignores its context", says: "not back", factory: ignoresContext},
	{check: "context/cancel", fault: "numb", says: "does not wrap", factory: numb},
	{check: "context/cancel", fault: "code", says: `want "unavailable"`, factory: coded(core.CodeDenied)},
	{check: "context/deadline", fault: "ignores its context", says: "not back", factory: ignoresContext},
	{check: "context/deadline", fault: "numb", says: "does not wrap", factory: numb},
	{check: "concurrency/callers", fault: "busy", says: "callers at the same time",
		factory: office(func(d *desk) core.Provider {
			var busy atomic.Bool
			return core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
				if !busy.CompareAndSwap(false, true) {
					return core.Credential{}, errNo
				}
				defer busy.Store(false)
				return d.Authenticate(ctx, req)
			})
		})},
	{check: "concurrency/neighbours", fault: "shared context", says: "because another one left",
		factory: office(func(d *desk) core.Provider {
			return &together{desk: d}
		})},
}

// together makes one request for all, with the context of the first.
type together struct {
	*desk
	mu   sync.Mutex
	call *sharedCall
}

type sharedCall struct {
	done chan struct{}
	cred core.Credential
	err  error
}

func (t *together) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	t.mu.Lock()
	c := t.call
	if c == nil {
		c = &sharedCall{done: make(chan struct{})}
		t.call = c
		go func() {
			c.cred, c.err = t.desk.Authenticate(ctx, req)
			t.mu.Lock()
			t.call = nil
			t.mu.Unlock()
			close(c.done)
		}()
	}
	t.mu.Unlock()
	<-c.done
	return c.cred, c.err
}

// careless asks with a client of its own.
func careless(client *http.Client) core.Factory {
	return called(func(ctx context.Context, d *desk, _ core.Request) (core.Credential, error) {
		body, err := d.fetch(ctx, client)
		if err != nil {
			return core.Credential{}, err
		}
		return credentialOf(body)
	})
}

func insecure(keepAlive bool) *http.Client {
	//nolint:gosec // that is the fault
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: !keepAlive,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

var brokenServers = []broken{
	{check: "server/refuses", fault: "code", says: `want "denied"`, factory: coded(core.CodeUnavailable)},
	{check: "server/echoes", fault: "shows", says: "shows the planted secret",
		factory: showing(func(e *core.Error, key string) error {
			return core.Errorf(e.Code, "%w for %s", e.Err, key)
		})},
	{check: "server/echoes", fault: "compares first", says: "the planted secret or a part of it",
		factory: echoing(func(text, key string) string {
			return strings.ReplaceAll(text, key, "")
		})},
	{check: "server/once", fault: "repeats", says: "MayRetry false: 2 requests, want at most 1",
		factory: patient(2)},
	{check: "server/once", fault: "repeats often", says: "MayRetry true: 3 requests, want at most 2",
		factory: patient(3)},
	{check: "server/unreachable", fault: "code", says: `want "unavailable"`,
		factory: coded(core.CodeBadConfig)},
	{check: "server/errors", fault: "code", says: `want "unavailable"`, factory: coded(core.CodeDenied)},
	{check: "server/retry-after", fault: "dropped", says: "RetryAfter is 0s, want 7s",
		factory: failing(func(e *core.Error) error {
			return core.Errorf(e.Code, "%w", e.Err)
		})},
	{check: "server/retry-after", fault: "believed", says: "want 0s to 24h",
		factory: failing(func(e *core.Error) error {
			return &core.Error{Code: e.Code, RetryAfter: e.RetryAfter * 100, Err: e.Err}
		})},
	{check: "server/garbage", fault: "credential", says: "returned a credential",
		factory: called(func(ctx context.Context, d *desk, _ core.Request) (core.Credential, error) {
			body, err := d.fetch(ctx, d.client)
			return token(strings.Trim(fmt.Sprintf("%.20q", body), `"`), ""), err
		})},
	{check: "server/garbage", fault: "not asked", says: "has not asked the server",
		factory: called(func(context.Context, *desk, core.Request) (core.Credential, error) {
			return token("made-up", ""), nil
		})},
	{check: "server/control-characters", fault: "passed on", says: "may not be sent",
		factory: called(func(ctx context.Context, d *desk, _ core.Request) (core.Credential, error) {
			body, err := d.fetch(ctx, d.client)
			text := string(body)
			eachText(body, func(s string) any { text = s; return s })
			return token(text, ""), err
		})},
	{check: "server/control-characters", fault: "another string is read first",
		says: "may not be sent", factory: called(func(ctx context.Context, d *desk,
			_ core.Request) (core.Credential, error) {
			var answer struct{ Token, Renew string }
			body, err := d.fetch(ctx, d.client)
			if err == nil && (json.Unmarshal(body, &answer) != nil ||
				strings.ContainsAny(answer.Renew, "\r\n\x00\x7f")) {
				err = core.Errorf(core.CodeUnavailable, "the answer makes no sense")
			}
			return token(answer.Token, answer.Renew), err
		})},
	{check: "server/control-characters", fault: "another answer is read first",
		says: "may not be sent", factory: called(func(ctx context.Context, d *desk,
			req core.Request) (core.Credential, error) {
			if _, err := d.Authenticate(ctx, req); err != nil {
				return core.Credential{}, err
			}
			var answer struct{ Token string }
			body, err := d.fetch(ctx, d.client)
			if err == nil {
				err = json.Unmarshal(body, &answer)
			}
			return token(answer.Token, ""), err
		})},
	{check: "server/control-characters", fault: "attached by Authorize",
		says: "Authorize's header", factory: office(func(d *desk) core.Provider { return &late{d} })},
	{check: "server/odd-types", fault: "empty", says: "may not be sent",
		factory: called(func(ctx context.Context, d *desk, _ core.Request) (core.Credential, error) {
			body, err := d.fetch(ctx, d.client)
			var text string
			eachText(body, func(s string) any { text = s; return s })
			return token(text, ""), err
		})},
	{check: "server/endless", fault: "reads on", says: "more than 16 MiB",
		factory: careless(insecure(false))},
	{check: "server/reset", fault: "code", says: `want "unavailable"`, factory: coded(core.CodeBadConfig)},
	{check: "server/redirects", fault: "followed", says: "have followed it",
		factory: careless(insecure(false))},
	{check: "server/untrusted", fault: "trusted", says: "has received",
		factory: careless(insecure(false))},
	{check: "server/recovers", fault: "sulks", says: "the provider is not",
		factory: office(func(d *desk) core.Provider {
			var mu sync.Mutex
			var first error
			return core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
				c, err := d.Authenticate(ctx, req)
				mu.Lock()
				defer mu.Unlock()
				if first == nil {
					first = err
				}
				return c, first
			})
		})},
}

// showing changes errors with the key at hand.
// echoing says what the server said, as shown makes it.
func echoing(shown func(text, key string) string) core.Factory {
	return called(func(ctx context.Context, d *desk, _ core.Request) (core.Credential, error) {
		body, err := d.fetch(ctx, d.client)
		var doc struct {
			Description string `json:"error_description"`
		}
		if err == nil || json.Unmarshal(body, &doc) != nil {
			return core.Credential{}, err
		}
		key := d.cfg.Key.Reveal()
		return core.Credential{}, core.Errorf(core.CodeOf(err), "refused: %s",
			strings.Map(visible, shown(doc.Description, key)))
	})
}

func visible(r rune) rune {
	if r < ' ' {
		return -1
	}
	return r
}

// patient asks a busy server so many times.
func patient(times int) core.Factory {
	return called(func(ctx context.Context, d *desk, req core.Request) (c core.Credential, err error) {
		for range times {
			if c, err = d.Authenticate(ctx, req); err == nil {
				break
			}
		}
		return c, err
	})
}

func showing(change func(e *core.Error, key string) error) core.Factory {
	return called(func(ctx context.Context, d *desk, req core.Request) (core.Credential, error) {
		c, err := d.Authenticate(ctx, req)
		if e, ok := err.(*core.Error); ok {
			return c, change(e, d.cfg.Key.Reveal())
		}
		return c, err
	})
}

// late keeps the token of an answer unchecked until a request is made.
type late struct{ desk *desk }

func (l *late) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	var answer struct{ Token string }
	body, err := l.desk.fetch(ctx, l.desk.client)
	if err == nil && (json.Unmarshal(body, &answer) != nil || answer.Token == "") {
		err = core.Errorf(core.CodeUnavailable, "the answer has no token")
	}
	return core.Credential{RefreshState: core.NewSecret(answer.Token), Subject: "late"}, err
}

func (l *late) Authorize(
	_ context.Context, c core.Credential, _ core.Outgoing,
) (core.Attachment, error) {
	return token(c.RefreshState.Reveal(), "").Attach, nil
}
