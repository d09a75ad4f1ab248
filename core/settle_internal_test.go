package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLateCredential proves what becomes of a credential that arrives after its attempt has
// settled, by the moment at which it expires.
func TestLateCredential(t *testing.T) {
	const now = int64(2e18)
	for name, c := range map[string]struct {
		expiry time.Time
		used   bool
	}{
		"without an end": {used: true},
		"ends later":     {expiry: time.Unix(0, now+1), used: true},
		"ends now":       {expiry: time.Unix(0, now)},
		"has ended":      {expiry: time.Unix(0, now-1)},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := new(setup)
			m := &machine{state: lifeReady}
			late := &credential{setup: cfg, cred: Credential{Expiry: c.expiry}}
			fx := m.settleLate(moment{wall: now}, policy{setup: cfg}, &attempt{setup: cfg},
				obtained{credential: late}, time.Second, nil)
			if c.used {
				require.Same(t, late, m.current)
				require.Nil(t, fx.release)
				return
			}
			require.Nil(t, m.current)
			require.Same(t, late, fx.release)
		})
	}
}
