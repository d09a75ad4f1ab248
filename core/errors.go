// Read on in deviceprompt.go.

package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Code says what to do next about an error. It is itself an error, so that
// errors.Is(err, core.CodeDenied) asks for it.
type Code uint8

// The codes. Their numbers are part of the plugin protocol. A chain of
// alternatives tries its next member only after CodeUnavailable.
const (
	_                  Code = iota
	CodeBadConfig           // fix the settings
	CodeUnavailable         // try later
	CodeDenied              // use other credentials
	CodeInteractive         // a person must sign in
	CodeNotInitialized      // call Init
	CodeClosed              // call Init again
	CodeOriginRefused       // not this session's API
)

var codeNames = [...]string{
	"unknown", "bad config", "unavailable", "denied", "interactive", "not initialized", "closed",
	"origin refused",
}

// Error returns the code's name in lower case.
func (c Code) Error() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return codeNames[0]
}

// codeText returns the code as one word, for JSON and log records: the name with
// underscores.
func codeText(c Code) string { return strings.ReplaceAll(c.Error(), " ", "_") }

// MarshalText implements [encoding.TextMarshaler]: the name with underscores, as
// "bad_config". A number that is not one of the codes is "unknown".
func (c Code) MarshalText() ([]byte, error) { return []byte(codeText(c)), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. A text that is not one of
// the codes', such as that of a later version, is an error, and c stays as it is.
func (c *Code) UnmarshalText(text []byte) error {
	for i := CodeBadConfig; int(i) < len(codeNames); i++ {
		if codeText(i) == string(text) {
			*c = i
			return nil
		}
	}
	return fmt.Errorf("code %q is unknown", printable(string(text)))
}

// Error is the error of every function of this module that authenticates. Authors
// of providers call [Errorf]; the session adds its name, the kind and the operation,
// once. An Error never contains a secret or the body of an answer.
type Error struct {
	Session    string // the session's name, if there is one
	Kind       string // the provider's kind, if it is known
	Op         string // "init", "renew", "authorize", "sign", "revoke", "open"
	Code       Code
	RetryAfter time.Duration // when another attempt is allowed; zero: unknown or at once
	// Local says that nothing was sent to a server: a file of this machine is
	// missing, incomplete or expired, or a program cannot be started. A session then
	// tries again soon, without the growing pauses that protect a server.
	// False: something may have been sent.
	Local bool
	// Input is the role of the input in Request.Inputs that the server refused
	// (see [InputRefused]). Empty: none, or it is not known which.
	Input string
	Err   error // the cause; may be nil
}

// Error returns one line: the session, the operation, the code and the cause.
func (e *Error) Error() string {
	if e == nil {
		return "a nil *core.Error"
	}
	var b strings.Builder
	if e.Session != "" {
		fmt.Fprintf(&b, "session %q", e.Session)
		if e.Kind != "" {
			fmt.Fprintf(&b, " (%s)", e.Kind)
		}
		b.WriteString(": ")
	} else if e.Kind != "" {
		fmt.Fprintf(&b, "provider %q: ", e.Kind)
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

// Timeout reports whether the cause is a deadline that passed: that of a context,
// or an error whose own Timeout method returns true. [url.Error] and [os.IsTimeout]
// call it.
func (e *Error) Timeout() bool {
	return e != nil && timedOut(e.Err)
}

func timedOut(err error) bool {
	if e, ok := err.(*Error); ok {
		return e.Timeout()
	}
	if e, ok := err.(interface{ Timeout() bool }); ok && e.Timeout() {
		return true
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return timedOut(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(wrapper.Unwrap(), timedOut)
	}
	return false
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

// LocalErrorf is [Errorf] for an error with [Error.Local] set: the provider has
// sent nothing.
func LocalErrorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Local: true, Err: fmt.Errorf(format, args...)}
}

// InputRefused returns err with [Error.Input] set: the server refused the credential of that
// role in Request.Inputs, not the provider's own secrets. The code, RetryAfter and the text
// stay as they are. The session then rejects that credential in the session that it came
// from ([Session.Reject]) and asks the provider once more, with what that session has next.
// Without it, the provider is given the same input again at the next attempt. A role that
// the request did not have is [CodeBadConfig]. It returns nil for nil and does not change
// err.
func InputRefused(role string, err error) error {
	if err == nil {
		return nil
	}
	out := Error{Code: CodeOf(err), Err: err}
	var e *Error
	switch errors.As(err, &e); {
	case e == nil:
	case e == err:
		out = *e
	default:
		out.RetryAfter, out.Local = e.RetryAfter, e.Local
	}
	if _, ok := err.(Code); ok {
		out.Err = nil
	}
	out.Input = role
	return &out
}

// refusedRole returns the role that InputRefused put into err, or "".
func refusedRole(err error) string {
	var e *Error
	if errors.As(err, &e) && e != nil {
		return e.Input
	}
	return ""
}

// Prefix returns err with text and a colon before its cause. The code,
// RetryAfter, Input and everything else stay, which [Errorf] with [CodeOf] would lose.
// It returns nil for nil, does not change err, and wraps the cause.
func Prefix(err error, text string) error {
	if err == nil {
		return nil
	}
	out, cause := Error{}, err
	var e *Error
	if errors.As(err, &e) && e != nil {
		out.RetryAfter, out.Local, out.Input = e.RetryAfter, e.Local, e.Input
		if e == err { // the outermost: its text is not repeated
			out, cause = *e, e.Err
		}
	}
	if _, ok := err.(Code); ok {
		cause = nil
	}
	out.Code, out.Err = CodeOf(err), errors.New(text)
	if cause != nil {
		out.Err = fmt.Errorf("%s: %w", text, cause)
	}
	return &out
}

// Cause returns the Err of an [*Error] that has one, to wrap it with another code.
// It returns any other error, and nil, unchanged.
func Cause(err error) error {
	if e, ok := err.(*Error); ok && e != nil && e.Err != nil {
		return e.Err
	}
	return err
}

// CodeOf returns the code of err: that of the outermost [*Error] or Code in
// its tree, CodeUnavailable for an error without one, and zero for nil.
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
	return CodeUnavailable
}

func roundWait(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

// maxRetryAfter bounds what a provider's error can make a session wait.
const maxRetryAfter = time.Hour
