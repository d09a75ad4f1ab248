// Package proto is the protocol between a host and a plugin: the published
// contract (v1/provider.proto), its generated code, and the translation of
// messages to and from the types of core. A plugin in another language needs
// only the .proto file and docs/plugin-protocol.md.
//
// Any message of the other side becomes a value of core or a clear error, never
// a panic. The translation checks form, not sense; core checks what may reach a
// request.
//
// Hosts and plugins made with package plugins do not use it directly.
//
// Read on in scalars.go.
package proto

//go:generate ./generate.sh
