// Command ours is the plugin of the benchmark, in a binary with nothing else.
package main

import "github.com/authsession/authsession/test/bench/ticket"

func main() { ticket.Serve() }
