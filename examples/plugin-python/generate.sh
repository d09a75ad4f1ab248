#!/bin/sh
# Makes provider_pb2.py from the contract, with Debian's protobuf-compiler.
set -eu
cd "$(dirname "$0")"
protoc -I ../../plugins/proto/v1 --python_out=ticket provider.proto
