// The grant device_code: a person signs in with a browser on any device.
//
// Read on in grants.go.

package oauth2

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

const deviceCodeParameter = "urn:ietf:params:oauth:grant-type:device_code" // RFC 8628 §3.4

const (
	// defaultInterval is the time between two token requests if the server does not set it, and the
	// time that slow_down adds (RFC 8628 §3.2, §3.5).
	defaultInterval = 5 * time.Second
	// maxInterval is the longest time between two token requests, whatever the server says.
	maxInterval = time.Minute
	// maxCodeLifetime is the longest lifetime of a code in seconds: a day.
	maxCodeLifetime = 24 * 60 * 60
)

// deviceCode is the grant of RFC 8628.
var deviceCode = grantType{
	name:      DeviceCode,
	parameter: deviceCodeParameter,
	settings: []string{"device_authorization_url", "authorization_url", "pushed_authorization_url",
		"jwks_url", "authorization_params", "sign_in"},
	check: func(c *Config) error {
		if c.Issuer == "" && c.DeviceAuthorizationURL == "" {
			return core.Faultf("device_authorization_url",
				"missing; give issuer or device_authorization_url")
		}
		return nil
	},
	request: requirePerson,
	renew:   renewSignIn,
	signIn: &signInSteps{
		name: "device",
		checkUI: func(_ *Config, ui core.UI) error {
			if ui.ShowDevicePrompt == nil && ui.Show == nil {
				return core.Errorf(core.CodeInteractive,
					"a person must sign in, and the program cannot show a code")
			}
			return nil
		},
		run: signInOnDevice,
	},
}

// deviceAuthorization is the server's answer to a device authorization request (RFC 8628 §3.2).
type deviceAuthorization struct {
	code     core.Secret
	visit    core.DevicePrompt
	interval time.Duration // between two token requests
}

// signInOnDevice requests a code, shows it to the person, and requests the token until the person
// has signed in.
func signInOnDevice(ctx context.Context, conn *connection, ui core.UI) (core.Credential, error) {
	device, err := conn.authorizeDevice(ctx)
	if err != nil {
		return core.Credential{}, err
	}
	limited, cancel := context.WithDeadline(ctx, device.visit.ExpiresAt)
	defer cancel()
	if err := showCode(limited, ui, device.visit); err != nil {
		return core.Credential{}, err
	}
	token, err := pollToken(limited, conn.clientWithoutScopes(), device)
	if err != nil {
		return core.Credential{}, err
	}
	return conn.signedInCredential(ctx, token, "")
}

// authorizeDevice sends the device authorization request (RFC 8628 §3.1).
func (conn *connection) authorizeDevice(ctx context.Context) (deviceAuthorization, error) {
	if err := conn.checkEndpoint("device_authorization", conn.meta.DeviceEndpoint); err != nil {
		return deviceAuthorization{}, err
	}
	began := time.Now()
	answer, err := conn.client.Post(ctx, conn.meta.DeviceEndpoint, conn.cfg.authorizationForm())
	if err != nil {
		return deviceAuthorization{}, err
	}
	return parseDeviceAnswer(answer, began)
}

// parseDeviceAnswer parses a device authorization answer. It accepts only what a person may safely
// be shown (see [core.CheckDevicePrompt]), and a page with https or on this machine. The lifetime
// of the code counts from sent, when the request was sent.
func parseDeviceAnswer(answer grant.Fields, sent time.Time) (deviceAuthorization, error) {
	var code, userCode, page, draftPage, completePage string
	for name, into := range map[string]*string{
		"device_code": &code, "user_code": &userCode,
		"verification_uri": &page, "verification_uri_complete": &completePage,
		"verification_url": &draftPage, // the name before RFC 8628, which Google uses
	} {
		var err error
		if *into, err = answer.Text(name); err != nil {
			return deviceAuthorization{}, err
		}
	}
	page = cmp.Or(page, draftPage)
	lifetime := min(answer.Seconds("expires_in"), maxCodeLifetime)
	switch {
	case code == "" || userCode == "":
		return deviceAuthorization{}, core.Errorf(core.CodeUnavailable,
			"the device authorization answer has no code (RFC 8628 §3.2)")
	case lifetime == 0:
		return deviceAuthorization{}, core.Errorf(core.CodeUnavailable,
			"the device authorization answer does not say when its code ends (RFC 8628 §3.2)")
	case checkURL(page, false) != nil:
		return deviceAuthorization{}, core.Errorf(core.CodeBadConfig,
			"the server's verification_uri is not a plain https URL")
	}
	visit, err := core.CheckDevicePrompt(core.DevicePrompt{
		VerificationURI: page, UserCode: userCode, VerificationURIComplete: completePage,
		ExpiresAt: sent.Add(time.Duration(lifetime) * time.Second),
	})
	if err != nil {
		return deviceAuthorization{}, core.Prefix(err, "the device authorization answer")
	}
	interval := min(time.Duration(answer.Seconds("interval"))*time.Second, maxInterval)
	return deviceAuthorization{
		code:     core.NewSecret(code),
		visit:    visit,
		interval: cmp.Or(interval, defaultInterval),
	}, nil
}

// showCode shows the person which page to open and which code to enter.
func showCode(ctx context.Context, ui core.UI, v core.DevicePrompt) error {
	var err error
	if ui.ShowDevicePrompt != nil {
		err = ui.ShowDevicePrompt(ctx, v)
	} else {
		err = ui.Show(ctx, v.Text())
	}
	if err != nil {
		return core.Errorf(core.CodeInteractive, "a person must sign in, and could not be told where: %w",
			core.Cause(err))
	}
	return nil
}

// pollToken requests the token until the person has signed in (RFC 8628 §3.4, §3.5). ctx
// ends when the code does. The time between two requests is d.interval, which each slow_down
// prolongs; after a request that was not answered it doubles, until the server answers
// again.
func pollToken(ctx context.Context, client *grant.Client,
	d deviceAuthorization) (grant.Token, error) {
	wait := d.interval
	for {
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return grant.Token{}, notSignedInError(ctx, d)
		}
		token, err := client.Exchange(ctx, url.Values{
			"grant_type": {deviceCodeParameter}, "device_code": {d.code.Reveal()},
		}, d.code)
		switch {
		case err == nil:
			return token, nil
		case ctx.Err() != nil:
			return grant.Token{}, notSignedInError(ctx, d)
		case grant.ErrorCode(err, "authorization_pending"):
			wait = d.interval
		case grant.ErrorCode(err, "slow_down"):
			d.interval = min(d.interval+defaultInterval, maxInterval)
			wait = d.interval
		case grant.ErrorCode(err, "expired_token"):
			return grant.Token{}, errCodeExpired
		case grant.ErrorCode(err, "access_denied"):
			return grant.Token{}, core.Errorf(core.CodeDenied,
				"the sign-in was refused: %w", errors.Unwrap(err))
		case core.CodeOf(err) == core.CodeUnavailable:
			wait = min(2*wait, maxInterval)
			var e *core.Error
			if errors.As(err, &e) {
				wait = max(wait, min(e.RetryAfter, maxInterval))
			}
		default:
			return grant.Token{}, err
		}
	}
}

var errCodeExpired = core.Errorf(core.CodeInteractive,
	"the code was not entered in time; sign in again for a new one")

// notSignedInError is the error if ctx has ended before the person signed in.
func notSignedInError(ctx context.Context, d deviceAuthorization) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !time.Now().Before(d.visit.ExpiresAt) {
		return errCodeExpired
	}
	code := core.CodeInteractive
	if errors.Is(ctx.Err(), context.Canceled) { // the caller no longer wants the token
		code = core.CodeUnavailable
	}
	return core.Errorf(code, "nobody finished the sign-in: %w", context.Cause(ctx))
}
