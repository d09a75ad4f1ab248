// Command bare is the bare plugin, in a binary of its own.
package main

import "github.com/authsession/authsession/test/bench/bare"

func main() { bare.Serve() }
