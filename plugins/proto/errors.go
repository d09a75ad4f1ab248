package proto

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	maxMessage = 2000 // runes of an error's text
	maxFaults  = 1000
	maxKey     = 200
	maxOp      = 40
	maxRetry   = time.Hour
)

// FromError makes a message of an error. Nil gives nil.
func FromError(err error) *v1.Error {
	if err == nil {
		return nil
	}
	m := &v1.Error{Code: v1.Code(core.CodeOf(err)), Message: err.Error()}
	defer tidy(m)
	var e *core.Error
	if errors.As(err, &e) {
		if e.RetryAfter > 0 {
			m.RetryAfter = durationpb.New(e.RetryAfter)
		}
		if e == err {
			m.Op, m.Message = e.Op, ""
			if e.Err != nil {
				m.Message = e.Err.Error()
			}
		}
	}
	var faults core.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			m.Faults = append(m.Faults, &v1.Fault{Path: slices.Clone(f.Path), Problem: f.Problem})
		}
	}
	return m
}

// tidy cuts what is too long to travel and what is not text.
func tidy(m *v1.Error) {
	m.Message, m.Op = printable(m.Message, maxMessage), printable(m.Op, maxOp)
	m.Faults = m.Faults[:min(len(m.Faults), maxFaults)]
	for _, f := range m.Faults {
		f.Problem = printable(f.Problem, maxMessage)
		for i := range f.Path {
			f.Path[i] = printable(f.Path[i], maxKey)
		}
	}
}

// ToError is the way back: the same code and the same text, made printable
// and cut to a sensible length. Nil gives nil.
func ToError(m *v1.Error) error {
	if m == nil {
		return nil
	}
	e := &core.Error{Code: core.Code(m.GetCode()), Op: printable(m.GetOp(), maxOp)}
	if m.GetCode() <= 0 || m.GetCode() > v1.Code(core.OriginRefused) {
		e.Code = core.Unavailable
	}
	if d := m.GetRetryAfter(); d != nil && d.CheckValid() == nil {
		e.RetryAfter = min(max(0, d.AsDuration()), maxRetry)
	}
	if len(m.GetFaults()) > 0 {
		faults := make(core.Faults, 0, min(len(m.GetFaults()), maxFaults))
		for _, f := range m.GetFaults()[:cap(faults)] {
			path := make([]string, len(f.GetPath()))
			for i, key := range f.GetPath() {
				path[i] = printable(key, maxKey)
			}
			if len(path) == 0 {
				path = nil
			}
			faults = append(faults, core.Fault{Path: path, Problem: printable(f.GetProblem(), maxMessage)})
		}
		e.Err = faults
	} else if text := printable(m.GetMessage(), maxMessage); text != "" {
		e.Err = errors.New(text)
	}
	return e
}

// printable frees foreign text of control characters and cuts it.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}
