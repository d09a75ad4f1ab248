package core

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// waitOwner records the waits that an attempt tells it of.
type waitOwner struct {
	attemptOwner
	limits []time.Duration
}

func (o *waitOwner) noteWait(_ *attempt, _ WaitFor, limit time.Duration) {
	o.limits = append(o.limits, limit)
}

// TestAnnouncedWaits proves that a wait is told of after a while and with the time that is left,
// and that one which cannot last longer than that while is not.
func TestAnnouncedWaits(t *testing.T) {
	for _, c := range []struct {
		limit, took time.Duration
		want        []time.Duration
	}{
		{limit: time.Minute, took: time.Second, want: []time.Duration{time.Minute - grace}},
		{limit: time.Minute, took: grace / 2},
		{limit: grace + 1, took: time.Second, want: []time.Duration{1}},
		{limit: grace, took: time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			owner := new(waitOwner)
			cfg := &setup{opts: &Options{Observe: func(Event) {}}}
			stop := (&attempt{setup: cfg, owner: owner}).announceWait(WaitForStore, c.limit)
			time.Sleep(c.took)
			synctest.Wait()
			stop()
			require.Equal(t, c.want, owner.limits, "%v of %v", c.took, c.limit)
		})
	}
}
