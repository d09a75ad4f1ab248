package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/authsession/authsession/core/providertest"
)

// report prints the results, the broken promises in full, and reports whether
// all are kept.
func report(out io.Writer, results []providertest.Result) bool {
	width := 0
	for _, r := range results {
		width = max(width, len(r.Name))
	}
	indent := strings.Repeat(" ", 6)
	var good, bad, skipped int
	for _, r := range results {
		switch {
		case r.Skipped != "":
			skipped++
			fmt.Fprintf(out, "skip  %-*s  %s\n", width, r.Name, r.Skipped)
		case r.Err == nil:
			good++
			fmt.Fprintf(out, "ok    %s\n", r.Name)
		default:
			bad++
			fmt.Fprintf(out, "FAIL  %s\n%spromise: %s\n", r.Name, indent, r.Promise)
			for _, err := range each(r.Err) {
				fmt.Fprintf(out, "%sbroken:  %s\n", indent, strings.ReplaceAll(err.Error(), "\n", "\n"+indent+"         "))
			}
		}
	}
	fmt.Fprintf(out, "\n%d checks: %d kept, %d broken, %d do not apply\n", len(results), good, bad, skipped)
	return bad == 0
}

// each takes joined errors apart.
func each(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && err.Error() == errors.Join(joined.Unwrap()...).Error() {
		return joined.Unwrap()
	}
	return []error{err}
}
