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
	maxText  = 2000      // runes of an error's text
	maxName  = 200       // runes of a name or a key
	maxFault = 64 << 10  // bytes of all faults that are sent
	maxHeard = 128 << 10 // bytes of all faults that are read
	maxRetry = time.Hour
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
		if e == err { // its code is said once
			m.Op, cause = printable(e.Op, maxName), e.Err
		}
	}
	faults := faultsOf(err)
	for _, f := range cut(len(faults), func(i int) core.Fault { return faults[i] }, maxFault) {
		m.Faults = append(m.Faults, &v1.Fault{Path: f.Path, Problem: f.Problem})
	}
	if cause != nil && (len(faults) == 0 || cause.Error() != faults.Error()) {
		m.Message = printable(strings.ReplaceAll(cause.Error(), "\n", "; "), maxText) // as errors.Join has it
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

// ToError is the way back: the same code and the same text, made printable
// and cut to a sensible length. Nil gives nil.
func ToError(m *v1.Error) error {
	if m == nil {
		return nil
	}
	e := &core.Error{Code: core.Code(m.GetCode()), Op: printable(m.GetOp(), maxName), Local: m.GetLocal(), Input: printable(m.GetInput(), maxName)}
	if m.GetCode() <= 0 || m.GetCode() > v1.Code(core.OriginRefused) {
		e.Code = core.Unavailable
	}
	if d := m.GetRetryAfter(); d != nil && d.CheckValid() == nil {
		e.RetryAfter = min(max(0, d.AsDuration()), maxRetry)
	}
	text := printable(m.GetMessage(), maxText)
	switch faults := toFaults(m.GetFaults()); {
	case len(faults) > 0 && (text == "" || text == faults.Error()):
		e.Err = faults
	case len(faults) > 0:
		e.Err = &described{text, faults}
	case text != "":
		e.Err = errors.New(text)
	}
	return e
}

// described is an error about faults that has a text of its own.
type described struct {
	text   string
	faults core.Faults
}

func (d *described) Error() string { return d.text }
func (d *described) Unwrap() error { return d.faults }

func toFaults(list []*v1.Fault) core.Faults {
	return cut(len(list), func(i int) core.Fault { return core.Fault{Path: list[i].GetPath(), Problem: list[i].GetProblem()} }, maxHeard)
}

// cut makes n faults printable and leaves out those beyond a limit of bytes,
// saying so.
func cut(n int, at func(int) core.Fault, limit int) core.Faults {
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

// printable makes foreign text fit to be shown.
func printable(s string, limit int) string { return core.Printable(s, limit) }
