// Read on in record.go.

package core

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// direct is the source of a session without a store: the provider, and the
// person if the provider takes one.
type direct struct{ setup *setup }

func (d direct) obtain(ctx context.Context, a *attempt) (obtained, error) {
	if a.purpose == restoration {
		return obtained{}, errNotStored
	}
	return d.ask(ctx, a, question{req: a.req, person: true})
}

// question is what to ask, and whom.
type question struct {
	req    Request
	stored bool // req.Previous is what the store holds
	person bool // a person may be asked
}

// ask asks the provider, and then the person.
func (d direct) ask(ctx context.Context, a *attempt, q question) (o obtained, err error) {
	if q.req.Inputs, err = d.inputs(ctx, a); err != nil {
		return o, err
	}
	var c Credential
	err = Errorf(CodeInteractive, "the program asked for a sign-in")
	if a.purpose != personal {
		p := asking
		o.presented = !q.req.Previous.RefreshState.IsZero()
		if o.presented && q.stored {
			p = spending
		}
		c, err = a.call(ctx, p, func(ctx context.Context) (Credential, error) {
			return d.setup.provider.Authenticate(ctx, q.req)
		})
		if inputOf(err) != "" {
			o.input, err = d.rejectInput(ctx, a, q.req.Inputs, err)
			return o, err
		}
		o.refused = o.presented && CodeOf(err) == CodeInteractive
	}
	if CodeOf(err) == CodeInteractive {
		c, err = d.signIn(ctx, a, q, err)
		o.signedIn = err == nil
	}
	if err != nil {
		return o, err
	}
	if o.cred, err = prepare(d.setup, c, a.have); err == nil {
		o.cred.signedIn = o.signedIn || a.have != nil && a.have.signedIn
		d.logIgnoredOrigins(c)
	}
	return o, err
}

// signIn lets the provider ask the person. If that cannot be done it returns
// why, the error that asks for it.
func (d direct) signIn(ctx context.Context, a *attempt, q question, why error) (Credential, error) {
	ui := a.ui
	if ui == nil {
		ui = d.setup.opts.UI
	}
	if ui == nil {
		return Credential{}, withoutUI(why)
	}
	p, ok := d.setup.provider.(InteractiveProvider)
	if !ok || a.who < person || !q.person || ctx.Err() != nil {
		return Credential{}, why
	}
	c, err := a.call(ctx, signing, func(ctx context.Context) (Credential, error) {
		return p.SignIn(ctx, q.req, *ui)
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return Credential{}, why
	}
	return c, err
}

// withoutUI adds to an error why nobody was asked.
func withoutUI(why error) error {
	var e *Error
	if !errors.As(why, &e) || e != why || e.Err == nil {
		return why
	}
	out := *e
	out.Err = fmt.Errorf("%w; the program cannot ask anybody (it sets no Options.UI)", e.Err)
	return &out
}

// inputs returns the credentials of the sessions that the provider needs.
func (d direct) inputs(ctx context.Context, a *attempt) (map[string]Credential, error) {
	if len(d.setup.opts.Inputs) == 0 {
		return nil, nil
	}
	ctx = a.forInputs(ctx)
	suppliers := d.setup.suppliers()
	out := make(map[string]Credential, len(suppliers))
	for role, s := range suppliers {
		c, err := d.input(ctx, a, s)
		if err != nil {
			return nil, Errorf(CodeOf(err), "the input %q: %w", role, err)
		}
		if r := a.second; r != nil && r.role == role && r.id == c.id {
			return nil, r.err // its session has no other yet
		}
		out[role] = c
	}
	return out, nil
}

// forInputs returns the context with which the attempt asks for inputs.
func (a *attempt) forInputs(ctx context.Context) context.Context {
	if a.who == nobody {
		ctx = context.WithValue(ctx, nobodyKey{}, true)
	}
	return context.WithValue(ctx, inputKey{}, true)
}

func (d direct) input(ctx context.Context, a *attempt, s supplier) (c Credential, err error) {
	get := func(limit time.Duration) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		defer a.announceWait(WaitForInput, limit)()
		c, err = s.supply(ctx)
	}
	if a.who > nobody && s.asksPerson() {
		a.allowPerson(func() { get(signInTimeout) })
	} else {
		get(time.Until(a.deadline))
	}
	return c, err
}

// rejectInput rejects the input that the provider says was refused, in the session
// that it is from. The second time it only returns the error.
func (d direct) rejectInput(
	ctx context.Context, a *attempt, inputs map[string]Credential, err error,
) (*refusedInput, error) {
	role := inputOf(err)
	s, ok := d.setup.suppliers()[role]
	if !ok {
		return nil, Errorf(CodeBadConfig, "the provider says that its input %q was refused, and it has none: %w",
			clip(role), Cause(err))
	}
	if a.second != nil {
		return nil, err
	}
	ctx = a.forInputs(ctx)
	s.reject(ctx, inputs[role])
	return &refusedInput{role, inputs[role].id, err}, err
}

// release revokes a credential if the provider can.
func (d direct) release(ctx context.Context, c *credential, _ closeMode) error {
	if c == nil {
		return nil
	}
	r, ok := c.setup.provider.(Revoker)
	if !ok {
		return nil
	}
	ctx = c.setup.opts.withAuthTransport(ctx)
	err := within(ctx, d.setup.opts.timeout(), func(ctx context.Context) error {
		return r.Revoke(ctx, c.cred)
	})
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return d.setup.annotate(err, "revoke")
}

// logIgnoredOrigins logs which origins the provider names and the options do
// not allow. The credential is not sent there.
func (d direct) logIgnoredOrigins(c Credential) {
	u := d.setup
	if u.opts.Logger == nil || len(u.origins) == 0 {
		return
	}
	var ignored []string
	for _, text := range c.Origins {
		if o, err := parseOrigin(text); err != nil || !slices.Contains(u.origins, o) {
			ignored = append(ignored, clip(text))
		}
	}
	if len(ignored) > 0 {
		ignored = ignored[:min(len(ignored), 10)]
		u.logWarning("session cut off origins that its options do not allow",
			slog.Any("origins", ignored))
	}
}
