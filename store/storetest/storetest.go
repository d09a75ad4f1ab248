// Package storetest checks that a [core.Store] does what that interface requires. It is
// for stores that a program implements, for example for a database or a vault.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func() core.Store { return vault.New(server.URL) })
//	}
//
// The checks save and delete values whose keys begin with "storetest". They do not
// check what a store does after a process was killed.
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
	Err  error // the fault; nil: the check passed
}

// Run runs each check as a subtest of t. open returns the store; each call should
// return another Go value for the same stored contents, as another process would have.
// For a store in memory it may return the same value each time. Some keys have 300
// bytes.
func Run(t *testing.T, open func() core.Store) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.execute(open); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check runs the checks without a test and returns their results: the checks with these
// names, or all of them without names. open is that of [Run].
func Check(open func() core.Store, names ...string) []Result {
	var out []Result
	for _, c := range checks {
		if len(names) == 0 || slices.Contains(names, c.name) {
			out = append(out, Result{c.name, c.execute(open)})
		}
	}
	return out
}

// check is one check. run calls fail if the store has a fault.
type check struct {
	name string
	run  func(r *run)
}

var checks = []check{
	{"what was never saved", checkAbsentKey},
	{"what was saved", checkSavedValue},
	{"large and odd values", checkValues},
	{"odd keys", checkKeys},
	{"another value of the store", checkOtherStoreValue},
	{"deleting", checkDelete},
	{"one holder of a lock", checkExclusiveLock},
	{"waiting for a lock", checkWaiting},
	{"unlocking twice", checkUnlockTwice},
	{"under a lock", checkUnderLock},
	{"no lost update", checkUpdates},
	{"whole values", checkWholeValues},
	{"after the end of the context", checkEndedContext},
	{"no secret shows", checkSecrets},
}

// Limits of the checks.
const (
	checkTimeout = 20 * time.Second       // of each check
	maxDelay     = time.Second            // for a call to return after its context has ended
	observation  = 150 * time.Millisecond // how long a check waits for a forbidden event
)

// run is the state of a check that runs.
type run struct {
	ctx  context.Context
	open func() core.Store
	keys []string
	id   string
}

// failure is the value of the panic with which fail ends a check.
type failure struct{ error }

func (c check) execute(open func() core.Store) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	r := &run{ctx: ctx, open: open, id: rand.Text()[:8]}
	done := make(chan error, 1)
	go func() { done <- r.execute(c) }()
	select {
	case err := <-done:
		return err
	case <-time.After(checkTimeout + 2*maxDelay):
		return errors.New("a call into the store did not return long after its context had ended")
	}
}

func (r *run) execute(c check) (err error) {
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

// recovered calls fn and returns a panic of fn as an error. It is for goroutines that a
// check starts.
func recovered(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = core.Errorf(core.CodeUnavailable, "the store panicked: %v", p)
		}
	}()
	return fn()
}

// fail ends the check. Only the goroutine of the check may call it.
func (r *run) fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// key returns a key that no other check uses. name is its end.
func (r *run) key(name string) string {
	key := "storetest " + r.id + name
	r.keys = append(r.keys, key)
	return key
}

// checkError checks the code of an error of the store.
func checkError(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *core.Error
	switch {
	case !errors.As(err, &e):
		return fmt.Errorf("the error of %s has no code: %w; make it with core.Errorf", op, err)
	case e.Code != core.CodeBadConfig && e.Code != core.CodeUnavailable:
		return fmt.Errorf("the error of %s has the code %v, want bad config or unavailable: %w",
			op, e.Code, err)
	}
	return nil
}

// must ends the check if err is not nil.
func (r *run) must(op string, err error) {
	if e := checkError(op, err); e != nil {
		r.fail("%w", e)
	}
	if err != nil {
		r.fail("%s: %w", op, err)
	}
}

func (r *run) save(s core.Store, key, value string) {
	r.must("Save", s.Save(r.ctx, key, core.NewSecret(value)))
}

// want checks the value that Load returns.
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
		r.fail("Lock returned neither an error nor a function that unlocks")
	}
	return unlock
}

// returnsPromptly calls fn, whose context has ended or soon will, and checks that it
// returns soon after that.
func (r *run) returnsPromptly(op string, fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- recovered(fn) }()
	select {
	case err := <-done:
		if e := checkError(op, err); e != nil {
			r.fail("%w", e)
		}
		return err
	case <-time.After(observation + maxDelay):
		r.fail("%s did not return within %v after its context had ended", op, maxDelay)
	}
	return nil
}

// oddBytes are bytes that some stores lose or change.
var oddBytes = "\x00 \xff\xfe\r\n'\"\\$`%s é \u2028 end \n\n" + strings.Repeat(" ", 3)
