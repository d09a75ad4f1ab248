#!/bin/sh
# Installs what the plugin needs of Debian's packages. Run it again whenever
# you like; it does only what is missing, and says what it cannot do.
set -eu
if /usr/bin/python3 -c 'import cryptography, google.protobuf, grpc' 2>/dev/null; then
	echo "plugin-python: grpcio, protobuf and cryptography are there"
	exit 0
fi
packages='python3 python3-cryptography python3-grpcio python3-protobuf'
if ! command -v apt-get >/dev/null 2>&1; then
	echo "plugin-python: there is no apt-get; install for /usr/bin/python3 by hand: cryptography, grpcio, protobuf" >&2
	exit 1
elif [ "$(id -u)" != 0 ]; then
	echo "plugin-python: run 'apt-get install $packages' as root" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list
if { apt-get install -y --no-install-recommends $packages ||
	{ apt-get update && apt-get install -y --no-install-recommends $packages; }; } >"$log" 2>&1; then
	echo "plugin-python: grpcio, protobuf and cryptography are installed"
else
	cat "$log" >&2
	exit 1
fi
