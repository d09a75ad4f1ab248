package providertest

import (
	"context"
	"crypto"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"github.com/authsession/authsession/core"
)

// withBody completes the description of a request as a session does.
func withBody(out core.Outgoing, needs *core.BodyNeeds, body []byte) core.Outgoing {
	out.Host, out.ContentLength = "api.example.com", int64(len(body))
	if needs == nil {
		return out
	}
	for _, h := range needs.Digests {
		if !h.Available() {
			continue // credential/body reports it
		}
		if out.Digests == nil {
			out.Digests = map[crypto.Hash][]byte{}
		}
		sum := h.New()
		_, _ = sum.Write(body)
		out.Digests[h] = sum.Sum(nil)
	}
	if needs.Raw > 0 && int64(len(body)) <= needs.Raw {
		out.Body = append([]byte{}, body...)
	}
	return out
}

// fixedProvider is a provider of one credential that attaches it to every request.
type fixedProvider struct{ cred core.Credential }

func (f fixedProvider) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return f.cred, nil
}

func (f fixedProvider) Authorize(
	context.Context, core.Credential, core.Outgoing,
) (core.Attachment, error) {
	return f.cred.Attach, nil
}

// bodyNeeds gives the provider's Credential.Body to a session, which checks it.
func bodyNeeds(r *run) {
	_, _, cred, ok := r.obtain()
	if !ok {
		return
	}
	c := core.Credential{Body: cred.Body}
	c.Attach.Header = map[string]core.Secret{"X-Providertest": core.NewSecret("1")}
	s := core.New("providertest", fixedProvider{c}, nil)
	if err := s.Init(r.ctx); err != nil {
		r.errorf("a session refuses Credential.Body: %w", err)
	}
	_ = s.Close(r.ctx)
}

// authorizeBodies gives Authorize bodies as a session does.
func authorizeBodies(r *run) {
	a, cred, ok := r.authorizer()
	if !ok {
		return
	}
	post := core.Outgoing{
		Method: http.MethodPost, URL: "https://api.example.com/v1/items", Header: http.Header{},
		Remembered: r.Remembered.Clone(),
	}
	unread := withBody(post, nil, nil)
	unread.ContentLength = -1
	older := post // a host of an earlier version
	older.ContentLength = -1
	digests := &core.BodyNeeds{}
	if cred.Body != nil {
		digests.Digests = cred.Body.Digests
	}
	long := withBody(post, digests, []byte("providertest"))
	long.ContentLength = 1 << 40
	for _, c := range []struct {
		what string
		out  core.Outgoing
		must bool // it must succeed
	}{
		{"with a body", withBody(post, cred.Body, []byte("providertest")), true},
		{"without a body", withBody(post, cred.Body, nil), true},
		{"with a body that can be read once", unread, false},
		{"with a body of a terabyte", long, false},
		{"from a host of an earlier version", older, false},
	} {
		body, digests := slices.Clone(c.out.Body), maps.Clone(c.out.Digests)
		for h := range digests {
			digests[h] = slices.Clone(digests[h])
		}
		got, err := r.attach(a, cred, c.out)
		switch {
		case err != nil && c.must:
			r.errorf("Authorize of a request %s: %w", c.what, err)
		case err == nil:
			r.checkAttachment("the attachment of a request "+c.what+": ", got)
		}
		if !reflect.DeepEqual(body, c.out.Body) || !reflect.DeepEqual(digests, c.out.Digests) {
			r.errorf("Authorize of a request %s has written to Outgoing.Body or Outgoing.Digests", c.what)
		}
	}
}

// maxRounds is how often a session authorizes one request.
const maxRounds = 3

// authorizeRounds authorizes one request as often as a session does.
func authorizeRounds(r *run) {
	a, cred, ok := r.authorizer()
	if !ok {
		return
	}
	var remembered http.Header
	for range maxRounds {
		got, err := r.attach(a, cred, outgoing(cred, remembered.Clone()))
		if err != nil {
			r.errorf("Authorize with %d remembered headers: %w", len(remembered), err)
			return
		}
		if !isEmpty(got) {
			return
		}
		if !r.rememberAnswer(got.RememberHeaders, &remembered) {
			return
		}
	}
	r.errorf("Authorize attaches nothing in %d rounds", maxRounds)
}

// rememberAnswer adds to remembered the headers of the API's answer to a request without
// a credential. It returns false if none of them is new, so that a session does not send
// the request again.
func (r *run) rememberAnswer(names []string, remembered *http.Header) bool {
	changed := false
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		values := r.Remembered[name]
		if len(values) == 0 || slices.Equal(values, (*remembered)[name]) {
			continue
		}
		if *remembered == nil {
			*remembered = http.Header{}
		}
		(*remembered)[name], changed = slices.Clone(values), true
	}
	switch {
	case len(names) == 0:
		r.errorf("Authorize attaches nothing and names nothing in RememberHeaders")
	case !changed && len(*remembered) == 0:
		r.errorf("Authorize attaches nothing, and Fixture.Remembered has none of the headers in " +
			"RememberHeaders")
	case !changed:
		r.errorf("Authorize attaches nothing, and asks for a round that brings nothing new")
	}
	return changed
}
