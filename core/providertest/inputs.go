package providertest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"
	"sync"

	"github.com/authsession/authsession/core"
)

// inputSessions are sessions that hold the fixture's inputs.
func (r *run) inputSessions() map[string]*core.Session {
	sessions := make(map[string]*core.Session, len(r.Inputs))
	for role, cred := range r.Inputs {
		sessions[role] = core.New(role, core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) { return cred, nil }), nil)
	}
	return sessions
}

// strangeInputs gives inputs that a provider does not expect.
func strangeInputs(r *run) {
	_, p, _, ok := r.good()
	if !ok {
		return
	}
	more := maps.Clone(r.Inputs)
	if more == nil {
		more = map[string]core.Credential{}
	}
	more["a role that nobody knows"] = core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer unheard-of")}}}
	more[""] = core.Credential{}
	before := toPlainAll(more)
	if _, _, err := r.ask(r.ctx, p, core.Request{Inputs: more}); err != nil {
		r.errorf("Authenticate with Inputs of roles that nobody knows: %w", err)
	}
	if !reflect.DeepEqual(before, toPlainAll(more)) {
		r.errorf("Authenticate has written to Request.Inputs")
	}
	r.addSecret("an input", "secret-"+r.id)
	roles := []string{"subject_token", "actor_token"}
	for role := range r.Inputs {
		roles = append(roles, role)
		less := maps.Clone(r.Inputs)
		delete(less, role)
		if _, _, err := r.ask(r.ctx, p, core.Request{Inputs: less}); err != nil && core.CodeOf(err) != core.BadConfig {
			r.errorf("Authenticate without the input %q reports %q, want %q: %w", role, core.CodeOf(err), core.BadConfig, err)
		}
	}
	for _, role := range roles {
		for _, strange := range []map[string]core.Secret{
			nil, {"Authorization": {}}, {"Authorization": core.NewSecret("Basic secret-" + r.id)}, {"Authorization": core.NewSecret("Bearer \r\nsecret-" + r.id)},
			{"authorization": core.NewSecret(strings.Repeat("secret-"+r.id+" ", 1000))}, {"X-Key": core.NewSecret("secret-" + r.id)},
		} {
			in := maps.Clone(r.Inputs)
			if in == nil {
				in = map[string]core.Credential{}
			}
			in[role] = core.Credential{Attach: core.Attachment{Header: strange}}
			cred, _, err := r.ask(r.ctx, p, core.Request{Inputs: in}) // an error is fine, a panic is not
			if err == nil {
				r.sound("with a strange input, the credential's ", cred.Attach)
			} else if what := r.leak(err.Error()); what != "" {
				r.errorf("an error about the input %q shows %s", role, what)
			}
		}
	}
}

// refusedInputs lets the server refuse, and sees which input the error blames.
func refusedInputs(r *run) {
	for _, inputs := range []map[string]core.Credential{r.Inputs, nil} {
		for _, code := range []string{"invalid_grant", "invalid_request", "invalid_client", "invalid_target"} {
			st := r.stage(answer(400, `{"error": "`+code+`"}`, kind, asJSON))
			p := r.open(st.server())
			if p == nil {
				return
			}
			own := maps.Clone(inputs)
			if own == nil {
				own = map[string]core.Credential{}
			}
			_, err := r.call(r.ctx, func(ctx context.Context) error {
				_, err := p.Authenticate(ctx, core.Request{Inputs: own})
				return err
			})
			var e *core.Error
			if !errors.As(err, &e) || e.Input == "" {
				continue
			}
			if _, ok := inputs[e.Input]; !ok {
				r.errorf("with %d inputs and the answer %s, the error names the input %q as refused",
					len(inputs), code, e.Input)
			}
		}
	}
}

func toPlainAll(m map[string]core.Credential) map[string]plainCredential {
	out := make(map[string]plainCredential, len(m))
	for role, c := range m {
		out[role] = toPlain(c)
	}
	return out
}

// shelf is a core.Store for one process.
type shelf struct {
	mu     sync.Mutex // guards values
	values map[string]core.Secret
	turn   sync.Mutex
}

func (s *shelf) Load(_ context.Context, key string) (core.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], nil
}

func (s *shelf) Save(_ context.Context, key string, value core.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
	return nil
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

func (s *shelf) Lock(context.Context, string) (func(), error) {
	s.turn.Lock()
	return s.turn.Unlock, nil
}
