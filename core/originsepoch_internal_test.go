package core

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An index of many sessions looks at all of them after a change of origins. That a
// session gets a credential, or loses one, is none if its options name the origins.
func TestOriginsEpoch(t *testing.T) {
	named := func(origins ...string) Provider {
		return ProviderFunc(func(context.Context, Request) (Credential, error) {
			attach := Attachment{Header: map[string]Secret{"X-Key": NewSecret("k")}}
			return Credential{Attach: attach, Origins: origins}, nil
		})
	}
	const one, two = "https://one.example.com", "https://two.example.com"
	for name, tc := range map[string]struct {
		provider Provider
		origins  []string
		changes  bool
	}{
		"options name them":       {named(), []string{one}, false},
		"both name them":          {named(one, two), []string{one}, false},
		"the provider names them": {named(one), nil, true},
		"nobody names them":       {named(), nil, false},
	} {
		// Sessions of other tests may change theirs meanwhile.
		lives := func(t *testing.T) bool {
			s := New("api", tc.provider, &Options{Origins: tc.origins})
			as := true
			step := func(changes bool, fn func()) {
				before := originsEpoch.Load()
				fn()
				as = as && changes == (originsEpoch.Load() != before)
			}
			step(tc.changes, func() { require.NoError(t, s.Init(t.Context())) })
			step(false, func() { require.NoError(t, s.Renew(t.Context())) })
			step(tc.changes,
				func() { s.Reject(s.published.Load().cred, ""); require.NoError(t, s.Init(t.Context())) })
			step(tc.changes, func() { require.NoError(t, s.Close(t.Context())) })
			require.NoError(t, s.Init(t.Context()))
			step(true, func() { s.Reconfigure(tc.provider, &Options{Origins: []string{two}}) })
			return as
		}
		t.Run(name, func(t *testing.T) {
			require.Eventually(t, func() bool { return lives(t) }, 20*time.Second,
				10*time.Millisecond)
		})
	}
}
