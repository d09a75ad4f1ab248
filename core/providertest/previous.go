package providertest

import (
	"context"
	"reflect"
	"time"

	"github.com/authsession/authsession/core"
)

// previous asks for a credential in the place of an earlier one, and checks that the
// earlier one is not written to.
func previous(reason core.Reason, challenges ...string) func(*run) {
	return func(r *run) {
		_, p, cred, ok := r.obtain()
		if !ok {
			return
		}
		for _, challenge := range challenges {
			before := toPlain(cred)
			next, _, err := r.ask(r.ctx, p, core.Request{Reason: reason, Previous: cred,
				Challenge: challenge})
			if err != nil {
				r.errorf("Authenticate with Reason %v and the credential in Previous: %w", reason, err)
				return
			}
			if !reflect.DeepEqual(before, toPlain(cred)) {
				r.errorf("Authenticate has written to Request.Previous")
			}
			r.checkAttachment("the next credential's ", next.Attach)
			cred = next
		}
	}
}

// previousAbsent gives no Previous where one is usual, and one that the
// provider has never seen.
func previousAbsent(r *run) {
	_, p, _, ok := r.obtain()
	if !ok {
		return
	}
	for _, reason := range []core.Reason{core.ReasonExpiring, core.ReasonRejected} {
		if _, _, err := r.ask(r.ctx, p, core.Request{Reason: reason}); err != nil {
			r.errorf("Authenticate with Reason %v and no Previous: %w", reason, err)
		}
	}
	strange := core.Credential{RefreshState: core.NewSecret("\x00{not from here"),
		Attributes: map[string]string{}, Expiry: time.Unix(1, 0)}
	// an error is fine, a panic is not
	_, _, _ = r.ask(r.ctx, p, core.Request{Reason: core.ReasonExpiring, Previous: strange})
}

// previousElsewhere lets a second provider renew what a first one obtained,
// as after the restart of a plugin.
func previousElsewhere(r *run) {
	st, _, cred, ok := r.obtain()
	if !ok {
		return
	}
	back, _ := copyCredential(cred)
	other := r.open(st.server())
	if other == nil {
		return
	}
	for _, reason := range []core.Reason{core.ReasonExpiring, core.ReasonRejected} {
		if _, _, err := r.ask(r.ctx, other, core.Request{Reason: reason, Previous: back}); err != nil {
			r.errorf("a newly opened provider, Reason %v, "+
				"the copied credential of another in Previous: %w", reason, err)
		}
	}
}

// previousStored lets a second session, of a newly opened provider, take the credential
// that a first one saved in a store, and renew it.
func previousStored(r *run) {
	st := r.serve(nil)
	store := &memoryStore{values: map[string]core.Secret{}}
	for _, which := range []string{"a", "another"} {
		p := r.open(st.server())
		if p == nil {
			return
		}
		s := core.New("providertest", p, &core.Options{Store: store, Timeout: callTimeout,
			UI: r.person(r.server, true), Inputs: r.inputSessions()})
		_, err := r.call(r.ctx, s.Init)
		if err != nil {
			r.errorf("Init of %s session with a store: %w", which, err)
			return
		}
		if c, err := s.Credential(r.ctx); err == nil && which == "another" {
			s.Reject(c, "")
			_, err = r.call(r.ctx, func(ctx context.Context) error {
				_, err := s.Credential(ctx)
				return err
			})
			if err != nil {
				r.errorf("a newly opened provider, the stored credential of another in Previous: %w", err)
			}
		}
		if _, err := r.call(r.ctx, s.Close); err != nil {
			r.errorf("Close of %s session with a store: %w", which, err)
		}
	}
}
