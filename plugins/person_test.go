//go:build unix

package plugins

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
)

// personConfig makes a provider that needs a person, once.
type personConfig struct {
	Do     string `json:"do" default:"browser" doc:"How: browser, visit, show, crash, paste."`
	Page   string `json:"page" doc:"The page to visit."`
	Code   string `json:"code" doc:"The code to enter there."`
	Direct string `json:"direct" doc:"The page with the code in it."`
	Text   string `json:"text" doc:"What to show."`
	Years  int    `json:"years" doc:"How long the code is good."`
}

var personFactory = core.NewFactory(core.Info{Kind: "person", Summary: "Needs a person."},
	func(_ context.Context, _ core.Environment, cfg personConfig) (core.Provider, error) {
		return &cfg, nil
	})

// Authenticate goes on with what a person has begun.
func (c *personConfig) Authenticate(_ context.Context, req core.Request) (core.Credential, error) {
	if req.Previous.RefreshState.IsZero() {
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
	}
	return c.credential(req.Previous.RefreshState.Reveal()), nil
}

func (c *personConfig) credential(who string) core.Credential {
	cred := token("Person " + who)
	cred.RefreshState, cred.Subject = core.NewSecret(who), who
	cred.Attributes = map[string]string{"pid": strconv.Itoa(os.Getpid())}
	return cred
}

// SignIn asks in the way that Do names.
func (c *personConfig) SignIn(ctx context.Context, req core.Request,
	ui core.UI) (core.Credential, error) {
	switch c.Do {
	case "visit":
		v := core.DevicePrompt{VerificationURI: c.Page, UserCode: c.Code, VerificationURIComplete: c.Direct}
		if c.Years > 0 {
			v.ExpiresAt = time.Date(2000+c.Years, 1, 2, 3, 4, 5, 0, time.UTC)
		}
		if ui.ShowDevicePrompt == nil {
			return c.credential("told"), ui.Show(ctx, "open "+v.VerificationURI+" and enter "+v.UserCode)
		}
		return c.credential("visitor"), ui.ShowDevicePrompt(ctx, v)
	case "show":
		return c.credential("reader"), ui.Show(ctx, c.Text)
	}
	if ui.Open == nil {
		return core.Credential{}, core.Errorf(core.CodeInteractive, "there is no browser")
	}
	return c.browse(ctx, req, ui)
}

// browse waits at a loopback address for the person's browser.
func (c *personConfig) browse(ctx context.Context, req core.Request,
	ui core.UI) (core.Credential, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return core.Credential{}, err
	}
	came := make(chan string, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "you may close this page")
		_ = http.NewResponseController(w).Flush() // the server closes soon
		select {
		case came <- r.URL.Query().Get("who"):
		default:
		}
	})}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	if err := ui.Open(ctx, fmt.Sprintf("http://%s/?pid=%d&input=%s", l.Addr(), os.Getpid(),
		req.Inputs["actor_token"].Subject)); err != nil {
		return core.Credential{}, err
	}
	switch c.Do {
	case "crash":
		os.Exit(7)
	case "paste": // either way will do
		ask, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			if pasted, err := ui.Ask(ask, "or paste it here", false); err == nil {
				came <- pasted.Reveal()
			}
		}()
	}
	select {
	case who := <-came:
		if who == "" {
			return core.Credential{}, core.Errorf(core.CodeDenied, "the person said no")
		}
		return c.credential(who), nil
	case <-ctx.Done():
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the person did not come: %w",
			context.Cause(ctx))
	}
}

// personBinary is the test binary as a plugin that needs a person.
func personBinary() Binary {
	b := testBinary("person")
	b.Kinds = []string{"person"}
	return b
}

func openPerson(t *testing.T, h *Host, settings map[string]any) core.Provider {
	t.Helper()
	p, err := factoryOf(t, h, personBinary(), "person").Open(t.Context(), "", settings)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// browser opens pages as a person's would, who then says who they are.
func browser(who string) func(context.Context, string) error {
	return func(ctx context.Context, url string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"&who="+who, nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
}

// diary is a user interface that writes down what a person sees.
func diary(lines *[]string) core.UI {
	note := func(format string, args ...any) { *lines = append(*lines, fmt.Sprintf(format, args...)) }
	return core.UI{
		Show: func(_ context.Context, m string) error { note("show %q", m); return nil },
		Open: func(_ context.Context, u string) error { note("open %q", u); return nil },
		ShowDevicePrompt: func(_ context.Context, v core.DevicePrompt) error {
			note("visit %q %q %q %v", v.VerificationURI, v.UserCode, v.VerificationURIComplete, v.ExpiresAt.Year())
			return nil
		},
		Ask: func(_ context.Context, q string, hidden bool) (core.Secret, error) {
			note("ask %q %v", q, hidden)
			return core.NewSecret(strings.ToUpper(q)), nil
		},
	}
}
