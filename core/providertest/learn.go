package providertest

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// authorizer returns a provider that authorizes, and a credential of it.
// False: it does not, which has been said.
func (r *run) authorizer() (core.Authorizer, core.Credential, bool) {
	_, p, cred, ok := r.good()
	if !ok {
		return nil, cred, false
	}
	a, ok := p.(core.Authorizer)
	if !ok {
		r.skipped = "the provider is no core.Authorizer"
	} else if ok = r.authorizes(p, cred); !ok {
		r.skipped = "Authorize is not supported"
	}
	back, _ := copied(cred)
	return a, back, ok
}

func outgoing(cred core.Credential, learned http.Header) core.Outgoing {
	return withBody(core.Outgoing{
		Method: http.MethodGet, URL: "https://api.example.com/v1/items", Header: http.Header{},
		Remembered: learned,
	}, cred.Body, nil)
}

// attach calls Authorize.
func (r *run) attach(a core.Authorizer, cred core.Credential, out core.Outgoing) (
	got core.Attachment, err error,
) {
	var own core.Attachment // the call's own, in case it never comes back
	if _, err = r.call(r.ctx, func(ctx context.Context) (err error) {
		own, err = a.Authorize(ctx, cred, out)
		return err
	}); err == nil {
		got = own
	}
	return got, err
}

// authorizeConcurrently authorizes many requests at once.
func authorizeConcurrently(r *run) {
	a, cred, ok := r.authorizer()
	if !ok {
		return
	}
	const callers = 24
	errs := make(chan error, callers)
	for range callers {
		go func() {
			got, err := r.attach(a, cred, outgoing(cred, http.Header{"Dpop-Nonce": {"n-1"}}))
			if err == nil && isEmpty(got) && len(got.RememberHeaders) == 0 {
				err = errors.New("it attaches nothing")
			}
			errs <- err
		}()
	}
	for range callers {
		if err := <-errs; err != nil {
			r.errorf("one of %d calls of Authorize at the same time: %w", callers, err)
			return
		}
	}
}

const (
	// hostileMark is in every value that the kit lets Authorize learn.
	hostileMark = "providertest-hostile-value"
	// maxProof is more than the values of an attachment need.
	maxProof = 64 << 10
)

// learned gives Authorize values of headers that no honest server sends. An
// error is right, and so is an attachment that does without.
func learned(r *run) {
	a, cred, ok := r.authorizer()
	if !ok {
		return
	}
	first, err := r.attach(a, cred, outgoing(cred, nil))
	if err != nil {
		r.errorf("Authorize that has learned nothing: %w", err)
		return
	}
	names := append(slices.Clone(first.RememberHeaders), "DPoP-Nonce", "X-Unheard-Of")
	for _, value := range []string{
		"", hostileMark + "\r\nX-Smuggled: 1", hostileMark + "\x00\x7f",
		hostileMark + strings.Repeat("a", 1<<20), hostileMark + "\u202e\u00e9",
	} {
		taught := http.Header{}
		for _, name := range names {
			taught[http.CanonicalHeaderKey(name)] = []string{value, value}
		}
		before := taught.Clone()
		got, err := r.attach(a, cred, outgoing(cred, taught))
		if !reflect.DeepEqual(before, taught) {
			r.errorf("Authorize has written to Outgoing.Remembered")
		}
		if err != nil {
			if strings.Contains(err.Error(), hostileMark) {
				r.errorf("an error of Authorize shows what a hostile server taught it")
			}
			continue
		}
		r.sound("with a hostile value learned, the authorized request's ", got)
		if size := sizeOf(got); size > maxProof {
			r.errorf("with a hostile value learned, the authorized request's attachment has %d KiB",
				size>>10)
		}
	}
}

// sizeOf returns how many bytes the names and values of an attachment have.
func sizeOf(a core.Attachment) int {
	size := 0
	for _, part := range []map[string]core.Secret{a.Header, a.Query, a.Cookie} {
		for name, value := range part {
			size += len(name) + len(value.Reveal())
		}
	}
	return size
}
