package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/test/bench/bare"
	"github.com/authsession/authsession/test/bench/ticket"
)

// asPlugin is the whole program where it was started as a plugin: this one
// starts itself again, as a large binary.
func asPlugin() {
	if os.Getenv("AUTHSESSION_PLUGIN") != "" {
		ticket.Serve()
		os.Exit(0)
	}
	if os.Getenv(bare.Handshake.MagicCookieKey) != "" {
		bare.Serve()
		os.Exit(0)
	}
}

// binary is the file of a plugin.
type binary struct {
	path string
	sum  []byte
	size int64
}

func binaryAt(path string) binary {
	f, err := os.Open(path)
	must(err)
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	must(err)
	return binary{path, sum.Sum(nil), size}
}

// megabytes returns the size of a binary, for people.
func (b binary) megabytes() string { return number(float64(b.size)/1e6) + " MB" }

// self is this program.
var self = sync.OnceValue(func() binary {
	path, err := os.Executable()
	must(err)
	return binaryAt(path)
})

// smallBinaries are our plugin and the bare one in binaries of their own.
type smallBinaries struct {
	ours, bare binary
	remove     func()
}

// buildSmall builds them, and waits until a file that did not change counts as such.
func buildSmall() smallBinaries {
	dir, err := os.MkdirTemp("", "bench")
	must(err)
	build := func(name string) binary {
		path := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-tags=grpcnotrace", "-ldflags=-s -w", "-o", path,
			"github.com/authsession/authsession/test/bench/small/"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as docs/plugins.md says
		cmd.Stderr = os.Stderr
		must(cmd.Run())
		return binaryAt(path)
	}
	small := smallBinaries{build("ours"), build("bare"), func() { must(os.RemoveAll(dir)) }}
	time.Sleep(6 * time.Second)
	return small
}

// ticketsOf returns the factory by way of a host.
func ticketsOf(h *plugins.Host, of binary) core.Factory {
	factories, err := h.Factories(plugins.Binary{Name: "ticket", Path: of.path,
		SHA256: hex.EncodeToString(of.sum)})
	must(err)
	return factories[0]
}

func openTicket(f core.Factory) core.Provider {
	p, err := f.Open(context.Background(), "", nil)
	must(err)
	return p
}

func closeHost(h *plugins.Host) { must(h.Close(context.Background())) }

// openingRow measures the start of a plugin of ours beside that of a bare one.
func openingRow(title, what string, ourBinary, bareBinary binary) row {
	return row{
		title: title,
		text: "From nothing to the first credential: the file's checksum, the process, TLS both ways, " +
			"open, authenticate. " + what + " To reach: 0.6 × bare go-plugin.",
		unit: time.Millisecond,
		subs: []contender{
			{"authsession", ours, opening(func() func() {
				h := new(plugins.Host)
				_, err := openTicket(ticketsOf(h, ourBinary)).Authenticate(context.Background(),
					core.Request{})
				must(err)
				return func() { closeHost(h) }
			})},
			{"bare go-plugin, AutoMTLS and SecureConfig", peer, opening(func() func() {
				b := openBare(bareBinary)
				must(b.call())
				return b.client.Kill
			})},
		},
	}
}

func pluginRows() ([]row, func()) {
	small := buildSmall()
	host := new(plugins.Host)
	remote, local := openTicket(ticketsOf(host, self())), openTicket(ticket.Factory)
	bare := openBare(self())
	ctx := context.Background()
	authenticate := func(p core.Provider) func() error {
		return func() error { _, err := p.Authenticate(ctx, core.Request{}); return err }
	}
	cached := func(p core.Provider) func() error {
		s := core.New("bench", p, nil)
		must(s.Init(ctx))
		return func() error { _, err := s.Credential(ctx); return err }
	}
	return []row{openingRow("Opening a plugin session",
		"The plugins are binaries of their own, of "+small.ours.megabytes()+", and "+
			small.bare.megabytes()+" for the bare one.", small.ours, small.bare),
		openingRow("Opening a plugin session, large binary",
			"Both plugins are this program, of "+self().megabytes()+".", self(), self()), {
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
		}}, func() { closeHost(host); bare.client.Kill(); small.remove() }
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
