package core_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
)

// chaosStore is one session's way to the place that its identity has in the store.
type chaosStore struct{ c *chaosSession }

// call makes one call, whose effect is act.
func (s chaosStore) call(
	ctx context.Context, what string, act func() error, faults ...chaosFault,
) error {
	id := s.c.id
	faults = append(faults, storeFails, storeHangs, storeIgnoresEnd, storePanics)
	f := s.c.dice.pick(0.5+s.c.w.calm/2, faults...)
	s.c.w.trace("%s: store: %s, %v", s.c.name, what, f)
	if f != allWell {
		id.upset()
		defer id.upset()
		defer s.c.fault(f)()
	}
	switch f {
	case storeHangs:
		<-ctx.Done()
		return ctx.Err()
	case storeIgnoresEnd:
		time.Sleep(s.c.dice.under(2 * s.c.timeout))
	default:
		if err := pause(ctx, s.c.dice.under(time.Second)); err != nil {
			return err
		}
	}
	switch f {
	case storePanics:
		panic("a store")
	case storeFails:
		if s.c.dice.n(2) == 0 {
			_ = act()
		}
		codes := []core.Code{core.CodeUnavailable, core.CodeBadConfig, core.CodeDenied}
		return core.Errorf(codes[s.c.dice.n(len(codes))], "the store fails")
	case storeDamaged:
		return core.Errorf(core.CodeUnavailable, "%w", core.ErrDamaged)
	}
	return act()
}

func (s chaosStore) set(value core.Secret) func() error {
	return func() error {
		s.c.id.mu.Lock()
		defer s.c.id.mu.Unlock()
		s.c.id.value = value
		return nil
	}
}

func (s chaosStore) Load(ctx context.Context, _ string) (out core.Secret, err error) {
	err = s.call(ctx, "Load", func() error {
		s.c.id.mu.Lock()
		defer s.c.id.mu.Unlock()
		out = s.c.id.value
		return nil
	}, storeDamaged)
	if err != nil {
		out = core.Secret{}
	}
	if errors.Is(err, core.ErrDamaged) {
		_ = s.set(core.Secret{})()
	}
	return out, err
}

// Save counts as a fault of the store also where only the attempt's limit ends it: if the store
// is empty then, another session cannot know that the refresh state which it has is spent.
func (s chaosStore) Save(ctx context.Context, _ string, value core.Secret) error {
	err := s.call(ctx, "Save", s.set(value))
	if err != nil {
		s.c.id.upset()
	}
	return err
}

func (s chaosStore) Delete(ctx context.Context, _ string) error {
	s.c.id.upset()
	return s.call(ctx, "Delete", s.set(core.Secret{}))
}

func (s chaosStore) Lock(ctx context.Context, _ string) (func(), error) {
	id := s.c.id
	if err := s.call(ctx, "Lock", func() error { return nil }); err != nil {
		return nil, err
	}
	select {
	case id.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var released atomic.Bool
	return func() {
		if !released.CompareAndSwap(false, true) {
			return
		}
		if s.c.dice.float() > 0.8+s.c.w.calm/5 {
			id.upset()
			defer id.upset()
			defer s.c.fault(unlockHangs)()
			time.Sleep(s.c.dice.under(3 * s.c.timeout))
		}
		s.c.w.trace("%s: store: unlock", s.c.name)
		<-id.lock
	}, nil
}

// chaosAPI carries one session's requests to the API of whatever identity they are addressed to.
type chaosAPI struct{ c *chaosSession }

// errAPI is an error of the API itself, which needs no code.
var errAPI = errors.New("the API hangs")

func (a chaosAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	host, _, _ := strings.Cut(r.URL.Host, ".")
	if got := r.Header.Get("Authorization"); !strings.HasPrefix(got, "Bearer "+host+".") {
		a.c.w.violate("a request arrives without its API's credential",
			"%q at %s, sent by %s", got, host, a.c.name)
	}
	f := a.c.dice.pick(a.c.w.calm, apiRefuses, apiInvalidToken, apiScope, apiStalls, apiHangs)
	defer a.c.fault(f)()
	takes := a.c.dice.under(apiLimit / 2)
	if f != allWell {
		takes += apiLimit / 2
	}
	if err := pause(r.Context(), takes); err != nil {
		return nil, fmt.Errorf("%w: %w", errAPI, err)
	}
	resp := &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader("an answer")),
		ContentLength: -1, Request: r}
	switch f {
	case apiHangs:
		return nil, fmt.Errorf("%w and resets", errAPI)
	case apiRefuses, apiStalls:
		resp.StatusCode = 401
	case apiInvalidToken:
		resp.StatusCode = []int{401, 403}[a.c.dice.n(2)]
		resp.Header.Set("Www-Authenticate", `Bearer error="invalid_token"`)
	case apiScope:
		resp.StatusCode = 401
		resp.Header.Set("Www-Authenticate", `Bearer error="insufficient_scope"`)
	}
	if f == apiStalls {
		resp.Body = stalledBody{r.Context()}
	}
	return resp, nil
}

// stalledBody sends nothing for a minute.
type stalledBody struct{ ctx context.Context }

func (b stalledBody) Read([]byte) (int, error) {
	if err := pause(b.ctx, time.Minute); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

func (b stalledBody) Close() error { return nil }
