// Command authsession gives a person, a script or another program the sessions of
// a configuration file: it signs in, prints tokens, sends requests, runs commands
// with credentials, and serves kubectl, AWS tools and git as a helper.
//
//	authsession login
//	authsession status
//	curl -H "$(authsession token reports --header)" https://reports.example.com/v1/today
//
// docs/command has a page for each subcommand. Read on in internal/command/app.go.
package main

//go:generate go run ./internal/pages ../../docs/command

import (
	"os"

	"github.com/authsession/authsession/cmd/authsession/internal/command"
)

func main() { os.Exit(command.Main(nil)) }
