#!/bin/sh
# Makes the Go code of the protocol, with generators of fixed versions. It needs
# protoc (Debian: protobuf-compiler); "go generate ./plugins/proto" calls it.
set -eu
cd "$(dirname "$0")/v1"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
GOBIN="$bin" GOWORK=off GOFLAGS= go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.11
GOBIN="$bin" GOWORK=off GOFLAGS= go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0
PATH="$bin:$PATH" protoc --go_out=. --go_opt=paths=source_relative \
	--go-grpc_out=. --go-grpc_opt=paths=source_relative provider.proto
