package core_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := &issuer{life: time.Hour}, &issuer{life: time.Hour, takes: time.Second}
		q.calls.Store(100)
		s := core.New("gs", p, nil)
		require.NoError(t, s.Init(t.Context()))
		s.Reconfigure(q, &core.Options{Kind: "new"})
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t1", token(c), "served until the new one is there")
		time.Sleep(2 * time.Second)
		c, err = s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t101", token(c))
		require.Equal(t, core.ReasonInitial, q.last.Load().Reason)
		require.Equal(t, "new", s.Status().Kind)

		bad := &issuer{}
		bad.set(core.Errorf(core.CodeDenied, "no"))
		s.Reconfigure(bad, nil)
		for range 100 {
			c, err = s.Credential(t.Context())
			require.NoError(t, err)
			require.Equal(t, "t101", token(c))
			time.Sleep(time.Second)
		}
	})
}

// What was refused is not served again; its renewal goes on with the new
// provider, also when nobody asks.
func TestReconfigureAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := &issuer{life: time.Hour}, &issuer{life: time.Hour}
		s := core.New("gs", p, &core.Options{KeepFresh: true})
		require.NoError(t, s.Init(t.Context()))
		defer func() { require.NoError(t, s.Close(t.Context())) }()
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		p.takes = time.Second
		s.Reject(c, "")
		synctest.Wait()
		s.Reconfigure(q, &core.Options{KeepFresh: true})
		synctest.Wait()
		require.EqualValues(t, 1, q.calls.Load())
		require.Equal(t, core.StateFresh, s.Status().State)
	})
}

func TestReconfigureWhileCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := &issuer{takes: time.Minute}, &issuer{takes: time.Second}
		q.calls.Store(100)
		s := core.New("gs", p, &core.Options{Timeout: time.Hour})
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, s.Init(t.Context())) })
		synctest.Wait()
		s.Reconfigure(q, nil)
		wg.Wait()
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t101", token(c))
	})
}
