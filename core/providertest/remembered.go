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

// authorizer returns a provider that authorizes, and a credential of it. If the provider
// does not, it skips the check and returns false.
func (r *run) authorizer() (core.Authorizer, core.Credential, bool) {
	_, p, cred, ok := r.obtain()
	if !ok {
		return nil, cred, false
	}
	a, ok := p.(core.Authorizer)
	if !ok {
		r.skipped = "the provider is not a core.Authorizer"
	} else if ok = r.authorizes(p, cred); !ok {
		r.skipped = "Authorize is not supported"
	}
	back, _ := copyCredential(cred)
	return a, back, ok
}

func outgoing(cred core.Credential, remembered http.Header) core.Outgoing {
	return withBody(core.Outgoing{
		Method: http.MethodGet, URL: "https://api.example.com/v1/items", Header: http.Header{},
		Remembered: remembered,
	}, cred.Body, nil)
}

// attach calls Authorize.
func (r *run) attach(a core.Authorizer, cred core.Credential, out core.Outgoing) (
	got core.Attachment, err error,
) {
	var result core.Attachment // separate from got, as the call may never return
	if _, err = r.call(r.ctx, func(ctx context.Context) (err error) {
		result, err = a.Authorize(ctx, cred, out)
		return err
	}); err == nil {
		got = result
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
	// hostileMark is in every hostile value that the kit gives Authorize.
	hostileMark = "providertest-hostile-value"
	// maxAttachment is more bytes than the values of an attachment need.
	maxAttachment = 64 << 10
)

// rememberedValues gives Authorize values of headers that no honest server sends. An
// error is right, and so is an attachment without them.
func rememberedValues(r *run) {
	a, cred, ok := r.authorizer()
	if !ok {
		return
	}
	first, err := r.attach(a, cred, outgoing(cred, nil))
	if err != nil {
		r.errorf("Authorize without remembered headers: %w", err)
		return
	}
	names := append(slices.Clone(first.RememberHeaders), "DPoP-Nonce", "X-Unheard-Of")
	for _, value := range []string{
		"", hostileMark + "\r\nX-Smuggled: 1", hostileMark + "\x00\x7f",
		hostileMark + strings.Repeat("a", 1<<20), hostileMark + "\u202e\u00e9",
	} {
		hostile := http.Header{}
		for _, name := range names {
			hostile[http.CanonicalHeaderKey(name)] = []string{value, value}
		}
		before := hostile.Clone()
		got, err := r.attach(a, cred, outgoing(cred, hostile))
		if !reflect.DeepEqual(before, hostile) {
			r.errorf("Authorize has written to Outgoing.Remembered")
		}
		if err != nil {
			if strings.Contains(err.Error(), hostileMark) {
				r.errorf("an error of Authorize shows a header of a hostile server")
			}
			continue
		}
		r.checkAttachment("with a hostile header remembered, the authorized request's ", got)
		if size := sizeOf(got); size > maxAttachment {
			r.errorf("with a hostile header remembered, the authorized request's attachment has %d KiB",
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
