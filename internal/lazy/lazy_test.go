package lazy_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/lazy"
)

// TestGetOpensOnce proves that one caller opens the value and that all get it.
func TestGetOpensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opens atomic.Int32
		value := lazy.New(func(context.Context) (int, error) {
			time.Sleep(time.Second)
			return int(opens.Add(1)), nil
		})
		_, ok := value.Loaded()
		require.False(t, ok)

		began := time.Now()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				got, err := value.Get(t.Context())
				require.NoError(t, err)
				require.Equal(t, 1, got)
			})
		}
		group.Wait()
		require.Equal(t, time.Second, time.Since(began))
		got, ok := value.Loaded()
		require.True(t, ok)
		require.Equal(t, 1, got)
	})
}

// TestGetEndsWithItsContext proves that a caller that waits for another one gets its own context's
// cause, as it is, when that ends, and that the other one goes on.
func TestGetEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := lazy.New(func(context.Context) (string, error) {
			time.Sleep(time.Minute)
			return "open", nil
		})
		go func() { _, _ = value.Get(t.Context()) }()
		synctest.Wait()

		reason := errors.New("a reason")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
		defer cancel()
		began := time.Now()
		_, err := value.Get(ctx)
		require.True(t, err == reason, "got %v", err)
		require.Equal(t, time.Second, time.Since(began))

		got, err := value.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, "open", got)
		require.Equal(t, time.Minute, time.Since(began))
		got, err = value.Get(ctx)
		require.NoError(t, err, "an open value needs no context")
		require.Equal(t, "open", got)
	})
}

// TestFailureIsNotRemembered proves that a failure goes to the caller that opened, and that a
// caller that waited meanwhile opens again, under its own context.
func TestFailureIsNotRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure, failures := errors.New("no answer"), 1
		value := lazy.New(func(ctx context.Context) (int, error) {
			time.Sleep(time.Second)
			if failures--; failures >= 0 {
				return 7, failure
			}
			return 1, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			got, err := value.Get(ctx)
			cancel()
			require.Zero(t, got, "a failure comes without a value")
			first <- err
		}()
		synctest.Wait()
		second := make(chan error)
		go func() {
			_, err := value.Get(t.Context())
			second <- err
		}()
		require.True(t, <-first == failure)
		_, ok := value.Loaded()
		require.False(t, ok)
		require.NoError(t, <-second)
	})
}

// TestPanicLeavesTheValueUsable proves that a panic of open reaches its caller and blocks no other.
func TestPanicLeavesTheValueUsable(t *testing.T) {
	calls := 0
	value := lazy.New(func(context.Context) (int, error) {
		if calls++; calls == 1 {
			panic("open")
		}
		return calls, nil
	})
	require.Panics(t, func() { _, _ = value.Get(t.Context()) })
	got, err := value.Get(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, got)
}

// TestTake proves that one caller gets the value out and that the next use opens again.
func TestTake(t *testing.T) {
	opens := 0
	value := lazy.New(func(context.Context) (int, error) {
		opens++
		return opens, nil
	})
	_, ok := value.Take()
	require.False(t, ok)
	for want := 1; want <= 2; want++ {
		_, err := value.Get(t.Context())
		require.NoError(t, err)
		var taken atomic.Int32
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if got, ok := value.Take(); ok {
					require.Equal(t, want, got)
					taken.Add(1)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, taken.Load())
		_, ok = value.Loaded()
		require.False(t, ok)
	}
}

// TestClose proves that Close waits for the Get that opens, until its own context ends, and that a
// Get waits for the release and opens again.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opens := 0
		value := lazy.New(func(context.Context) (int, error) {
			time.Sleep(time.Minute)
			opens++
			return opens, nil
		})
		require.NoError(t, value.Close(t.Context(), func(int) { t.Error("nothing is open") }))
		go func() { _, _ = value.Get(t.Context()) }()
		synctest.Wait()

		reason := errors.New("a reason")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, reason)
		defer cancel()
		err := value.Close(ctx, func(int) { t.Error("the value is being opened") })
		require.True(t, err == reason, "got %v", err)

		released := 0
		go func() {
			require.NoError(t, value.Close(t.Context(), func(got int) {
				time.Sleep(time.Hour)
				released = got
			}))
		}()
		time.Sleep(2 * time.Minute)
		_, open := value.Loaded()
		require.False(t, open)
		got, err := value.Get(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, released, "Get waits for the release")
		require.Equal(t, 2, got)
	})
}

// TestLoadedDoesNotAllocate proves that reading an open value costs no allocation.
func TestLoadedDoesNotAllocate(t *testing.T) {
	value := lazy.New(func(context.Context) (string, error) { return "open", nil })
	_, err := value.Get(t.Context())
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = value.Loaded() }))
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = value.Get(t.Context()) }))
}

func ExampleValue() {
	connection := lazy.New(func(context.Context) (string, error) {
		fmt.Println("opens")
		return "a connection", nil
	})
	for range 2 {
		fmt.Println(connection.Get(context.Background()))
	}
	if opened, ok := connection.Take(); ok {
		fmt.Println("closes", opened)
	}
	_, open := connection.Loaded()
	fmt.Println(open)
	// Output:
	// opens
	// a connection <nil>
	// a connection <nil>
	// closes a connection
	// false
}
