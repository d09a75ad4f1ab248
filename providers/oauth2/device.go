package oauth2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

const (
	// pause is how long to wait between two questions if the server does not
	// say, and by how much slow_down prolongs it (RFC 8628 §3.2, §3.5).
	pause = 5 * time.Second
	// maxPause bounds what a server, or an outage, can make us wait.
	maxPause = time.Minute
	// maxCode bounds how long a code lives, in seconds: a day.
	maxCode = 24 * 60 * 60
	// maxLink bounds the bytes of a URL that comes from a server.
	maxLink = 4 << 10
)

// device is a device authorization answer (RFC 8628 §3.2).
type device struct {
	code     core.Secret
	visit    core.Visit
	interval time.Duration
}

// delegate signs a person in with a browser on any device (RFC 8628).
func (p *provider) delegate(ctx context.Context, req core.Request, ui core.UI) (core.Credential, error) {
	if ui.Visit == nil && ui.Show == nil {
		return core.Credential{}, core.Errorf(core.Interactive, "a person must sign in, and the program cannot show a code")
	}
	conn, err := p.connectNew(ctx, req)
	if err != nil {
		return core.Credential{}, err
	}
	d, err := p.askDevice(ctx, conn)
	if err != nil {
		return core.Credential{}, err
	}
	limited, cancel := context.WithDeadline(ctx, d.visit.Expires)
	defer cancel()
	if err := tell(limited, ui, d.visit); err != nil {
		return core.Credential{}, err
	}
	token, err := poll(limited, conn.client, d)
	if err != nil {
		return core.Credential{}, err
	}
	return p.welcome(ctx, conn, token, "")
}

// askDevice asks for a code (RFC 8628 §3.1).
func (p *provider) askDevice(ctx context.Context, conn *connection) (device, error) {
	if err := p.usable("device_authorization", conn.meta.DeviceEndpoint); err != nil {
		return device{}, err
	}
	form := url.Values{}
	for name, value := range p.cfg.AuthorizationParams {
		form.Set(name, value)
	}
	p.addTarget(form)
	began := time.Now()
	answer, err := conn.client.Post(ctx, conn.meta.DeviceEndpoint, form)
	if err != nil {
		return device{}, err
	}
	return readDevice(answer, began)
}

// readDevice reads a device authorization answer. A person is sent nowhere
// but to a page of https, or of the loopback, and sees no control characters.
func readDevice(answer grant.Fields, now time.Time) (device, error) {
	var code, userCode, page, draft, direct string
	for name, into := range map[string]*string{
		"device_code": &code, "user_code": &userCode, "verification_uri": &page, "verification_uri_complete": &direct,
		"verification_url": &draft, // before RFC 8628; Google's
	} {
		var err error
		if *into, err = answer.Text(name); err != nil {
			return device{}, err
		}
	}
	page = cmp.Or(page, draft)
	life := min(answer.Seconds("expires_in"), maxCode)
	switch {
	case code == "" || userCode == "":
		return device{}, core.Errorf(core.Unavailable, "the device authorization answer has no code (RFC 8628 §3.2)")
	case life == 0:
		return device{}, core.Errorf(core.Unavailable, "the device authorization answer does not say when its code ends (RFC 8628 §3.2)")
	case len(userCode) > 64 || !plainText(userCode):
		return device{}, core.Errorf(core.BadConfig, "the server's user_code has characters that may not be shown")
	case !showable(page):
		return device{}, core.Errorf(core.BadConfig, "the server's verification_uri is not a plain https URL")
	}
	if !showable(direct) {
		direct = "" // the other one does
	}
	interval := min(time.Duration(answer.Seconds("interval"))*time.Second, maxPause)
	return device{
		code:     core.NewSecret(code),
		visit:    core.Visit{URL: page, Code: userCode, Direct: direct, Expires: now.Add(time.Duration(life) * time.Second)},
		interval: cmp.Or(interval, pause),
	}, nil
}

// showable reports whether a person may be sent to a URL.
func showable(s string) bool {
	if s == "" || len(s) > maxLink || checkURL(s, false) != nil {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' || r == '"' || r == '<' || r == '>' })
}

// tell shows the person where to go.
func tell(ctx context.Context, ui core.UI, v core.Visit) error {
	var err error
	if ui.Visit != nil {
		err = ui.Visit(ctx, v)
	} else {
		message := fmt.Sprintf("To sign in, open this page on any device:\n%s\nand enter the code %s", v.URL, v.Code)
		if v.Direct != "" {
			message += fmt.Sprintf("\nor open this one, where the code is entered already:\n%s", v.Direct)
		}
		err = ui.Show(ctx, message)
	}
	if err != nil {
		return core.Errorf(core.Interactive, "a person must sign in, and could not be told where: %w", err)
	}
	return nil
}

// poll asks for the token until the person has signed in (RFC 8628 §3.4,
// §3.5). It asks less often when told so, and when the server cannot be reached.
func poll(ctx context.Context, client *grant.Client, d device) (grant.Token, error) {
	own := *client
	own.Scopes = nil // those of the device authorization request
	wait := d.interval
	for {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return grant.Token{}, ended(ctx, d, ctx.Err())
		}
		token, err := own.Exchange(ctx, url.Values{"grant_type": {grantTypes[DeviceCode]}, "device_code": {d.code.Reveal()}}, d.code)
		var e *core.Error
		switch {
		case err == nil:
			return token, nil
		case ctx.Err() != nil:
			return grant.Token{}, ended(ctx, d, ctx.Err())
		case grant.ErrorCode(err, "authorization_pending"):
			wait = d.interval
		case grant.ErrorCode(err, "slow_down"):
			d.interval = min(d.interval+pause, maxPause)
			wait = d.interval
		case grant.ErrorCode(err, "expired_token"):
			return grant.Token{}, ended(ctx, d, nil)
		case grant.ErrorCode(err, "access_denied"):
			return grant.Token{}, core.Errorf(core.Denied, "the sign-in was refused: %w", errors.Unwrap(err))
		case core.CodeOf(err) == core.Unavailable:
			wait = min(2*wait, maxPause)
			if errors.As(err, &e) {
				wait = max(wait, min(e.RetryAfter, maxPause))
			}
		default:
			return grant.Token{}, err
		}
	}
}

// ended says that nobody signed in.
func ended(ctx context.Context, d device, err error) error {
	if err == nil || errors.Is(err, context.DeadlineExceeded) && !time.Now().Before(d.visit.Expires) {
		return core.Errorf(core.Interactive, "the code was not entered in time; sign in again for a new one")
	}
	code := core.Interactive
	if errors.Is(err, context.Canceled) { // nobody wants it any more
		code = core.Unavailable
	}
	return core.Errorf(code, "nobody finished the sign-in: %w", context.Cause(ctx))
}
