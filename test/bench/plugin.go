package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
)

// asPlugin is the whole program where it was started as a plugin: this one
// starts itself again, so that nothing has to be built.
func asPlugin() {
	if os.Getenv("AUTHSESSION_PLUGIN") != "" {
		plugins.Serve(ticketFactory)
		os.Exit(0)
	}
	if os.Getenv(bareHandshake.MagicCookieKey) != "" {
		serveBare()
		os.Exit(0)
	}
}

// ticketFactory's provider tells which process it is in, as the subject.
var ticketFactory = core.NewFactory(core.Info{Kind: "ticket", Summary: "A token of 1 KiB."},
	func(context.Context, core.Environment, struct{}) (core.Provider, error) {
		return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			c := bearer(kilobyte, time.Now().Add(time.Hour))
			c.Subject = strconv.Itoa(os.Getpid())
			return c, nil
		}), nil
	})

// self is this program: its path and its checksum.
var self = sync.OnceValues(func() (string, []byte) {
	path, err := os.Executable()
	must(err)
	f, err := os.Open(path)
	must(err)
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	must(err)
	return path, sum.Sum(nil)
})

// ticketsOf returns the factory by way of a host.
func ticketsOf(h *plugins.Host) core.Factory {
	path, sum := self()
	factories, err := h.Factories(plugins.Binary{Name: "ticket", Path: path,
		SHA256: hex.EncodeToString(sum)})
	must(err)
	return factories[0]
}

func openTicket(f core.Factory) core.Provider {
	p, err := f.Open(context.Background(), "", nil)
	must(err)
	return p
}

func closeHost(h *plugins.Host) { must(h.Close(context.Background())) }

func pluginRows() ([]row, func()) {
	path, _ := self()
	info, err := os.Stat(path)
	must(err)
	host := new(plugins.Host)
	remote, local := openTicket(ticketsOf(host)), openTicket(ticketFactory)
	bare := openBare()
	ctx := context.Background()
	authenticate := func(p core.Provider) func() error {
		return func() error { _, err := p.Authenticate(ctx, core.Request{}); return err }
	}
	cached := func(p core.Provider) func() error {
		s := core.New("bench", p, nil)
		must(s.Init(ctx))
		return func() error { _, err := s.Credential(ctx); return err }
	}
	return []row{{
		title: "Opening a plugin session",
		text: "From nothing to the first credential: the file's checksum, the process, TLS both ways, " +
			"open, authenticate. The plugin is this program, of " +
			number(float64(info.Size())/1e6) + " MB. To reach: 1.5 × bare go-plugin.",
		unit: time.Millisecond,
		subs: []contender{
			{"authsession", ours, opening(func() func() {
				h := new(plugins.Host)
				must(authenticate(openTicket(ticketsOf(h)))())
				return func() { closeHost(h) }
			})},
			{"bare go-plugin, AutoMTLS and SecureConfig", peer, opening(func() func() {
				b := openBare()
				must(b.call())
				return b.client.Kill
			})},
		},
	}, {
		title: "One provider call through a plugin",
		text: "Authenticate, whose answer is a token of 1 KiB; beside a single call with that text as " +
			"the answer. To reach: 1.5 × bare go-plugin.",
		unit: time.Microsecond,
		subs: []contender{
			{"authsession", ours, single(authenticate(remote))},
			{"bare go-plugin", peer, single(bare.call)},
			{"the same provider in the program", limit, single(authenticate(local))},
		},
	}, {
		title: "Cached credential of a plugin session",
		text:  "The credential is there and valid. To reach: the same as with a provider in the program.",
		subs: []contender{
			{"authsession, plugin", ours, single(cached(remote))},
			{"authsession, in the program", peer, single(cached(local))},
		},
	}}, func() { closeHost(host); bare.client.Kill() }
}

// opening returns a benchmark of what open does. What ends it is not measured.
func opening(open func() (end func())) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			end := open()
			b.StopTimer()
			end()
			b.StartTimer()
		}
	}
}
