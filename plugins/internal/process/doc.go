// Package process runs programs as plugins: it checks a program's file, starts
// it, connects to it, notices when it hangs or ends, starts another process
// when one is needed, and ends a process with all that it has started. It also
// has the plugin's side of ending.
//
// It knows the handshake and the limits of the protocol, and nothing of what
// the protocol is for. What a plugin says about itself, and how it is asked for
// a sign of life, are functions of [Config].
//
// Read on in protocol.go.
package process
