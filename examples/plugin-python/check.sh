#!/bin/sh
# Builds the plugin and checks it: its own tests, then the conformance kit.
set -eu
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
/usr/bin/python3 test_ticket.py
./build.sh "$dir/authsession-ticket"
settings=$PWD/good.json answers=$PWD/answers.json
cd ../..
go run ./plugins/cmd/plugin-check -log -settings "$settings" -answers "$answers" "$dir/authsession-ticket"
