// Read on in machine.go.

package core

import "time"

const (
	localWait      = time.Second // after a failure that did not leave this machine
	maxRefusalWait = time.Minute // the longest wait between refusals in a row
)

// waitsOf returns the wait after the first failure of a code, and the longest
// one after several in a row.
func waitsOf(code Code) (first, longest time.Duration) {
	if code == CodeUnavailable {
		return time.Second, maxRefusalWait
	}
	return 10 * time.Second, 5 * time.Minute
}

// failure is a number of failures in a row, and when the next attempt may be
// made.
type failure struct {
	count int
	until instant
	err   *Error
	who   audience // of the last attempt that failed
}

// codes is one more than the largest Code.
const codes = len(codeNames)

// failures remembers what failed since the last success. Each code counts its
// own failures, so that a server that was down does not lengthen the cool-down
// of the first wrong secret. A failures value is never written to; nil means
// that nothing failed.
type failures struct {
	byCode [codes]failure
	last   Code
}

// add returns f with one more failure. The wait after Unavailable doubles from a
// second to a minute, with jitter over three quarters of it, and is not shorter
// than the server's Retry-After. After the other codes it doubles from ten
// seconds to five minutes. A failure that did not leave this machine is looked at
// again after a second, however often it occurs.
func (f *failures) add(
	now instant, e *Error, who audience, random func(time.Duration) time.Duration,
) *failures {
	next := &failures{}
	if f != nil {
		*next = *f
	}
	code := e.Code
	if int(code) >= codes {
		code = CodeUnavailable
	}
	own := &next.byCode[code]
	if !e.Local || own.count == 0 {
		own.count++
	}
	own.until = now.plus(pause(own.count, e, random))
	own.err, own.who = e, who
	next.last = code
	return next
}

// pause returns how long to wait after the count-th failure in a row.
func pause(count int, e *Error, random func(time.Duration) time.Duration) time.Duration {
	d := localWait
	if !e.Local {
		first, longest := waitsOf(e.Code)
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
// on up to limit.
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
// attempt for an audience, or nil if the attempt may be made now. That nobody
// could be asked to sign in for a lower audience does not bind a higher one.
func (f *failures) binding(now instant, who audience) *failure { return f.longest(now, who, 1) }

// longest is binding for failures that occurred at least count times in a row.
func (f *failures) longest(now instant, who audience, count int) *failure {
	if f == nil {
		return nil
	}
	var out *failure
	for i := range f.byCode {
		one := &f.byCode[i]
		if one.count < count || one.until <= now || Code(i) == CodeInteractive && one.who < who {
			continue
		}
		if out == nil || one.until > out.until {
			out = one
		}
	}
	return out
}

// remembered returns the error of the failure that binds an attempt for an
// audience, or nil. Its RetryAfter is what is left of the wait.
func (f *failures) remembered(now instant, who audience) error {
	b := f.binding(now, who)
	if b == nil {
		return nil
	}
	return b.report(now)
}

// report returns a copy of the error that says when the next attempt may be made.
func (f *failure) report(now instant) error {
	e := *f.err
	e.RetryAfter = max(0, f.until.until(now))
	return &e
}

// end returns when an attempt for an audience may be made.
func (f *failures) end(now instant, who audience) instant {
	if b := f.binding(now, who); b != nil {
		return b.until
	}
	return 0
}

// initWait tells an Init what earlier failures mean for it: nothing after the
// first failure of a code; from then on it waits if that is short and the fault
// may pass, and otherwise returns the error.
func (f *failures) initWait(now instant, who audience, short time.Duration) (time.Duration, error) {
	b := f.longest(now, who, 2)
	if b == nil {
		return 0, nil
	}
	if wait := b.until.until(now); b.err.Code == CodeUnavailable && wait <= short {
		return wait, nil
	}
	return 0, b.report(now)
}

// lastError returns the error of the last attempt, or nil if none failed since
// the last success.
func (f *failures) lastError() *Error {
	if f == nil {
		return nil
	}
	return f.byCode[f.last].err
}

// spacing spaces refusals that follow each other like failures. It is never
// written to; nil means that there was none.
type spacing struct {
	count int
	until instant
}

// next returns s with one more refusal at now.
func (s *spacing) next(now instant, random func(time.Duration) time.Duration) *spacing {
	out := &spacing{count: 1}
	if s != nil {
		out.count += s.count
	}
	out.until = now.plus(pause(out.count, &Error{Code: CodeUnavailable}, random))
	return out
}

// end returns when a refusal no longer follows closely.
func (s *spacing) end() instant {
	if s == nil {
		return 0
	}
	return s.until
}
