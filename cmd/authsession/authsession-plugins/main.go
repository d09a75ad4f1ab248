// Command authsession-plugins is authsession with what runs plugins. authsession
// runs it in its own place if the configuration names plugins; people and scripts
// call authsession.
package main

import (
	"log/slog"
	"os"

	"github.com/authsession/authsession/cmd/authsession/internal/command"
	"github.com/authsession/authsession/plugins"
)

func main() {
	os.Exit(command.Main(func(l *slog.Logger) command.Host { return &plugins.Host{Logger: l} }))
}
