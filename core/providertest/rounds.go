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

// fixed is a provider of one credential that attaches it to every request.
type fixed struct{ cred core.Credential }

func (f fixed) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return f.cred, nil
}

func (f fixed) Authorize(context.Context, core.Credential, core.Outgoing) (core.Attachment, error) {
	return f.cred.Attach, nil
}

// bodyNeeds gives what a credential asks for to a session.
func bodyNeeds(r *run) {
	_, _, cred, ok := r.good()
	if !ok {
		return
	}
	c := core.Credential{Body: cred.Body}
	c.Attach.Header = map[string]core.Secret{"X-Providertest": core.NewSecret("1")}
	s := core.New("providertest", fixed{c}, nil)
	if err := s.Init(r.ctx); err != nil {
		r.errorf("a session refuses Credential.Body: %w", err)
	}
	_ = s.Close(r.ctx)
}

// bodies gives Authorize what a session tells of bodies.
func bodies(r *run) {
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
			r.sound("the attachment of a request "+c.what+": ", got)
		}
		if !reflect.DeepEqual(body, c.out.Body) || !reflect.DeepEqual(digests, c.out.Digests) {
			r.errorf("Authorize of a request %s has written to Outgoing.Body or Outgoing.Digests", c.what)
		}
	}
}

// maxRounds is how often a session authorizes one request.
const maxRounds = 3

// rounds authorizes one request as often as a session does.
func rounds(r *run) {
	a, cred, ok := r.authorizer()
	if !ok {
		return
	}
	var known http.Header
	for range maxRounds {
		got, err := r.attach(a, cred, outgoing(cred, known.Clone()))
		if err != nil {
			r.errorf("Authorize that has learned %d headers: %w", len(known), err)
			return
		}
		if !isEmpty(got) {
			return
		}
		if !r.answers(got.RememberHeaders, &known) {
			return
		}
	}
	r.errorf("Authorize attaches nothing in %d rounds", maxRounds)
}

// answers adds to known what the API says to a request that carried nothing. False:
// it says nothing new, so that no session sends the request again.
func (r *run) answers(names []string, known *http.Header) bool {
	news := false
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		values := r.Remembered[name]
		if len(values) == 0 || slices.Equal(values, (*known)[name]) {
			continue
		}
		if *known == nil {
			*known = http.Header{}
		}
		(*known)[name], news = slices.Clone(values), true
	}
	switch {
	case len(names) == 0:
		r.errorf("Authorize attaches nothing and names nothing in Learn")
	case !news && len(*known) == 0:
		r.errorf("Authorize attaches nothing, and Fixture.Remembered has none of the headers in RememberHeaders")
	case !news:
		r.errorf("Authorize attaches nothing, and asks for a round that brings nothing new")
	}
	return news
}
