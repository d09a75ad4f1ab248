package ctxmutex_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/ctxmutex"
)

// TestLock proves that one goroutine at a time holds the mutex.
func TestLock(t *testing.T) {
	mutex, count := ctxmutex.New(), 0
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 20 {
				require.NoError(t, mutex.Lock(t.Context()))
				count++ // the race detector sees two holders
				mutex.Unlock()
			}
		})
	}
	group.Wait()
	require.Equal(t, 1000, count)
}

// TestLockEndsWithItsContext proves that a goroutine stops waiting when its context ends, with the
// context's cause, and that it leaves the mutex to others.
func TestLockEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mutex, reason := ctxmutex.New(), errors.New("a reason")
		require.NoError(t, mutex.Lock(t.Context()))
		require.False(t, mutex.TryLock())

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, mutex.Lock(ctx), reason)
		require.Equal(t, time.Second, time.Since(began))

		go func() {
			time.Sleep(time.Second)
			mutex.Unlock()
		}()
		require.NoError(t, mutex.Lock(t.Context()))
		mutex.Unlock()
		require.NoError(t, mutex.Lock(ctx), "a free mutex is locked whatever the context says")
		mutex.Unlock()
		require.Panics(t, mutex.Unlock)
	})
}

func ExampleMutex() {
	mutex := ctxmutex.New()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(mutex.Lock(ctx))
	fmt.Println(mutex.Lock(ctx))
	mutex.Unlock()
	// Output:
	// <nil>
	// context deadline exceeded
}
