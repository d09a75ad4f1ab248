#!/bin/sh
# Makes the plugin: one file, so that its checksum covers all of it.
# Usage: build.sh OUTPUT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh OUTPUT}
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp "$here"/ticket/*.py "$stage"
/usr/bin/python3 -m zipapp "$stage" --python '/usr/bin/python3 -I' --output "$out"
chmod 755 "$out"
