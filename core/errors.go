package core

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code says what to do next about an error. It is itself an error, so that
// errors.Is(err, core.Denied) asks for it.
type Code uint8

// The codes. Their numbers are part of the plugin protocol. A chain of
// alternatives moves on only for Unavailable.
const (
	_              Code = iota
	BadConfig           // fix the settings
	Unavailable         // try later
	Denied              // these credentials will not do
	Interactive         // a person must sign in
	NotInitialized      // call Init
	Closed              // call Init again
	OriginRefused       // not this session's API
)

var codeNames = [...]string{"unknown", "bad config", "unavailable", "denied", "interactive", "not initialized", "closed", "origin refused"}

// Error returns the code's name in lower case.
func (c Code) Error() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return codeNames[0]
}

// Error is what every function of this module that authenticates returns. The
// authors of providers write [Errorf]; the session adds who and what, once.
// It never holds a secret or the body of an answer.
type Error struct {
	Session    string // the session's name, if there is one
	Provider   string // the provider's kind, if it is known
	Op         string // "init", "renew", "authorize", "sign", "revoke", "open"
	Code       Code
	RetryAfter time.Duration // when another attempt is allowed; zero: unknown or at once
	Local      bool          // nothing left this machine: a local file, say, is missing or has expired
	Err        error         // the cause; may be nil
}

// Error returns one line: who, what, the code and the cause.
func (e *Error) Error() string {
	if e == nil {
		return "a nil *core.Error"
	}
	var b strings.Builder
	if e.Session != "" {
		fmt.Fprintf(&b, "session %q", e.Session)
		if e.Provider != "" {
			fmt.Fprintf(&b, " (%s)", e.Provider)
		}
		b.WriteString(": ")
	} else if e.Provider != "" {
		fmt.Fprintf(&b, "provider %q: ", e.Provider)
	}
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Code.Error())
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, "; next attempt in %v", roundWait(e.RetryAfter))
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is reports whether target is e's code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && e != nil && code == e.Code
}

// Errorf returns an [*Error] with a code and a cause made by [fmt.Errorf]. It
// is how a provider reports; %w works as usual.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Cause returns what an [*Error] holds, for an error that says the same with
// another code; any other error comes back as it is.
func Cause(err error) error {
	if e, ok := err.(*Error); ok && e != nil && e.Err != nil {
		return e.Err
	}
	return err
}

// CodeOf returns the code of err: that of the outermost [*Error] or Code in
// its tree, Unavailable for an error without one, and zero for nil.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	var e *Error
	if errors.As(err, &e) && e != nil && e.Code != 0 {
		return e.Code
	}
	var code Code
	if errors.As(err, &code) && code != 0 {
		return code
	}
	return Unavailable
}

func roundWait(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
