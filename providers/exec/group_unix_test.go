//go:build unix

package exec_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/exec"
	"github.com/stretchr/testify/require"
)

// grandchild accepts the call of a "hold" and returns its connection.
func grandchild(t *testing.T) (address string, accept func() net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String(), func() net.Conn {
		conn, err := ln.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

// gone waits until the process at the other end is.
func gone(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "the process is still there")
	require.True(t, err == io.EOF || strings.Contains(err.Error(), "reset"), "%v", err)
}

// The end of the context ends the command and what it has started.
func TestContext(t *testing.T) {
	address, accept := grandchild(t)
	p, err := exec.New(command(t, "wait", address))
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := p.Authenticate(ctx, core.Request{})
		done <- err
	}()
	conn := accept()
	why := errors.New("enough")
	began := time.Now()
	cancel(why)
	err = <-done
	require.Less(t, time.Since(began), 20*time.Second)
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorIs(t, err, why)
	require.ErrorContains(t, err, "was ended, its time was up")
	gone(t, conn)
}

// A process that a command leaves behind does not hold anybody up.
func TestLeftBehind(t *testing.T) {
	address, accept := grandchild(t)
	p, err := exec.New(command(t, "leave", address))
	require.NoError(t, err)
	done := make(chan struct{})
	var c core.Credential
	go func() {
		defer close(done)
		c, err = p.Authenticate(t.Context(), core.Request{})
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		require.Fail(t, "it waits for the process that was left behind")
	}
	require.NoError(t, err)
	require.Equal(t, "token-of-the-parent", bearer(t, c))
	_ = accept // it may have been ended before it called
}

func TestSignal(t *testing.T) {
	_, err := run(t, command(t, "die", ""))
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, "was ended by a signal")
}
