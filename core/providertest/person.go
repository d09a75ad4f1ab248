package providertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/authsession/authsession/core"
)

// shownText is what a provider showed to a person during a check.
type shownText struct {
	check, how, text string
}

// person returns the fixture's person, whose UI notes what is shown; nil: the
// fixture has none.
func (r *run) person(s Server, willing bool) *core.UI {
	if r.Person == nil {
		return nil
	}
	ui := r.watched(r.Person(s, willing))
	return &ui
}

// watched notes what ui is given to show.
func (r *run) watched(ui core.UI) core.UI {
	out := core.UI{}
	note := func(how, text string) {
		r.kit.mu.Lock()
		defer r.kit.mu.Unlock()
		r.kit.shown = append(r.kit.shown, shownText{r.name, how, text})
	}
	if ui.Show != nil {
		out.Show = func(ctx context.Context, m string) error { note("Show", m); return ui.Show(ctx, m) }
	}
	if ui.Ask != nil {
		out.Ask = func(ctx context.Context, q string, hidden bool) (core.Secret, error) {
			note("Ask", q)
			return ui.Ask(ctx, q, hidden)
		}
	}
	if ui.Open != nil {
		out.Open = func(ctx context.Context, u string) error { note("Open", u); return ui.Open(ctx, u) }
	}
	if ui.ShowDevicePrompt != nil {
		out.ShowDevicePrompt = func(ctx context.Context, v core.DevicePrompt) error {
			note("ShowDevicePrompt", v.VerificationURI)
			note("ShowDevicePrompt's code", v.UserCode)
			if v.VerificationURIComplete != "" {
				note("ShowDevicePrompt", v.VerificationURIComplete)
			}
			return ui.ShowDevicePrompt(ctx, v)
		}
	}
	return out
}

// absentUI shows nothing to anybody, and gets no answer.
var absentUI = core.UI{
	Show:             func(context.Context, string) error { return nil },
	Open:             func(context.Context, string) error { return nil },
	ShowDevicePrompt: func(context.Context, core.DevicePrompt) error { return nil },
	Ask: func(ctx context.Context, _ string, _ bool) (core.Secret, error) {
		<-ctx.Done()
		return core.Secret{}, context.Cause(ctx)
	},
}

// unwillingUI is of a person who refuses.
var unwillingUI = core.UI{
	Show:             func(context.Context, string) error { return errUnwilling },
	Open:             func(context.Context, string) error { return errUnwilling },
	ShowDevicePrompt: func(context.Context, core.DevicePrompt) error { return errUnwilling },
	Ask: func(context.Context, string, bool) (core.Secret, error) {
		return core.Secret{}, errUnwilling
	},
}

var errUnwilling = core.Errorf(core.CodeDenied, "the person does not want to")

// signIn opens a provider and calls SignIn. If the provider cannot sign a person in, it
// skips the check and returns false.
func (r *run) signIn(ctx context.Context, ui func(Server) core.UI) (
	core.Provider, core.Credential, time.Duration, error, bool,
) {
	p := r.open(r.serve(nil).server())
	if p == nil {
		return nil, core.Credential{}, 0, nil, false
	}
	in, ok := p.(core.InteractiveProvider)
	if !ok {
		r.skipped = "the provider is not a core.InteractiveProvider"
		return nil, core.Credential{}, 0, nil, false
	}
	var c, cred core.Credential
	person := ui(r.server)
	late, err := r.call(ctx, func(ctx context.Context) (err error) {
		c, err = in.SignIn(ctx, core.Request{Inputs: r.Inputs}, person)
		return err
	})
	if isUnsupported(err) {
		r.skipped = "SignIn is not supported"
		return nil, cred, 0, nil, false
	}
	if err == nil {
		cred = c
		r.addCredentialSecrets(cred)
	}
	return p, cred, late, err, true
}

// signInWithoutUI gives SignIn a UI without functions.
func signInWithoutUI(r *run) {
	ctx, cancel := context.WithTimeout(r.ctx, settleTime)
	defer cancel()
	_, _, late, err, ok := r.signIn(ctx, func(Server) core.UI { return core.UI{} })
	switch {
	case !ok:
	case errors.Is(err, errStuck) || late > maxDelay:
		r.errorf("SignIn was not back %v after the end of its context", maxDelay)
	case ctx.Err() != nil:
		r.errorf("SignIn with nobody to ask waited until the end of its context")
	case err != nil && core.CodeOf(err) != core.CodeInteractive:
		r.errorf("SignIn with nobody to ask reports %q, want %q: %w", core.CodeOf(err),
			core.CodeInteractive, err)
	}
}

// signInUnanswered gives SignIn parts of a UI that no person answers.
func signInUnanswered(r *run) {
	for part, ui := range map[string]core.UI{
		"all of it": absentUI, "Show": {Show: absentUI.Show}, "Ask": {Ask: absentUI.Ask},
		"Open":             {Open: absentUI.Open},
		"ShowDevicePrompt": {ShowDevicePrompt: absentUI.ShowDevicePrompt},
	} {
		ctx, cancel := context.WithTimeout(r.ctx, 3*shortTimeout)
		_, _, late, err, ok := r.signIn(ctx, func(Server) core.UI { return r.watched(ui) })
		cancel()
		if !ok {
			return
		}
		switch {
		case errors.Is(err, errStuck) || late > maxDelay:
			r.errorf("SignIn with a UI of %s: it was not back %v after the end of its context",
				part, maxDelay)
		case late > 0 && err != nil && !errors.Is(err, context.DeadlineExceeded):
			r.errorf("SignIn with a UI of %s: the error does not wrap %q: %w", part,
				context.DeadlineExceeded, err)
		}
		if r.failed() {
			return
		}
	}
	var left []string
	if !eventually(func() bool { left = r.goroutines(); return len(left) == 0 }) {
		r.errorf("after SignIn, goroutines are left:\n%s", strings.Join(left, "\n"))
	}
	for _, address := range r.listeners() {
		if !eventually(func() bool { return !accepts(address) }) {
			r.errorf("after SignIn, the listener for the person's browser is left")
		}
	}
}

var loopback = regexp.MustCompile(`(?:127\.0\.0\.1|\[::1\]|localhost):\d{2,5}`)

// listeners returns the loopback addresses that this check's texts name, except the
// kit's own: those that a browser is redirected to.
func (r *run) listeners() (list []string) {
	r.kit.mu.Lock()
	defer r.kit.mu.Unlock()
	for _, s := range r.kit.shown {
		text, err := url.QueryUnescape(s.text)
		if s.check != r.name || err != nil {
			continue
		}
		for _, address := range loopback.FindAllString(text, -1) {
			if !slices.Contains(r.addresses, address) && !slices.Contains(list, address) {
				list = append(list, address)
			}
		}
	}
	return list
}

// accepts reports whether a listener accepts connections at address.
func accepts(address string) bool {
	conn, err := net.DialTimeout("tcp", address, settleTime)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// signInRefused has a person refuse, to the program and at the server.
func signInRefused(r *run) {
	people := map[string]func(Server) core.UI{"to the program": func(Server) core.UI {
		return r.watched(unwillingUI)
	}}
	if r.Person != nil {
		people["at the server"] = func(s Server) core.UI { return *r.person(s, false) }
	}
	for where, ui := range people {
		ctx, cancel := context.WithTimeout(r.ctx, 2*settleTime)
		_, _, late, err, ok := r.signIn(ctx, ui)
		cancel()
		switch {
		case !ok:
			return
		case errors.Is(err, errStuck) || late > 0:
			r.errorf("a person who refuses %s: SignIn continues to wait", where)
		case where == "at the server" && err == nil:
			r.errorf("a person who refuses %s: SignIn returned a credential", where)
		case err != nil && core.CodeOf(err) != core.CodeDenied &&
			(where == "at the server" || core.CodeOf(err) != core.CodeInteractive):
			r.errorf("a person who refuses %s: the error's code is %q, want %q: %w", where,
				core.CodeOf(err), core.CodeDenied, err)
		}
	}
}

// signInWilling has a person sign in.
func signInWilling(r *run) {
	if r.Person == nil {
		r.skipped = "the fixture has no Person"
		return
	}
	p, cred, _, err, ok := r.signIn(r.ctx, func(s Server) core.UI { return *r.person(s, true) })
	if !ok {
		return
	}
	if err != nil {
		r.errorf("SignIn of a willing person: %w", err)
		return
	}
	if isEmpty(cred.Attach) && !r.authorizes(p, cred) {
		r.errorf("the credential of a sign-in attaches nothing to requests")
	}
	r.checkAttachment("the credential of a sign-in: its ", cred.Attach)
	back, same := copyCredential(cred)
	if !same {
		r.errorf("the credential of a sign-in is different after it was copied as plain data")
	}
	_, err = r.call(r.ctx, func(ctx context.Context) error {
		_, err := p.Authenticate(ctx, core.Request{Reason: core.ReasonExpiring, Previous: back,
			Inputs: r.Inputs})
		return err
	})
	if err != nil && core.CodeOf(err) != core.CodeInteractive {
		r.errorf("Authenticate with the credential of a sign-in in Previous: "+
			"the code is %q, want a credential or %q: %w", core.CodeOf(err), core.CodeInteractive, err)
	}
}

// checkShown checks every text that a person was shown.
func checkShown(r *run) {
	r.kit.mu.Lock()
	shown := slices.Clone(r.kit.shown)
	r.kit.mu.Unlock()
	if len(shown) == 0 {
		r.skipped = "no person was shown anything"
	}
	reported := map[string]bool{}
	for _, s := range shown {
		problem := ""
		switch u, err := url.Parse(s.text); {
		case strings.ContainsFunc(s.text, func(c rune) bool { return c != '\n' && unicode.IsControl(c) }):
			problem = "has control characters"
		case (s.how == "Open" || s.how == "ShowDevicePrompt") && (err != nil || u.Host == "" ||
			u.Scheme != "https" && u.Scheme != "http"):
			problem = "is not the URL of a web page"
		}
		unescaped, _ := url.QueryUnescape(s.text)
		if what := r.leak(s.text + "\n" + unescaped); what != "" {
			problem = "shows " + what
		}
		if key := s.how + problem; problem != "" && !reported[key] {
			reported[key] = true
			r.errorf("%s", fmt.Sprintf("what %s was given in %s %s", s.how, s.check, problem))
		}
	}
}
