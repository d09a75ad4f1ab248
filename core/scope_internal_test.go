package core

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// slotsOf returns a scope with sessions in slots, each ready and with an origin
// of its own.
func slotsOf(t testing.TB, n int) (*Scope, []*Session) {
	c := new(Scope)
	var sessions []*Session
	for i := range n {
		cred := Credential{Attach: Attachment{Header: map[string]Secret{"A": NewSecret("b")}}}
		cred.Origins = []string{fmt.Sprintf("https://s%d.example", i)}
		s := New(fmt.Sprint("s", i), ProviderFunc(func(context.Context, Request) (Credential, error) {
			return cred, nil
		}), &Options{Kind: "k"})
		require.NoError(t, c.Use(t.Context(), s))
		sessions = append(sessions, s)
	}
	return c, sessions
}

// choices are what every request asks a scope. The one for a session in the slot
// that was set first visits all slots.
func choices(t testing.TB, c *Scope) map[string]func() *Session {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://s0.example/x", nil)
	require.NoError(t, err)
	ctx := t.Context()
	return map[string]func() *Session{
		"Current":   func() *Session { s, _ := c.Current(ctx); return s },
		"CurrentOf": func() *Session { s, _ := c.CurrentOf(ctx, "k"); return s },
		"Client":    func() *Session { s, _ := c.sessionFor(req); return s },
	}
}

// TestScopeReadPath proves that a choice takes no session's lock and allocates
// nothing.
func TestScopeReadPath(t *testing.T) {
	c, sessions := slotsOf(t, 5)
	closed := New("closed", ProviderFunc(nil), &Options{Origins: []string{"https://closed.example"}})
	c.SetCurrent(closed)
	for _, s := range append(sessions, closed) {
		s.mu.Lock() // a choice that takes it never returns
		defer s.mu.Unlock()
	}
	want := map[string]*Session{"Current": closed, "CurrentOf": sessions[4], "Client": sessions[0]}
	for name, choose := range choices(t, c) {
		require.Same(t, want[name], choose(), name)
		require.Zero(t, testing.AllocsPerRun(100, func() { choose() }), name)
	}
}

func BenchmarkScope(b *testing.B) {
	for _, n := range []int{1, 5, 50} {
		c, _ := slotsOf(b, n)
		for name, choose := range choices(b, c) {
			b.Run(fmt.Sprintf("%s/slots=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					choose()
				}
			})
		}
	}
}
