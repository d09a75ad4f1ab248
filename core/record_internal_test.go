package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzRecord(f *testing.F) {
	text, err := newRecord(Credential{
		Attach:       Attachment{Header: map[string]Secret{"Authorization": NewSecret("Bearer x")}},
		RefreshState: NewSecret("r"), Expiry: time.Unix(2e9, 0), Origins: []string{"https://api.example.com"},
	}).encode()
	require.NoError(f, err)
	f.Add(text.Reveal())
	f.Add(`{"version":1,"id":"x","key_held":true,"cert":"-----BEGIN"}`)
	f.Add(`{"version":2,"id":"x"}`)
	f.Fuzz(func(t *testing.T, given string) {
		r, err := decodeRecord(NewSecret(given))
		if err != nil {
			require.Contains(t, []Code{CodeBadConfig, CodeUnavailable}, CodeOf(err))
			return
		}
		r.whole(nil)
		r.stale(time.Now(), 0)
		c := r.credential()
		again := newRecord(c)
		text, err := again.encode()
		require.NoError(t, err)
		twice, err := decodeRecord(text)
		require.NoError(t, err)
		require.Equal(t, again.Renewal, twice.Renewal)
		if _, err := prepare(&setup{provider: ProviderFunc(nil), opts: &defaults}, c, nil); err != nil {
			require.NotEmpty(t, err.Error())
		}
	})
}
