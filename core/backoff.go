// Read on in machine.go.

package core

import "time"

const (
	localWait      = time.Second // after a failure that did not leave this machine
	maxRefusalWait = time.Minute // the longest wait between refusals in a row
)

// waitLimits returns the wait after the first failure of a code, and the longest
// one after several in a row. An outage ends by itself, so that a session tries
// again soon. After another failure somebody has to act first, and each further
// attempt with a wrong secret may lock the account.
func waitLimits(code Code) (first, longest time.Duration) {
	if code == CodeUnavailable {
		return time.Second, maxRefusalWait
	}
	return 10 * time.Second, 5 * time.Minute
}

// failure is a number of failures in a row with one code, and when the next
// attempt may be made.
type failure struct {
	count    int
	retryAt  instant
	err      *Error
	audience audience // of the last attempt that failed
}

// numCodes is one more than the largest Code.
const numCodes = len(codeNames)

// failures records what failed since the last success. Each code counts its own
// failures, so that a server that was down does not lengthen the wait after the
// first wrong secret. A failures value is never written to; nil means that
// nothing failed.
type failures struct {
	byCode [numCodes]failure
	last   Code
}

// add returns f with one more failure. The wait after Unavailable doubles from a
// second to a minute, with jitter over three quarters of it, and is not shorter
// than the server's Retry-After: many sessions that a server failed together must
// not come back together. After the other codes it doubles from ten seconds to
// five minutes. A failure that did not leave this machine, such as a missing
// file, is looked at again after a second, however often it occurs: that costs no
// server anything.
func (f *failures) add(
	now instant, e *Error, who audience, random func(time.Duration) time.Duration,
) *failures {
	next := &failures{}
	if f != nil {
		*next = *f
	}
	code := e.Code
	if int(code) >= numCodes {
		// A plugin of a later version may have a code that this program does not
		// know.
		code = CodeUnavailable
	}
	entry := &next.byCode[code]
	if !e.Local || entry.count == 0 {
		entry.count++
	}
	entry.retryAt = now.plus(waitAfter(entry.count, e, random))
	entry.err, entry.audience = e, who
	next.last = code
	return next
}

// waitAfter returns how long to wait after the count-th failure in a row.
func waitAfter(count int, e *Error, random func(time.Duration) time.Duration) time.Duration {
	d := localWait
	if !e.Local {
		first, longest := waitLimits(e.Code)
		d = doubled(first, count, longest)
		if e.Code == CodeUnavailable {
			d = d/4 + random(d*3/4)
		} else {
			d -= random(d / 4)
		}
	}
	return max(d, min(e.RetryAfter, maxRetryAfter))
}

// doubled returns base for the first failure, twice that for the second, and so
// on up to limit. It multiplies step by step, because a large count would
// overflow.
func doubled(base time.Duration, count int, limit time.Duration) time.Duration {
	for range count - 1 {
		if base >= limit {
			return limit
		}
		base *= 2
	}
	return min(base, limit)
}

// binding returns the failure whose wait ends last among those that bind an
// attempt for an audience, or nil if the attempt may be made now. An Interactive
// says that nobody could be asked for one audience, and does not bind a higher
// one, which can ask. The other codes bind every audience: the server is the
// same.
func (f *failures) binding(now instant, who audience) *failure {
	return f.bindingAfter(now, who, 1)
}

// bindingAfter is binding for failures that occurred at least count times in a
// row.
func (f *failures) bindingAfter(now instant, who audience, count int) *failure {
	if f == nil {
		return nil
	}
	var out *failure
	for i := range f.byCode {
		one := &f.byCode[i]
		if one.count < count || one.retryAt <= now {
			continue
		}
		if Code(i) == CodeInteractive && one.audience < who {
			continue
		}
		if out == nil || one.retryAt > out.retryAt {
			out = one
		}
	}
	return out
}

// currentError returns the error of the failure that binds an attempt for an
// audience, or nil. Its RetryAfter is what is left of the wait.
func (f *failures) currentError(now instant, who audience) error {
	b := f.binding(now, who)
	if b == nil {
		return nil
	}
	return b.errorAt(now)
}

// errorAt returns a copy of the error that says when the next attempt may be
// made, counted from now. The original is shared and stays as it is.
func (f *failure) errorAt(now instant) error {
	e := *f.err
	e.RetryAfter = max(0, f.retryAt.sub(now))
	return &e
}

// retryTime returns when an attempt for an audience may be made; zero: now.
func (f *failures) retryTime(now instant, who audience) instant {
	if b := f.binding(now, who); b != nil {
		return b.retryAt
	}
	return 0
}

// initWait returns what earlier failures mean for an Init. The first failure of a
// code means nothing: its cause may have been corrected since. From the second
// one on, Init waits if the failure is an outage that may be over within
// longestWait, and otherwise returns the error. A loop around Init is then slow
// enough for the issuer.
func (f *failures) initWait(
	now instant, who audience, longestWait time.Duration,
) (time.Duration, error) {
	b := f.bindingAfter(now, who, 2)
	if b == nil {
		return 0, nil
	}
	if wait := b.retryAt.sub(now); b.err.Code == CodeUnavailable && wait <= longestWait {
		return wait, nil
	}
	return 0, b.errorAt(now)
}

// lastError returns the error of the last attempt, or nil if none failed since
// the last success.
func (f *failures) lastError() *Error {
	if f == nil {
		return nil
	}
	return f.byCode[f.last].err
}

// refusalBackoff spaces refusals that follow each other, as failures are spaced:
// an API that refuses each new credential must not cause a token request for each
// of its own requests. It is never written to; nil means that there was none.
type refusalBackoff struct {
	count    int
	retryAt  instant
	asked    string // what the last challenge asks for (apiRefusal)
	repeated bool   // a refusal within the wait asked for the same: the renewal did not help
}

// maxUnhelpful is how many renewals in a row may not help until a challenge that
// asks for something else is spaced like any other: each path of such an API may
// ask for something else and refuse it.
const maxUnhelpful = 3

// next returns s with one more refusal at now. A refusal that asks for something
// else than the last one is the first in a row again, if the last renewal helped.
func (s *refusalBackoff) next(
	now instant, asked string, random func(time.Duration) time.Duration,
) *refusalBackoff {
	out := &refusalBackoff{count: 1, asked: asked}
	if s != nil && (s.repeated || !s.differsFrom(asked)) {
		out.count += s.count
	}
	out.retryAt = now.plus(waitAfter(out.count, &Error{Code: CodeUnavailable}, random))
	return out
}

// spaces reports whether a refusal at now that asks for something comes too soon
// after the last one. One that asks for something else is not a repetition: the
// paths of a container registry each ask for a token of their own.
func (s *refusalBackoff) spaces(now instant, asked string) bool {
	return now < s.retryTime() &&
		(!s.differsFrom(asked) || s.repeated && s.count >= maxUnhelpful)
}

// differsFrom reports whether a challenge asks for something else than the last one.
// One that does not say what it asks for never does. s is not nil.
func (s *refusalBackoff) differsFrom(asked string) bool { return asked != "" && asked != s.asked }

// withRepetition returns s with a refusal that s spaces.
func (s *refusalBackoff) withRepetition() *refusalBackoff {
	out := *s
	out.repeated = true
	return &out
}

// retryTime returns when a refusal is no longer too close to the last one.
func (s *refusalBackoff) retryTime() instant {
	if s == nil {
		return 0
	}
	return s.retryAt
}
