package core_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// storedRecords are good records, by what is particular about them.
var storedRecords = map[string]string{
	"header and refresh state": `{"version":1,"id":"a","saved":"2026-01-02T03:04:05Z",` +
		`"identity":{},"header":{"Authorization":"Bearer value-of-the-header"},` +
		`"renewal":"value-of-the-refresh-state","expiry":"2096-01-02T03:04:05Z",` +
		`"renew_after":"2095-01-02T03:04:05Z","origins":["https://api.example.com"],` +
		`"subject":"somebody","attributes":{"base_url":"https://api.example.com/v1"}}`,
	"query and cookie": `{"version":1,"id":"b","saved":"2026-01-02T03:04:05Z",` +
		`"query":{"key":"value-of-the-query"},"cookie":{"session":"value-of-the-cookie"},` +
		`"expiry":"2096-01-02T03:04:05Z","allowed_origins":["https://api.example.com"],` +
		`"signed_in":true}`,
	"refused": `{"version":1,"id":"c","header":{"X-Key":"value-of-the-header"},"refused":true,` +
		`"renewal":"value-of-the-refresh-state","body":{"digests":["sha-256"],"raw":4096}}`,
	"of a later version": `{"version":2,"id":"d","more":"value-of-the-header"}`,
}

// hangBound is far more than what takes no time lasts on a machine that is busy.
const hangBound = 20 * time.Second

// TestMutatedRecords proves that no damage to a stored record makes a panic, a long wait, or an
// error that quotes a value of the record, whatever is done with the session.
func TestMutatedRecords(t *testing.T) {
	values := []string{"value-of-", "somebody", "api.example.com/v1"}
	const marks = "{}[]\"':,-#&*!|>%@`$\\= \t\n\x00\xff09a"
	for name, text := range storedRecords {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			for i := range 1000 {
				changed := text
				for range 1 + r.IntN(3) {
					at := r.IntN(len(changed) + 1)
					end := min(len(changed), at+r.IntN(6))
					mark := r.IntN(len(marks))
					changed = changed[:at] + []string{
						"", marks[mark : mark+1], changed[at:end] + changed[at:end],
					}[r.IntN(3)] + changed[end:]
				}
				began := time.Now()
				for _, err := range useRecord(changed) {
					if err == nil {
						continue
					}
					require.ErrorIs(t, err, core.CodeOf(err))
					for _, value := range values {
						require.NotContains(t, err.Error(), value, "mutation %d: %s", i, changed)
					}
				}
				require.Less(t, time.Since(began), hangBound, "mutation %d: %s", i, changed)
			}
		})
	}
}

// useRecord returns the errors of a session whose store holds a record.
func useRecord(text string) []error {
	store := newShelf()
	store.values["api"] = core.NewSecret(text)
	s := core.New("api", &issuer{life: time.Hour}, &core.Options{Store: store})
	ctx := context.Background()
	_, restoreErr := s.Restore(ctx)
	errs := []error{restoreErr, s.Init(ctx)}
	_, err := s.Credential(ctx)
	errs = append(errs, err, s.Status().StoreError)
	_, err = s.RejectStored(ctx, core.NewSecret("value-of-the-header"))
	return append(errs, err, s.SignOut(ctx))
}
