// This is the last file.

package proto

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	maxSentFaults = 64 << 10  // bytes of all faults
	maxReadFaults = 128 << 10 // bytes of all faults
	maxRetry      = time.Hour
)

// FromError makes a message of an error, cut to a sensible length. Nil gives
// nil.
func FromError(err error) *v1.Error {
	if err == nil {
		return nil
	}
	m := &v1.Error{Code: v1.Code(core.CodeOf(err))}
	cause := err
	if _, bare := err.(core.Code); bare {
		cause = nil
	}
	var e *core.Error
	if errors.As(err, &e) {
		if e.RetryAfter > 0 {
			m.RetryAfter = durationpb.New(min(e.RetryAfter, maxRetry))
		}
		m.Local, m.Input = e.Local, printable(e.Input, maxName)
		if e == err { // else its code is part of the text of err
			m.Op, cause = printable(e.Op, maxName), e.Err
		}
	}
	faults := faultsOf(err)
	at := func(i int) core.Fault { return faults[i] }
	for _, f := range cutFaults(len(faults), at, maxSentFaults) {
		m.Faults = append(m.Faults, &v1.Fault{Path: f.Path, Problem: f.Problem})
	}
	if cause != nil && (len(faults) == 0 || cause.Error() != faults.Error()) {
		oneLine := strings.ReplaceAll(cause.Error(), "\n", "; ") // errors.Join makes lines
		m.Message = printable(oneLine, maxText)
	}
	return m
}

// faultsOf finds faults in the tree of err.
func faultsOf(err error) core.Faults {
	var faults core.Faults
	if errors.As(err, &faults) {
		return faults
	}
	var f core.Fault
	if errors.As(err, &f) {
		return core.Faults{f}
	}
	return nil
}

// ToError makes an error of a message: the same code and the same text, made
// printable and cut to a sensible length. Nil gives nil.
func ToError(m *v1.Error) error {
	if m == nil {
		return nil
	}
	e := &core.Error{
		Code: core.Code(m.GetCode()), Op: printable(m.GetOp(), maxName), Local: m.GetLocal(),
		Input: printable(m.GetInput(), maxName),
	}
	if m.GetCode() <= 0 || m.GetCode() > v1.Code(core.CodeOriginRefused) {
		e.Code = core.CodeUnavailable
	}
	if d := m.GetRetryAfter(); d != nil && d.CheckValid() == nil {
		e.RetryAfter = min(max(0, d.AsDuration()), maxRetry)
	}
	text := printable(m.GetMessage(), maxText)
	switch faults := toFaults(m.GetFaults()); {
	case len(faults) > 0 && (text == "" || text == faults.Error()):
		e.Err = faults
	case len(faults) > 0:
		e.Err = &faultsError{text, faults}
	case text != "":
		e.Err = errors.New(text)
	}
	return e
}

// faultsError is an error about faults that has a text of its own.
type faultsError struct {
	text   string
	faults core.Faults
}

func (e *faultsError) Error() string { return e.text }
func (e *faultsError) Unwrap() error { return e.faults }

func toFaults(list []*v1.Fault) core.Faults {
	at := func(i int) core.Fault {
		return core.Fault{Path: list[i].GetPath(), Problem: list[i].GetProblem()}
	}
	return cutFaults(len(list), at, maxReadFaults)
}

// cutFaults returns n faults, made printable. Instead of those beyond limit bytes,
// the last one says how many there are.
func cutFaults(n int, at func(int) core.Fault, limit int) core.Faults {
	var out core.Faults
	for i := range n {
		f := at(i)
		clean := core.Fault{Problem: printable(f.Problem, maxText)}
		limit -= len(clean.Problem) + len("; ")
		for _, key := range f.Path[:min(len(f.Path), maxDepth)] {
			key = printable(key, maxName)
			clean.Path = append(clean.Path, key)
			limit -= len(key) + len(".")
		}
		if limit < 0 {
			return append(out, core.Fault{Problem: fmt.Sprintf("and %d more", n-i)})
		}
		out = append(out, clean)
	}
	return out
}
