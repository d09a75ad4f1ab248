#!/bin/sh
# Makes the Go code of the protocol, with the generators that examples/go.mod names. It needs
# protoc (Debian: protobuf-compiler); "go generate ./plugins/proto" calls it.
set -eu
cd "$(dirname "$0")/v1"
tool() { (cd ../../../examples && GOWORK=off go tool -n "$1"); }
protoc --plugin=protoc-gen-go="$(tool protoc-gen-go)" \
	--plugin=protoc-gen-go-grpc="$(tool protoc-gen-go-grpc)" \
	--go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative provider.proto
