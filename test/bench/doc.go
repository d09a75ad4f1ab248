// Command bench measures authsession beside the libraries that programs use
// for the same work today, all in one run and on the same work:
//
//	go run ./bench          # in test/; about four minutes
//	go run ./bench -quick   # half a minute: does everything once
//	go run ./bench -only 'gRPC|memory'
//
// It prints Markdown: one table a question, each figure as the median with the
// lowest and highest of the runs in brackets. The short rows are ordinary Go
// benchmarks too: go test -bench . ./bench.
//
// Nothing leaves the machine: token endpoints and APIs listen on the loopback.
package main
