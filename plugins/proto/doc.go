// Package proto is the protocol between a host and a plugin: the published
// contract (v1/provider.proto), its generated code, and the translation of
// what it says to and from the types of core. A plugin in another language
// needs the .proto file and docs/plugin-protocol.md alone.
//
// Translation is total: what comes from the other side may be anything, and
// becomes a value of core or a clear error, never a panic. It checks form, not
// sense; core checks what may reach a request.
//
// Read on in convert.go; package plugins has both ends.
package proto

//go:generate ./generate.sh
