// The connections of the listener: a bound on them, and which one makes room.
//
// Read on in page.go.

package browser

import (
	"context"
	"net"
	"net/http"
)

// maxConnections is how many connections the listener has at the same time. A browser has fewer
// than ten.
const maxConnections = 64

// connection is what is known of a connection.
type connection struct {
	number   uint64 // of its arrival
	isSilent bool   // nothing was received
	isKept   bool   // the answer of the sign-in has arrived on it
}

// limitedListener bounds the connections that it accepts.
type limitedListener struct {
	net.Listener
	l *Listener
}

// Accept implements [net.Listener].
func (s limitedListener) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err == nil {
		s.l.admit(conn)
	}
	return conn, err
}

// admit records a connection. If there are too many, the oldest one is closed, apart from that of
// the answer: other requests are answered at once, so that it is a silent one. So the person's own
// request is answered, however many silent connections there are.
func (l *Listener) admit(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) >= maxConnections {
		oldest := l.oldestIdle()
		_ = oldest.Close()
		delete(l.conns, oldest)
	}
	l.accepted++
	l.conns[conn] = &connection{number: l.accepted, isSilent: true}
}

// oldestIdle returns the oldest connection but that of the answer, which is one at most. l.mu is
// held.
func (l *Listener) oldestIdle() net.Conn {
	var oldest net.Conn
	for conn, c := range l.conns {
		if !c.isKept && (oldest == nil || c.number < l.conns[oldest].number) {
			oldest = conn
		}
	}
	return oldest
}

// noteState keeps what the server reports of connections: Shutdown does not close silent ones.
func (l *Listener) noteState(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.conns[conn]
	switch {
	case c == nil: // it was closed to make room
	case state == http.StateClosed || state == http.StateHijacked:
		delete(l.conns, conn)
	case state != http.StateNew:
		c.isSilent = false
	}
}

type connectionKey struct{}

// withConnection returns the context of the requests of a connection.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// keepConnection records, from the context of its request, that a connection waits for the outcome
// of the sign-in.
func (l *Listener) keepConnection(ctx context.Context) {
	conn, _ := ctx.Value(connectionKey{}).(net.Conn)
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.conns[conn]; c != nil {
		c.isKept = true
	}
}
