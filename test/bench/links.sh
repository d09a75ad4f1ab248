#!/bin/sh
# What a program of a few lines links: with authsession.Load, with config.Load and one provider,
# and with golang.org/x/oauth2. Prints the rows of docs/performance.md. Run it anywhere.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
module=github.com/authsession/authsession
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export GOWORK=off GOFLAGS=-mod=mod

# program NAME IMPORTS CLIENT: main.go that makes a client and sends one request.
program() {
	mkdir "$dir/$1" && cd "$dir/$1"
	cat >main.go <<-PROGRAM
		package main

		import (
			"context"
			"io"
			"log"
			"os"

			$2
		)

		func main() {
			ctx := context.Background()
			$3
			resp, err := client.Get("https://reports.example.com/v1/today")
			if err != nil {
				log.Fatal(err)
			}
			defer resp.Body.Close()
			io.Copy(os.Stdout, resp.Body)
		}
	PROGRAM
	go mod init example.com/program 2>/dev/null
	version=$(cd "$root" && go list -m -f '{{.Version}}' golang.org/x/oauth2)
	go mod edit -require=golang.org/x/oauth2@"$version" -require=$module@v0.0.0 -replace=$module="$root"
	go mod tidy 2>/dev/null
	go build -trimpath -ldflags '-s -w' -o program .
	echo "| $1 | $(wc -l <go.sum) | $(go version -m program | grep -c '^	dep') |" \
		"$(go list -deps . | wc -l) | $(($(wc -c <program) / 100000)) |"
}

rest='if err != nil { log.Fatal(err) }
	defer cfg.Close(ctx)
	client := core.Client()'
echo '| | lines of go.sum | modules linked | packages | binary, 0.1 MB |'
echo '| --- | --: | --: | --: | --: |'
program authsession.Load "\"$module\"
	\"$module/core\"" "cfg, err := authsession.Load(ctx, nil)
	$rest"
program config.Load "\"$module/core\"
	\"$module/providers/oauth2\"
	\"$module/registry/config\"" "cfg, err := config.Load(ctx, config.Options{
		Files: []string{\"authsession.yaml\"}, Factories: []core.Factory{oauth2.Factory},
	})
	$rest"
program golang.org_x_oauth2 '"golang.org/x/oauth2/clientcredentials"' 'cfg := clientcredentials.Config{
		ClientID: "nightly-report", ClientSecret: os.Getenv("SECRET"), TokenURL: "https://login.example.com/token",
	}
	client := cfg.Client(ctx)'
