package main

import (
	"context"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
)

// openOurs is a session with the oauth2 provider and the defaults, but for what
// the row sets.
func openOurs(e *endpoint, o tuning) client {
	provider, err := oauth2.Factory.Open(context.Background(), "", map[string]any{
		"token_url": e.URL, "client_id": "bench", "client_secret": "bench",
		"client_auth": "client_secret_post",
	})
	must(err)
	s := core.New("bench", provider, &core.Options{Lazy: true, Early: o.early, Timeout: o.timeout,
		KeepFresh: o.keepFresh})
	return client{
		use:   func(ctx context.Context) error { _, err := s.Credential(ctx); return err },
		close: func() { _ = s.Close(context.Background()) },
	}
}

func bearer(value string, expiry time.Time) core.Credential {
	return core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + value)},
		},
		Expiry: expiry,
	}
}

// ready returns an initialised session whose token lives for an hour.
func ready(value string) *core.Session {
	s := core.New("bench", core.ProviderFunc(func(context.Context, core.Request) (
		core.Credential, error,
	) {
		return bearer(value, time.Now().Add(time.Hour)), nil
	}), nil)
	must(s.Init(context.Background()))
	return s
}
