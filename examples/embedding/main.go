// Embedding is a small service that calls an API with two sessions. While it
// answers requests, its configuration moves each session's provider into a
// plugin and back, by one line, and no request fails.
//
//	go run ./examples/embedding
//
// Read run and newService; change.go plays the operator and the callers. The
// program starts itself again as the plugin, so nothing has to be built first.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	_ "embed"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/examples/internal/demo"
	"github.com/authsession/authsession/examples/internal/self"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/providers/apikey"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/authsession/authsession/registry/config"
)

//go:embed authsession.yaml
var sample []byte

func main() {
	servePlugin()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "embedding:", err)
		os.Exit(1)
	}
}

// servePlugin is what the program does where it was started as the plugin.
func servePlugin() {
	self.Serve(self.Renamed("oauth2-plugin", oauth2.Factory), self.Renamed("apikey-plugin", apikey.Factory))
}

func run(ctx context.Context, out io.Writer) (err error) {
	servers, err := demo.Start() // what the sessions talk to
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.Close()) }()
	program, remove, err := self.Copy()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	dir, err := os.MkdirTemp("", "authsession-embedding-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "authsession.yaml")
	if err := os.WriteFile(file, sample, 0o600); err != nil {
		return err
	}

	// From here on it is what any service does.
	host := new(plugins.Host)
	defer func() { err = errors.Join(err, end(ctx, host.Close)) }()
	cfg, err := config.Load(ctx, config.Options{
		Files:     []string{file},
		Factories: providers.Builtin(),
		Plugins:   host,
		Environ:   append(append(os.Environ(), servers.Environ()...), program...),
		Session:   core.Options{Transport: servers.Transport()}, // trusts the authority of these servers
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end(ctx, cfg.Close)) }() // before the host
	service, err := newService(cfg)
	if err != nil {
		return err
	}
	defer service.Close()
	return changes(ctx, out, cfg, service.URL, file)
}

// end ends something within a time of its own, as ctx may have ended already.
func end(ctx context.Context, closing func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return closing(ctx)
}
