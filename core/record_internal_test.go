package core

import (
	"crypto"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzRecord(f *testing.F) {
	text, err := newRecord(Credential{
		Attach: Attachment{Header: map[string]Secret{"Authorization": NewSecret("Bearer x")}},
		RefreshState: NewSecret(
			"r"), Expiry: time.Unix(2e9, 0), Origins: []string{"https://api.example.com"},
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
		r.isComplete(nil)
		r.isStale(time.Now(), 0)
		c := r.credential()
		again := newRecord(c)
		text, err := again.encode()
		require.NoError(t, err)
		twice, err := decodeRecord(text)
		require.NoError(t, err)
		require.Equal(t, again.RefreshState, twice.RefreshState)
		if _, err := prepare(&setup{provider: ProviderFunc(nil), opts: &defaultOptions}, c, nil); err != nil {
			require.NotEmpty(t, err.Error())
		}
	})
}

// TestRecordKeepsTheCredential proves that a credential comes back from its record as it was, with
// each of its parts and without it. The private key is not in a record.
func TestRecordKeepsTheCredential(t *testing.T) {
	secrets := map[string]Secret{"a": NewSecret("b")}
	for name, c := range map[string]Credential{
		"nothing":       {},
		"header":        {Attach: Attachment{Header: secrets}},
		"query":         {Attach: Attachment{Query: secrets}},
		"cookie":        {Attach: Attachment{Cookie: secrets}},
		"roots":         {Attach: Attachment{Roots: "roots"}},
		"refresh token": {RefreshState: NewSecret("r")},
		"times":         {Expiry: time.Unix(2e9, 0), RenewAfter: time.Unix(1e9, 0)},
		"origins":       {Origins: []string{"https://api.example.com"}},
		"subject":       {Subject: "me", Attributes: map[string]string{"base_url": "u"}},
		"digests":       {Body: &BodyNeeds{Digests: []crypto.Hash{crypto.SHA256}}},
		"raw body":      {Body: &BodyNeeds{Raw: 7}},
	} {
		text, err := newRecord(c).encode()
		require.NoError(t, err, name)
		r, err := decodeRecord(text)
		require.NoError(t, err, name)
		back := r.credential()
		require.True(t, c.Expiry.Equal(back.Expiry), name)
		require.True(t, c.RenewAfter.Equal(back.RenewAfter), name)
		c.Expiry, c.RenewAfter = back.Expiry, back.RenewAfter // of another location
		require.Equal(t, c, back, name)
	}
}

// TestRecordFromTheFuture proves that a record is stale if it was saved more than maxEarly from
// now: the clock has been set back.
func TestRecordFromTheFuture(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := record{Saved: now.Add(maxEarly), Expiry: now.Add(maxEarly + time.Hour)}
	require.False(t, r.isStale(now, 0))
	r.Saved = r.Saved.Add(1)
	require.True(t, r.isStale(now, 0))

	early := record{Saved: now, Expiry: now.Add(time.Hour)} // to be renewed a minute before its end
	at := early.Expiry.Add(-time.Minute)
	require.True(t, early.isStale(at, time.Minute))
	require.False(t, early.isStale(at.Add(-1), time.Minute))
}
