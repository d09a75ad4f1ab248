package providertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

const (
	// maxDelay is how soon after the end of its context a call must return.
	maxDelay = 500 * time.Millisecond
	// callTimeout bounds every call, so that a stuck provider does not stop the kit.
	callTimeout = 5 * time.Second
	// shortTimeout is the time limit of calls to a server that hangs.
	shortTimeout = 60 * time.Millisecond
	// settleTime is how long goroutines and connections may take to end.
	settleTime = time.Second
)

// factory is what the kit uses of a core.Factory.
type factory interface {
	Info() core.Info
	Settings() []core.Setting
	Check(core.Environment, map[string]any) error
	Open(context.Context, core.Environment, map[string]any) (core.Provider, error)
}

// kit is one run over one provider.
type kit struct {
	Fixture
	factory factory
	id      string // also the label of the provider's goroutines
	canary  string
	logs    syncBuffer

	mu      sync.Mutex // guards all below
	secrets []secret
	errs    []returnedError
	shown   []shownText
}

// seenError is an error that a provider returned during a check.
type returnedError struct {
	check string
	err   error
}

func newKit(f Fixture, made factory) *kit {
	k := &kit{Fixture: f, factory: made, id: rand.Text(), canary: "Canary" + rand.Text()}
	k.addSecret("the planted secret", k.canary)
	for i, s := range f.Secrets {
		k.addSecret(fmt.Sprintf("Fixture.Secrets[%d]", i), s)
	}
	return k
}

// runMutex allows one run at a time, as each redirects the process's log.
var runMutex sync.Mutex

// runAll runs the checks for which want returns true; nil: all.
func (k *kit) runAll(ctx context.Context, want func(check) bool) []Result {
	runMutex.Lock()
	defer runMutex.Unlock()
	out := log.Writer()
	log.SetOutput(io.MultiWriter(out, &k.logs))
	defer log.SetOutput(out)

	var results []Result
	var broken string // the vital check that failed
	for _, c := range checks {
		if want != nil && !want(c) {
			continue
		}
		res := Result{Name: c.name, Promise: c.promise}
		switch why, waived := k.Waive[c.name]; {
		case broken != "":
			res.Skipped = fmt.Sprintf("%s failed", broken)
		case waived:
			res.Skipped = why
		case c.remote && k.Good == nil:
			res.Skipped = "the fixture has no server"
		case ctx.Err() != nil:
			res.Err = ctx.Err()
		default:
			res.Skipped, res.Err = k.runOne(ctx, c)
			if c.vital && res.Err != nil {
				broken = c.name
			}
		}
		results = append(results, res)
	}
	for name := range k.Waive {
		if !isCheck(name) {
			results = append(results, Result{Name: "fixture",
				Promise: "a fixture waives checks that exist",
				Err:     fmt.Errorf("Fixture.Waive: there is no check %q", name)})
		}
	}
	return results
}

// isCheck reports whether a check has the name.
func isCheck(name string) bool {
	for _, c := range checks {
		if c.name == name {
			return true
		}
	}
	return false
}

// settings returns fresh good settings for a server.
func (k *kit) settings(s Server) map[string]any {
	if k.Settings == nil {
		return map[string]any{}
	}
	settings, _ := clone(k.Settings(s)).(map[string]any)
	if settings == nil {
		settings = map[string]any{}
	}
	return settings
}

// syncBuffer is a bytes.Buffer for many goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
