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
		holds := func(context.Context, core.Request) (core.Credential, error) { return cred, nil }
		sessions[role] = core.New(role, core.ProviderFunc(holds), nil)
	}
	return sessions
}

// strangeInputs gives inputs that a provider does not expect.
func strangeInputs(r *run) {
	_, p, _, ok := r.obtain()
	if !ok {
		return
	}
	r.unknownRoles(p)
	r.addSecret("an input", "secret-"+r.id)
	roles := append([]string{"subject_token", "actor_token"}, r.withoutOne(p)...)
	for _, role := range roles {
		r.strangeHeaders(p, role)
	}
}

// unknownRoles gives inputs of roles that no provider has.
func (r *run) unknownRoles(p core.Provider) {
	more := inputsOf(r.Inputs)
	more["a role that nobody knows"] = core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer unheard-of")},
	}}
	more[""] = core.Credential{}
	before := toPlainAll(more)
	if _, _, err := r.ask(r.ctx, p, core.Request{Inputs: more}); err != nil {
		r.errorf("Authenticate with Inputs of roles that nobody knows: %w", err)
	}
	if !reflect.DeepEqual(before, toPlainAll(more)) {
		r.errorf("Authenticate has written to Request.Inputs")
	}
}

// withoutOne omits each of the fixture's inputs once, and returns their roles.
func (r *run) withoutOne(p core.Provider) []string {
	var roles []string
	for role := range r.Inputs {
		roles = append(roles, role)
		less := maps.Clone(r.Inputs)
		delete(less, role)
		_, _, err := r.ask(r.ctx, p, core.Request{Inputs: less})
		if err != nil && core.CodeOf(err) != core.CodeBadConfig {
			r.errorf("Authenticate without the input %q reports %q, want %q: %w",
				role, core.CodeOf(err), core.CodeBadConfig, err)
		}
	}
	return roles
}

// strangeHeaders gives inputs of a role whose header is not that of a bearer token. An error is
// right, and so is a credential without the input; a panic is not.
func (r *run) strangeHeaders(p core.Provider, role string) {
	secret := "secret-" + r.id
	for _, strange := range []map[string]core.Secret{
		nil,
		{"Authorization": {}},
		{"Authorization": core.NewSecret("Basic " + secret)},
		{"Authorization": core.NewSecret("Bearer \r\n" + secret)},
		{"authorization": core.NewSecret(strings.Repeat(secret+" ", 1000))},
		{"X-Key": core.NewSecret(secret)},
	} {
		in := inputsOf(r.Inputs)
		in[role] = core.Credential{Attach: core.Attachment{Header: strange}}
		cred, _, err := r.ask(r.ctx, p, core.Request{Inputs: in})
		if err == nil {
			r.checkAttachment("with a strange input, the credential's ", cred.Attach)
		} else if what := r.leak(err.Error()); what != "" {
			r.errorf("an error about the input %q shows %s", role, what)
		}
	}
}

// inputsOf returns a copy of m that can be written to, also of nil.
func inputsOf(m map[string]core.Credential) map[string]core.Credential {
	if m == nil {
		return map[string]core.Credential{}
	}
	return maps.Clone(m)
}

// refusedInputs lets the server refuse, and checks which input the error names.
func refusedInputs(r *run) {
	for _, given := range []map[string]core.Credential{r.Inputs, nil} {
		for _, code := range []string{
			"invalid_grant", "invalid_request", "invalid_client", "invalid_target",
		} {
			st := r.serve(answer(400, `{"error": "`+code+`"}`, contentType, asJSON))
			p := r.open(st.server())
			if p == nil {
				return
			}
			if role, ok := r.refusedRole(p, given); !ok {
				r.errorf("with %d inputs and the answer %s, the error names the input %q as refused",
					len(given), code, role)
			}
		}
	}
}

// refusedRole authenticates with the inputs and returns the role that the error names as
// refused, and false where no input has it.
func (r *run) refusedRole(
	p core.Provider, given map[string]core.Credential,
) (role string, ok bool) {
	_, err := r.call(r.ctx, func(ctx context.Context) error {
		_, err := p.Authenticate(ctx, core.Request{Inputs: inputsOf(given)})
		return err
	})
	var e *core.Error
	if !errors.As(err, &e) || e.Input == "" {
		return "", true
	}
	_, ok = given[e.Input]
	return e.Input, ok
}

func toPlainAll(m map[string]core.Credential) map[string]plainCredential {
	out := make(map[string]plainCredential, len(m))
	for role, c := range m {
		out[role] = toPlain(c)
	}
	return out
}

// memoryStore is a core.Store for one process.
type memoryStore struct {
	mu     sync.Mutex // guards values
	values map[string]core.Secret
	lock   sync.Mutex
}

func (s *memoryStore) Load(_ context.Context, key string) (core.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key], nil
}

func (s *memoryStore) Save(_ context.Context, key string, value core.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
	return nil
}

func (s *memoryStore) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

func (s *memoryStore) Lock(context.Context, string) (func(), error) {
	s.lock.Lock()
	return s.lock.Unlock, nil
}
