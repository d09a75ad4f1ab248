package core_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
)

// bearer is a credential that does not expire.
func bearer(token string) core.Credential {
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + token)}},
	}
}

// issuer is a provider that a test steers. Its tokens are t1, t2, …
type issuer struct {
	life           time.Duration // 0: no expiry
	takes          time.Duration
	fail           atomic.Pointer[error]
	ignoresContext bool
	calls          atomic.Int64
	last           atomic.Pointer[core.Request]
}

func (i *issuer) set(err error) {
	if err == nil {
		i.fail.Store(nil)
		return
	}
	i.fail.Store(&err)
}

func (i *issuer) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	n := i.calls.Add(1)
	i.last.Store(&req)
	if i.takes > 0 {
		t := time.NewTimer(i.takes)
		defer t.Stop()
		done := ctx.Done()
		if i.ignoresContext {
			done = nil
		}
		select {
		case <-t.C:
		case <-done:
			return core.Credential{}, ctx.Err()
		}
	}
	if err := i.fail.Load(); err != nil {
		return core.Credential{}, *err
	}
	c := bearer(fmt.Sprintf("t%d", n))
	if i.life != 0 {
		c.Expiry = time.Now().Add(i.life)
	}
	return c, nil
}

func token(c core.Credential) string {
	v := c.Attach.Header["Authorization"].Reveal()
	if len(v) < 7 {
		return ""
	}
	return v[7:]
}
