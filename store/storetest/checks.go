package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

func checkAbsentKey(r *run) {
	s, key := r.open(), r.key("")
	got, err := s.Load(r.ctx, key)
	r.must("Load of a key that was never saved", err)
	if !got.IsZero() {
		r.fail("Load of a key that was never saved returned a value")
	}
	r.must("Delete of a key that was never saved", s.Delete(r.ctx, key))
	r.lock(s, key)()
	r.want(s, key, "", "after the lock of a key that was never saved")
}

func checkSavedValue(r *run) {
	s, key := r.open(), r.key("")
	for _, value := range []string{"first", "second, which is longer", "3", "", "after an empty value"} {
		r.save(s, key, value)
		r.want(s, key, value, "after Save")
		r.want(s, key, value, "after a second Load")
	}
}

func checkValues(r *run) {
	s, key := r.open(), r.key("")
	for _, value := range []string{
		"x", oddBytes,
		strings.Repeat("0123456789abcde\n", 128), strings.Repeat("ÿ", 1000),
	} {
		r.save(s, key, value)
		r.want(s, key, value, fmt.Sprintf("a value of %d bytes", len(value)))
	}
}

func checkKeys(r *run) {
	s := r.open()
	names := []string{
		"", " ", "a", "A", "a ", " a", "a/b", "a\\b", "../../a", "..", "/etc/passwd",
		"a\x00b", "a\nb", "ä", "\xff", "-rf", "$(a)", "'a'", "CON",
		strings.Repeat("x", 300), strings.Repeat("x", 299) + "y",
	}
	for i, name := range names {
		r.save(s, r.key(name), strconv.Itoa(i))
	}
	for i, name := range names {
		end := name[max(0, len(name)-20):]
		r.want(s, r.key(name), strconv.Itoa(i), fmt.Sprintf("the key that ends in %q", end))
	}
}

func checkOtherStoreValue(r *run) {
	key := r.key("")
	r.save(r.open(), key, "one")
	r.want(r.open(), key, "one", "saved by another value of the store")
	s := r.open()
	r.save(r.open(), key, "two")
	r.want(s, key, "two", "saved by another value of the store")
	r.must("Delete", r.open().Delete(r.ctx, key))
	r.want(s, key, "", "deleted by another value of the store")
}

func checkDelete(r *run) {
	s, key, other := r.open(), r.key("1"), r.key("2")
	r.save(s, key, "one")
	r.save(s, other, "two")
	for range 2 {
		r.must("Delete", s.Delete(r.ctx, key))
		r.want(s, key, "", "after Delete")
	}
	r.want(s, other, "two", "after Delete of another key")
	r.save(s, key, "three")
	r.want(s, key, "three", "saved after Delete")
}

func checkExclusiveLock(r *run) {
	key := r.key("1")
	same := r.open()
	for name, second := range map[string]core.Store{
		"the same value of the store": same, "another value of the store": r.open(),
	} {
		r.requireExclusive(same, second, key, name)
	}
}

func (r *run) requireExclusive(s, second core.Store, key, name string) {
	defer r.lock(s, key)()
	ctx, cancel := context.WithTimeout(r.ctx, observation)
	defer cancel()
	err := lockOnce(ctx, second, key)
	if err == nil {
		r.fail("%s got the lock while it was held", name)
	}
	if e := checkError("Lock", err); e != nil {
		r.fail("%w", e)
	}
	ctx, cancel = context.WithTimeout(r.ctx, 10*observation)
	defer cancel()
	if err := lockOnce(ctx, second, r.key("another")); err != nil {
		r.fail("the lock of another key is not free while one is held: %w", err)
	}
}

func checkWaiting(r *run) {
	s, key := r.open(), r.key("")
	unlock := sync.OnceFunc(r.lock(s, key))
	defer unlock()
	got := make(chan error, 1)
	go func() { got <- recovered(func() error { return lockOnce(r.ctx, r.open(), key) }) }()
	select {
	case <-got:
		r.fail("Lock did not wait until the lock was released")
	case <-time.After(observation):
	}
	unlock()
	select {
	case err := <-got:
		r.must("Lock", err)
	case <-time.After(maxDelay):
		r.fail("a waiting Lock did not return within %v after the lock was released", maxDelay)
	}
	defer r.lock(s, key)()
	ctx, cancel := context.WithTimeout(r.ctx, observation)
	defer cancel()
	err := r.returnsPromptly("Lock", func() error { return lockOnce(ctx, r.open(), key) })
	if err == nil {
		r.fail("Lock returned a lock that another caller holds when its context ended")
	}
}

func checkUnlockTwice(r *run) {
	s, key := r.open(), r.key("")
	first := r.lock(s, key)
	first()
	second := r.lock(s, key)
	first() // a second call: it must not release the second lock
	ctx, cancel := context.WithTimeout(r.ctx, observation)
	defer cancel()
	if third, err := s.Lock(ctx, key); err == nil {
		third()
		r.fail("the second call of unlock releases the lock of the next holder")
	}
	second()
	r.lock(r.open(), key)()
}

func checkUnderLock(r *run) {
	s, key := r.open(), r.key("")
	for i := range 3 {
		unlock := r.lock(s, key)
		value := strconv.Itoa(i)
		r.save(s, key, value)
		r.want(s, key, value, "saved by the holder of the lock")
		r.want(r.open(), key, value, "loaded while another one holds the lock")
		r.save(s, key, value+" again")
		unlock()
		r.want(s, key, value+" again", "after the lock was released")
	}
	unlock := r.lock(s, key)
	r.must("Delete by the holder of the lock", s.Delete(r.ctx, key))
	unlock()
	r.want(s, key, "", "deleted by the holder of the lock")
}

func checkUpdates(r *run) {
	const goroutines, rounds = 6, 10
	key, errs := r.key(""), make(chan error, goroutines)
	var wait sync.WaitGroup
	for range goroutines {
		wait.Go(func() {
			s := r.open()
			for range rounds {
				if err := recovered(func() error { return increment(r.ctx, s, key) }); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		r.fail("%w", err)
	}
	r.want(r.open(), key, strconv.Itoa(goroutines*rounds), "an update under the lock was lost")
}

// increment adds one to the stored number, under the lock.
func increment(ctx context.Context, s core.Store, key string) error {
	unlock, err := s.Lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	was, err := s.Load(ctx, key)
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(was.Reveal())
	return s.Save(ctx, key, core.NewSecret(strconv.Itoa(n+1)))
}

// checkWholeValues checks that Load never returns a part of a value.
func checkWholeValues(r *run) {
	key := r.key("")
	value := func(i int) string { return strings.Repeat(string(rune('a'+i)), 1+i*97) }
	r.save(r.open(), key, value(0))
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	errs := make(chan error, 4)
	for range 3 {
		go func() { errs <- recovered(func() error { return readUntilEnd(ctx, r.open(), key) }) }()
	}
	s := r.open()
	for i := range 20 {
		unlock := r.lock(s, key)
		r.save(s, key, value(i))
		unlock()
	}
	cancel()
	for range 3 {
		if err := <-errs; err != nil {
			r.fail("while it is replaced: %w", err)
		}
	}
}

func readUntilEnd(ctx context.Context, s core.Store, key string) error {
	for ctx.Err() == nil {
		got, err := s.Load(ctx, key)
		text := got.Reveal()
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case text == "":
			return errors.New("the value is not there")
		case len(text) != 1+int(text[0]-'a')*97 || strings.Trim(text, text[:1]) != "":
			return errors.New("the value is a part of one, or a mixture")
		}
	}
	return nil
}

func checkEndedContext(r *run) {
	s, key := r.open(), r.key("")
	r.save(s, key, "value")
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	_ = r.returnsPromptly("Load", func() error { _, err := s.Load(ctx, key); return err })
	_ = r.returnsPromptly("Save", func() error { return s.Save(ctx, key, core.NewSecret("value")) })
	r.want(s, key, "value", "after calls whose context had ended")
	_ = r.returnsPromptly("Delete", func() error { return s.Delete(ctx, key) })
	_ = r.returnsPromptly("Lock", func() error { return lockOnce(ctx, s, key) })
	r.lock(s, key)()
}

// lockOnce locks a key and unlocks it.
func lockOnce(ctx context.Context, s core.Store, key string) error {
	unlock, err := s.Lock(ctx, key)
	if err == nil && unlock != nil {
		unlock()
	}
	return err
}

func checkSecrets(r *run) {
	const canary = "canary-7f3a9c"
	s, key := r.open(), r.key("")
	ended, cancel := context.WithCancel(r.ctx)
	cancel()
	value := core.NewSecret(canary + oddBytes)
	errs := []error{s.Save(r.ctx, key, value), s.Save(ended, key, value)}
	_, err := s.Load(ended, key)
	errs = append(errs, err, s.Delete(ended, key))
	for _, err := range errs {
		if err != nil && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), canary) {
			r.fail("an error shows a saved value")
		}
	}
	if strings.Contains(fmt.Sprintf("%v %+v", s, s), canary) {
		r.fail("the store shows a saved value when it is printed")
	}
}
