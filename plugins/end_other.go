//go:build !unix

package plugins

import "os"

// endSignals ask a plugin to end.
var endSignals = []os.Signal{os.Interrupt}

func endGroup() {}
