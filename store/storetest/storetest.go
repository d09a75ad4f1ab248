// Package storetest checks that a [core.Store] keeps its promises: those of
// package store, and those that programs bring for a database or a vault.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func() core.Store { return vault.New(server.URL) })
//	}
//
// It makes and removes keys that begin with "storetest". It does not look at
// what processes that die leave: it ends none.
package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
)

// Result is the outcome of one check.
type Result struct {
	Name string
	Err  error // what is wrong; nil: nothing
}

// Run makes each check a subtest of t. open returns a value of the store, each
// time another one of the same contents, as another process would have it; for a
// store in memory it is the same value each time. Keys of 300 bytes are among
// those that are tried.
func Run(t *testing.T, open func() core.Store) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.make(open); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check makes the checks without a test: those of these names, or all if none
// is named.
func Check(open func() core.Store, names ...string) []Result {
	var out []Result
	for _, c := range checks {
		if len(names) == 0 || slices.Contains(names, c.name) {
			out = append(out, Result{c.name, c.make(open)})
		}
	}
	return out
}

type check struct {
	name string
	run  func(r *run)
}

var checks = []check{
	{"what was never saved", absent},
	{"what was saved", saved},
	{"large and odd values", values},
	{"odd keys", keys},
	{"another value of the store", another},
	{"deleting", deleting},
	{"one holder of a lock", exclusive},
	{"waiting for a lock", waiting},
	{"letting go of a lock", lettingGo},
	{"under a lock", underLock},
	{"no lost update", updates},
	{"whole values", whole},
	{"after the end of the context", endedContext},
	{"no secret shows", secrets},
}

// Limits of the checks.
const (
	limit  = 20 * time.Second       // of each check
	prompt = time.Second            // after the end of a context, a call is back
	pause  = 150 * time.Millisecond // that something which must not happen gets to happen
)

// run is one check being made.
type run struct {
	ctx  context.Context
	open func() core.Store
	keys []string
	id   string
}

// failure is what ends a check.
type failure struct{ error }

func (c check) make(open func() core.Store) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r := &run{ctx: ctx, open: open, id: rand.Text()[:8]}
	done := make(chan error, 1)
	go func() { done <- r.make(c) }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit + 2*prompt):
		return fmt.Errorf("a call into the store does not come back, long after the end of its context")
	}
}

func (r *run) make(c check) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.error
		default:
			err = fmt.Errorf("the store panicked: %v", p)
		}
		for _, key := range r.keys {
			_ = r.open().Delete(context.WithoutCancel(r.ctx), key)
		}
	}()
	c.run(r)
	return nil
}

// guard makes an error of a panic, for goroutines of their own.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = core.Errorf(core.Unavailable, "the store panicked: %v", p)
		}
	}()
	return fn()
}

// fail ends the check. It is for the goroutine of the check.
func (r *run) fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// key returns a key of this check's own.
func (r *run) key(name string) string {
	key := "storetest " + r.id + name
	r.keys = append(r.keys, key)
	return key
}

// sound checks the form of an error of the store.
func sound(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *core.Error
	switch {
	case !errors.As(err, &e):
		return fmt.Errorf("the error of %s has no code: %w; make it with core.Errorf", op, err)
	case e.Code != core.BadConfig && e.Code != core.Unavailable:
		return fmt.Errorf("the error of %s has the code %v, want bad config or unavailable: %w", op, e.Code, err)
	}
	return nil
}

func (r *run) must(op string, err error) {
	if e := sound(op, err); e != nil {
		r.fail("%w", e)
	}
	if err != nil {
		r.fail("%s: %w", op, err)
	}
}

func (r *run) save(s core.Store, key, value string) {
	r.must("Save", s.Save(r.ctx, key, core.NewSecret(value)))
}

// want checks what Load returns.
func (r *run) want(s core.Store, key, value, problem string) {
	got, err := s.Load(r.ctx, key)
	r.must("Load", err)
	if got.Reveal() != value {
		r.fail("%s: Load returned %d bytes, want %d others", problem, len(got.Reveal()), len(value))
	}
}

func (r *run) lock(s core.Store, key string) (unlock func()) {
	unlock, err := s.Lock(r.ctx, key)
	r.must("Lock", err)
	if unlock == nil {
		r.fail("Lock returned neither an error nor a function that lets go")
	}
	return unlock
}

// back checks that fn, whose context has ended or soon will, returns promptly.
func (r *run) back(op string, fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- guard(fn) }()
	select {
	case err := <-done:
		if e := sound(op, err); e != nil {
			r.fail("%w", e)
		}
		return err
	case <-time.After(pause + prompt):
		r.fail("%s was not back %v after the end of its context", op, prompt)
	}
	return nil
}

// strange are bytes that some stores lose.
var strange = "\x00 \xff\xfe\r\n'\"\\$`%s é \u2028 end \n\n" + strings.Repeat(" ", 3)
