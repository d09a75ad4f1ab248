//go:build unix

package plugins

import (
	"testing"

	"github.com/authsession/authsession/core"
)

// One Authenticate of a running plugin.
func BenchmarkAuthenticate(b *testing.B) {
	var h Host
	defer h.Close(b.Context())
	factories, err := h.Factories(testBinary())
	if err != nil {
		b.Fatal(err)
	}
	p, err := factories[0].Open(b.Context(), "", nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := p.Authenticate(b.Context(), core.Request{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Hash, start, TLS, open and authenticate.
func BenchmarkOpen(b *testing.B) {
	testBinary()
	for b.Loop() {
		var h Host
		factories, err := h.Factories(testBinary())
		if err != nil {
			b.Fatal(err)
		}
		p, err := factories[0].Open(b.Context(), "", nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.Authenticate(b.Context(), core.Request{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		h.Close(b.Context())
		b.StartTimer()
	}
}
