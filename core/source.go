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

// direct is the source of a session without a store: the provider, and the person
// if the provider can sign one in.
type direct struct{ setup *setup }

// obtain calls the provider. A restoration finds nothing: there is no store.
func (d direct) obtain(ctx context.Context, a *attempt) (obtained, error) {
	if a.purpose == purposeRestore {
		return obtained{}, errNotStored
	}
	return d.askProvider(ctx, a, question{request: a.request, mayAskPerson: true})
}

// question is what to ask, and whom.
type question struct {
	request      Request
	fromStore    bool // request.Previous is what the store holds
	mayAskPerson bool // a person may be asked
}

// askProvider calls the provider, and lets it sign a person in if it answers
// Interactive. It describes in the outcome how far it came, also with an error.
func (d direct) askProvider(ctx context.Context, a *attempt, q question) (o obtained, err error) {
	if q.request.Inputs, err = d.obtainInputs(ctx, a); err != nil {
		return o, err
	}
	var c Credential
	// A forced sign-in goes the same way as one that the provider asks for.
	err = Errorf(CodeInteractive, "the program asked for a sign-in")
	if a.purpose != purposeSignIn {
		p := phaseAsking
		o.presentedRefresh = !q.request.Previous.RefreshState.IsZero()
		// Other processes have the same refresh state in the store. An issuer
		// that rotates it invalidates theirs, so that this call must not be
		// cancelled (invariant 5 of the machine).
		if o.presentedRefresh && q.fromStore {
			p = phaseSpending
		}
		c, err = a.callProvider(ctx, p, func(ctx context.Context) (Credential, error) {
			return d.setup.provider.Authenticate(ctx, q.request)
		})
		if refusedRole(err) != "" {
			o.refusedInput, err = d.rejectRefusedInput(ctx, a, q.request.Inputs, err)
			return o, err
		}
		// A provider that was given a refresh state needs no person as long as
		// the issuer accepts that state.
		o.refreshRefused = o.presentedRefresh && CodeOf(err) == CodeInteractive
	}
	if CodeOf(err) == CodeInteractive {
		c, err = d.signIn(ctx, a, q, err)
		o.signedIn = err == nil
	}
	if err != nil {
		return o, err
	}
	// A renewal without a person continues the sign-in that the last credential
	// had.
	if o.credential, err = prepare(d.setup, c, a.previous); err == nil {
		o.credential.signedIn = o.signedIn || a.previous != nil && a.previous.signedIn
		d.logIgnoredOrigins(c)
	}
	return o, err
}

// signIn lets the provider ask the person. If that is not possible it returns
// interactiveErr, which says why a person is needed.
func (d direct) signIn(
	ctx context.Context, a *attempt, q question, interactiveErr error,
) (Credential, error) {
	ui := a.ui
	if ui == nil {
		ui = d.setup.opts.UI
	}
	if ui == nil {
		return Credential{}, explainMissingUI(interactiveErr)
	}
	p, ok := d.setup.provider.(InteractiveProvider)
	if !ok || a.audience < person || !q.mayAskPerson || ctx.Err() != nil {
		return Credential{}, interactiveErr
	}
	c, err := a.callProvider(ctx, phaseSigningIn, func(ctx context.Context) (Credential, error) {
		return p.SignIn(ctx, q.request, signInUI(ctx, *ui))
	})
	// A proxy for a plugin always has SignIn and learns only from the plugin's
	// answer whether the provider supports it.
	if errors.Is(err, errors.ErrUnsupported) {
		return Credential{}, interactiveErr
	}
	return c, err
}

// explainMissingUI adds to an error that the program sets no UI: a developer who
// reads the error learns what is missing.
func explainMissingUI(interactiveErr error) error {
	var e *Error
	if !errors.As(interactiveErr, &e) || e != interactiveErr || e.Err == nil {
		return interactiveErr
	}
	out := *e
	out.Err = fmt.Errorf("%w; the program cannot ask anybody (it sets no Options.UI)", e.Err)
	return &out
}

// obtainInputs returns the credentials of the sessions that the provider needs,
// by role.
func (d direct) obtainInputs(ctx context.Context, a *attempt) (map[string]Credential, error) {
	if len(d.setup.opts.Inputs) == 0 {
		return nil, nil
	}
	ctx = a.inputContext(ctx)
	suppliers := d.setup.inputSessions()
	out := make(map[string]Credential, len(suppliers))
	for role, s := range suppliers {
		c, err := d.obtainInput(ctx, a, s)
		if err != nil {
			return nil, Errorf(CodeOf(err), "the input %q: %w", role, err)
		}
		// The server has refused this very credential, and the input's session
		// has no other one: the provider would only be refused again.
		if r := a.rejectedInput; r != nil && r.role == role && r.id == c.id {
			return nil, r.err
		}
		out[role] = c
	}
	return out, nil
}

// inputContext returns the context with which the attempt asks the sessions of its
// inputs. An attempt for nobody marks it, so that they do not ask a person, either.
func (a *attempt) inputContext(ctx context.Context) context.Context {
	if a.audience == nobody {
		ctx = context.WithValue(ctx, nobodyKey{}, true)
	}
	return context.WithValue(ctx, inputKey{}, true)
}

// obtainInput returns the credential of one session. If that session may ask a
// person, the attempt has the limit of a sign-in meanwhile.
func (d direct) obtainInput(
	ctx context.Context, a *attempt, s inputSession,
) (c Credential, err error) {
	get := func(limit time.Duration) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		defer a.announceWait(WaitForInput, limit)()
		c, err = s.supplyInput(ctx)
	}
	// An attempt for nobody does not make that session ask a person, so that it
	// does not need that much time.
	if a.audience > nobody && s.mayAskPerson() {
		a.runWithSignInLimit(func() { get(a.setup.opts.signInTimeout()) })
	} else {
		get(time.Until(a.deadline))
	}
	return c, err
}

// rejectRefusedInput rejects the input that the provider says was refused, in the
// session that it is from. The session then replaces the attempt. An attempt that
// replaces another one for that reason only returns the error: one repetition is
// enough to find out whether a new input helps.
func (d direct) rejectRefusedInput(
	ctx context.Context, a *attempt, inputs map[string]Credential, err error,
) (*refusedInput, error) {
	role := refusedRole(err)
	s, ok := d.setup.inputSessions()[role]
	if !ok {
		return nil, Errorf(CodeBadConfig,
			"the provider says that its input %q was refused, and it has none: %w",
			printable(role), Cause(err))
	}
	if a.rejectedInput != nil {
		return nil, err
	}
	ctx = a.inputContext(ctx)
	s.rejectInput(ctx, inputs[role])
	return &refusedInput{role, inputs[role].id, err}, err
}

// release revokes a credential if the provider can. The provider that obtained it
// does so, which may be one from before a Reconfigure.
func (d direct) release(ctx context.Context, c *credential, _ closeMode) error {
	if c == nil {
		return nil
	}
	r, ok := c.setup.provider.(Revoker)
	if !ok {
		return nil
	}
	ctx = c.setup.contextOfCall(ctx)
	err := callWithin(ctx, d.setup.opts.timeout(), func(ctx context.Context) error {
		return r.Revoke(ctx, c.cred)
	})
	// A plugin whose provider cannot revoke answers ErrUnsupported.
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return d.setup.annotate(err, "revoke")
}

// logIgnoredOrigins logs which origins the provider names and the options do not
// allow. The credential is not sent there, and without the log entry a developer
// would look for the reason in vain.
func (d direct) logIgnoredOrigins(c Credential) {
	cfg := d.setup
	if cfg.opts.Logger == nil || len(cfg.origins) == 0 {
		return
	}
	var ignored []string
	for _, text := range c.Origins {
		if o, err := parseOrigin(text); err != nil || !slices.Contains(cfg.origins, o) {
			ignored = append(ignored, printable(text))
		}
	}
	if len(ignored) > 0 {
		ignored = ignored[:min(len(ignored), 10)]
		cfg.logWarning("session cut off origins that its options do not allow",
			slog.Any("origins", ignored))
	}
}
