package main

import (
	"context"
	"net/http"
	"time"

	"github.com/authsession/authsession/core"
)

// openOurs is a session with the oauth2 provider and the defaults.
func openOurs(e *endpoint, o tuning) client {
	transport := &http.Transport{}
	provider := core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
		t, err := exchange(ctx, &http.Client{Transport: transport}, e.URL)
		if err != nil {
			return core.Credential{}, err
		}
		return bearer(t.value, t.expiry), nil
	})
	s := core.New("bench", provider, &core.Options{Lazy: true, Early: o.early, Timeout: o.timeout, KeepFresh: o.keepFresh})
	return client{
		use: func(ctx context.Context) error { _, err := s.Credential(ctx); return err },
		close: func() {
			_ = s.Close(context.Background())
			transport.CloseIdleConnections()
		},
	}
}

func bearer(value string, expiry time.Time) core.Credential {
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + value)}},
		Expiry: expiry,
	}
}

// ready returns an initialised session whose token lives for an hour.
func ready(value string) *core.Session {
	s := core.New("bench", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return bearer(value, time.Now().Add(time.Hour)), nil
	}), nil)
	must(s.Init(context.Background()))
	return s
}
