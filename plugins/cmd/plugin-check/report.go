// This is the last file.

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
			for _, err := range splitErrors(r.Err) {
				text := strings.ReplaceAll(err.Error(), "\n", "\n"+indent+"         ")
				fmt.Fprintf(out, "%sbroken:  %s\n", indent, text)
			}
		}
	}
	fmt.Fprintf(out, "\n%d checks: %d kept, %d broken, %d do not apply\n",
		len(results), good, bad, skipped)
	return bad == 0
}

// splitErrors returns the errors that errors.Join has joined, or err alone.
func splitErrors(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && err.Error() == errors.Join(joined.Unwrap()...).Error() {
		return joined.Unwrap()
	}
	return []error{err}
}
