package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"syscall"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// report prints an error and returns the exit status.
func (a *app) report(ctx context.Context, err error) int {
	var done status
	switch {
	case err == nil:
		return 0
	case errors.As(err, &done):
		return int(done)
	case errors.Is(err, syscall.EPIPE):
		return exitOther // the reader of the answer has closed it
	}
	k := a.kindOf(ctx, err)
	command := a.nextCommand(k, err)
	if a.json() || !a.running && wantsJSON(os.Args[1:]) {
		a.reportJSON(k, err, command)
		return k.status
	}
	if k.name == interruptKd.name {
		fmt.Fprintln(a.stderr, "authsession: interrupted")
		return k.status
	}
	lines := printableLines(message(err))
	switch {
	case command != "" && len(lines) > 1:
		lines = append(lines, "run: "+command)
	case command != "":
		lines[0] += "; run: " + command
	}
	for _, line := range lines {
		fmt.Fprintln(a.stderr, "authsession: "+line)
	}
	return k.status
}

// message returns the text of an error without when the session would try again: the
// process ends, and the next one may try at once.
func message(err error) string {
	var f *failure
	if errors.As(err, &f) {
		err = f.err
	}
	if e, ok := err.(*core.Error); ok && e != nil {
		once := *e
		once.RetryAfter = 0
		err = &once
	}
	return err.Error()
}

// errorJSON is an error as JSON. Fields are only added.
type errorJSON struct {
	Code       string      `json:"code"`
	Session    string      `json:"session,omitempty"`
	Op         string      `json:"op,omitempty"`
	Message    string      `json:"message"`
	RetryAfter float64     `json:"retry_after_s,omitempty"`
	Next       string      `json:"next,omitempty"`
	Faults     []faultJSON `json:"faults,omitempty"`
}

type faultJSON struct {
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Variable string `json:"variable,omitempty"`
	Key      string `json:"key,omitempty"`
	Problem  string `json:"problem"`
}

func (a *app) errorJSON(k kind, err error, command string) errorJSON {
	out := errorJSON{
		Code: k.name, Next: command,
		Message: strings.Join(printableLines(message(err)), "\n"),
	}
	var e *core.Error
	if errors.As(err, &e) {
		out.Session, out.Op = e.Session, e.Op
		if k == kinds[core.CodeUnavailable] {
			out.RetryAfter = math.Round(e.RetryAfter.Seconds()*1000) / 1000
		}
	}
	var f *failure
	if out.Session == "" && errors.As(err, &f) {
		out.Session = printable(f.session)
	}
	var faults *config.Error
	if errors.As(err, &faults) {
		for _, f := range faults.Faults {
			out.Faults = append(out.Faults, faultJSON{
				File: f.File, Line: f.Line, Column: f.Column, Variable: f.Variable,
				Key: f.Key, Problem: f.Problem,
			})
		}
	}
	return out
}

// wantsJSON reports whether arguments that were not understood have the flag for JSON.
func wantsJSON(args []string) bool {
	var value string
	for i, arg := range args {
		next := ""
		if i+1 < len(args) {
			next = args[i+1]
		}
		long, isLong := strings.CutPrefix(arg, "--output=")
		switch {
		case arg == "--":
			return value == "json"
		case arg == "-o" || arg == "--output":
			value = next
		case isLong:
			value = long
		case strings.HasPrefix(arg, "-o"):
			value = strings.TrimPrefix(arg[len("-o"):], "=")
		}
	}
	return value == "json"
}

func (a *app) reportJSON(k kind, err error, command string) {
	_ = writeJSON(a.stderr, map[string]errorJSON{"error": a.errorJSON(k, err, command)})
}

// writeJSON writes a document and a line break.
func writeJSON(w io.Writer, document any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(document)
}

// writeJSONLine writes a document as one line, with a line break and nothing after it.
func writeJSONLine(w io.Writer, document any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(document)
}

// longest bounds a line of an error, in characters.
const longest = 4096

// printable returns one line of text that does nothing to a terminal.
func printable(text string) string { return core.Printable(text, longest) }

// printableLines is printable for each line.
func printableLines(text string) []string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return lines
}
